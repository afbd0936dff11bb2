"""Blocks are believed when their fields are under their hash, whoever sent them.

    known chain      a header that does not match its hash is a bad answer, except that a fork after
                     Amsterdam may have fields that we do not know
    unknown chain    the same from the first block that matched on; some private networks compute
                     hashes in their own way, and are followed unchecked

An excuse is logged once and shown in the endpoint's health: a liar could claim it.
"""

from __future__ import annotations

import logging

from monitor.chain.blocks import BlockJson
from monitor.chain.header import HEADER, KEYS, HeaderJson, hash_matches, unknown_fields
from monitor.chain.member import Member
from monitor.chain.rpc import Call
from monitor.errors import BadAnswer, NodeError
from monitor.supply.forks import CHAINS

log = logging.getLogger(__name__)


def read_checked(
    member: Member, call: Call, chain_id: int | None, timeout_s: float | None = None
) -> HeaderJson | None:
    """A block or header whose hash is its own; None where the node has none. Raises NodeError."""
    json = member.endpoint.call(*call, HEADER, timeout_s=timeout_s)
    check_hash(member, json, chain_id)
    return json


def check_hash(member: Member, answer: BlockJson | NodeError | None, chain_id: int | None) -> None:
    """Raises BadAnswer for a block that is not what its hash says."""
    if not isinstance(answer, HeaderJson) or not member.hashes_checkable:
        return
    if hash_matches(answer):
        member.hashes_matched = True
        return
    excuse = _excuse(member, answer, chain_id)
    if excuse is None:
        raise BadAnswer(member.label, f"the hash of block {answer.number[:18]} is not that of its header.")
    member.hashes_checkable = False
    log.warning("%s: block hashes cannot be checked: %s", member.label, excuse)


def _excuse(member: Member, header: HeaderJson, chain_id: int | None) -> str | None:
    known = chain_id in CHAINS
    if known and header.block_access_list_hash is None:
        return None
    keys = member.endpoint.call("eth_getBlockByHash", [header.hash, False], KEYS)
    unknown = unknown_fields(keys) if keys is not None else []
    if unknown:
        return f"unknown field {unknown[0][:40]}"
    return None if known or member.hashes_matched else f"chain {chain_id} computes them in its own way"
