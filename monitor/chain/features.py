"""Asks a node what it can do, once. "Cannot" must be an answer: a node that is down tells nothing."""

from __future__ import annotations

from collections.abc import Callable

from monitor.chain.blocks import BLOCK, to_ref
from monitor.chain.header import HEADER, hash_matches
from monitor.chain.member import Feature, Member
from monitor.chain.quantity import hex_number
from monitor.chain.rpc import ANY, TEXT, Call
from monitor.domain import BlockRef
from monitor.errors import BadAnswer, BlockGone, CallReverted, NodeError, TooLarge, Unsupported

CANARY = "0xca11ab1e00000000000000000000000000e74a2a"
"""Nobody's address: without an override it has no code."""
RETURN_42 = "0x602a60005260206000f3"


def probe(member: Member, feature: Feature) -> bool:
    """Whether the node has it, from memory or by asking. Raises NodeError when it does not answer."""
    known = member.features.get(feature)
    if known is None:
        known = _PROBES[feature](member)
        member.features[feature] = known
    return known


def probe_all(member: Member) -> dict[Feature, bool]:
    """Every feature."""
    return {feature: probe(member, feature) for feature in Feature}


def _head(member: Member) -> BlockRef:
    json = member.endpoint.call("eth_getBlockByNumber", ["latest", False], BLOCK)
    if json is None:
        raise BadAnswer(member.label, "it has no latest block.")
    return to_ref(json, member.label)


def _answers(member: Member, method: str, params: list[object]) -> bool:
    try:
        return member.endpoint.call(method, params, ANY) is not None
    except (Unsupported, BlockGone):
        return False


def _config(member: Member) -> bool:
    return _answers(member, "eth_config", [])


def _headers(member: Member) -> bool:
    """Only where it has all that its hash covers: some nodes leave fields out."""
    try:
        json = member.endpoint.call("eth_getHeaderByNumber", [hex_number(_head(member).number)], HEADER)
    except (Unsupported, BlockGone, BadAnswer):
        return False
    return json is not None and hash_matches(json)


def _receipts(member: Member) -> bool:
    return _answers(member, "eth_getBlockReceipts", [_head(member).hash])


def _overrides(member: Member) -> bool:
    """Some nodes take overrides without a word and ignore them: only the answer 42 proves them."""
    call = [{"to": CANARY, "data": "0x"}, hex_number(_head(member).number), {CANARY: {"code": RETURN_42}}]
    try:
        answer = member.endpoint.call("eth_call", call, TEXT)
    except (Unsupported, CallReverted, BlockGone):
        return False
    return answer == f"0x{42:064x}"


def _batch(member: Member) -> bool:
    answers = member.endpoint.batch([Call("eth_chainId", [])] * 2, TEXT)
    return member.endpoint.batch_limit > 1 and not any(isinstance(answer, NodeError) for answer in answers)


def _pin_by_hash(member: Member) -> bool:
    at = {"blockHash": _head(member).hash}
    try:
        member.endpoint.call("eth_getBalance", [CANARY, at], TEXT)
    except TooLarge:
        raise
    except Unsupported:
        return False
    return True


_PROBES: dict[Feature, Callable[[Member], bool]] = {
    Feature.CONFIG: _config,
    Feature.HEADERS: _headers,
    Feature.BLOCK_RECEIPTS: _receipts,
    Feature.OVERRIDES: _overrides,
    Feature.BATCH: _batch,
    Feature.PIN_BY_HASH: _pin_by_hash,
}
