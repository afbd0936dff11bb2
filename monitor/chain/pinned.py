"""State of one block and of no other: every read carries the block's hash.

Nodes that refuse hashes (EIP-1898) are asked by number, with the hash at that number checked
before and after: a reorg in between makes the read fail, it never mixes two blocks. "latest"
cannot be said here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from monitor.chain.blocks import BLOCK, to_ref
from monitor.chain.features import CANARY, probe
from monitor.chain.logs import FOUND, LOGS, FoundLog, Log, Topic, found_log, log_of, topic_json
from monitor.chain.member import Feature, Member
from monitor.chain.pool import Pool
from monitor.chain.quantity import data, hex_data, hex_number, number
from monitor.chain.rpc import TEXT, Call
from monitor.domain import BlockRef
from monitor.errors import BadAnswer, BlockGone, CallReverted, NodeError, TooLarge, Unsupported
from monitor.units import MAX_UINT256, Address, BlockNumber, Wei

T = TypeVar("T")


class EthCall(NamedTuple):
    """A read-only contract call. `data` is selector and arguments."""

    to: Address
    data: bytes
    sender: Address | None = None
    gas: int | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """What a call shall see at an address instead of what is there; None leaves it."""

    code: bytes | None = None
    balance_wei: Wei | None = None
    slots: Mapping[int, int] | None = None
    """Storage slot to value; the other slots stay."""


Overrides = Mapping[Address, Override]


class Pinned:
    """Reads of `block`. Raises NodeError: BlockGone when no endpoint knows the block any more."""

    NOBODY = Address(CANARY)

    def __init__(self, pool: Pool, block: BlockRef, *, elsewhere: bool = False) -> None:
        """`elsewhere` reads from another endpoint than the one in use."""
        self._pool = pool
        self._elsewhere = elsewhere
        self.block = block

    def chain_id(self) -> int:
        """The chain that is read."""
        return self._pool.chain_id()

    def eth_call(
        self,
        to: Address,
        data: bytes,
        overrides: Overrides | None = None,
        *,
        sender: Address | None = None,
        gas: int | None = None,
    ) -> bytes:
        """What a contract returns. Raises CallReverted with the revert data.

        With overrides only an endpoint that has proved to honour them is asked, else Unsupported.
        """
        return _raised(self.eth_calls([EthCall(to, data, sender, gas)], overrides))[0]

    def eth_calls(
        self, calls: Sequence[EthCall], overrides: Overrides | None = None
    ) -> list[bytes | NodeError]:
        """Several calls, of one endpoint, in order: each its data, CallReverted or TooLarge."""
        extra = [_override_json(overrides)] if overrides else []
        needs = Feature.OVERRIDES if overrides else None
        return self._read([("eth_call", [_call_json(call)], extra) for call in calls], data, needs)

    def eth_calls_each(self, calls: Sequence[tuple[EthCall, Overrides]]) -> list[bytes | NodeError]:
        """Several calls, each with overrides of its own, as `eth_calls` does with common ones."""
        needs = Feature.OVERRIDES if any(overrides for _, overrides in calls) else None
        requests = [
            ("eth_call", [_call_json(call)], [_override_json(overrides)] if overrides else [])
            for call, overrides in calls
        ]
        return self._read(requests, data, needs)

    def get_storage(self, address: Address, slot: int) -> bytes:
        """The 32 bytes of a storage slot."""
        return self._one("eth_getStorageAt", [address, f"0x{slot:064x}"], _word)

    def get_words(self, places: Sequence[tuple[Address, int]]) -> list[bytes]:
        """The 32 bytes of several storage slots, in one batch."""
        asked: list[tuple[str, list[Any], list[Any]]] = [
            ("eth_getStorageAt", [address, f"0x{slot:064x}"], []) for address, slot in places
        ]
        return _raised(self._read(asked, _word))

    def get_code(self, address: Address) -> bytes:
        """The code at an address, empty where there is none."""
        return self._one("eth_getCode", [address], data)

    def get_balance(self, address: Address) -> Wei:
        """The balance of an address."""
        return Wei(self._one("eth_getBalance", [address], number))

    def get_logs(self, addresses: Sequence[Address], topics: Sequence[Topic] = ()) -> list[Log]:
        """Events of this block by these contracts."""
        wanted: dict[str, Any] = {
            "address": list(addresses),
            "topics": [topic_json(topic) for topic in topics],
            "blockHash": self.block.hash,
        }

        def read(member: Member) -> list[Log]:
            logs = member.endpoint.call("eth_getLogs", [wanted], LOGS)
            return [log_of(log, self.block, member.label) for log in logs]

        return self._pool.using(read, elsewhere=self._elsewhere)

    def find_logs(
        self,
        span: tuple[BlockNumber, BlockNumber],
        addresses: Sequence[Address],
        topics: Sequence[Topic],
    ) -> list[FoundLog]:
        """Events of a span of blocks up to this one, ends included. Raises TooLarge: ask for less.

        They are found by number, so they say where to look and not how things stand.
        """
        wanted: dict[str, Any] = {
            "address": list(addresses),
            "topics": [topic_json(topic) for topic in topics],
            "fromBlock": hex_number(span[0]),
            "toBlock": hex_number(min(span[1], self.block.number)),
        }

        def read(member: Member) -> list[FoundLog]:
            return [
                found_log(log, member.label) for log in member.endpoint.call("eth_getLogs", [wanted], FOUND)
            ]

        return self._pool.using(read)

    def read(self, method: str, before: list[Any], after: list[Any]) -> str:
        """The hex text that a state method answers; `before` and `after` the block among its parameters."""
        needs = Feature.OVERRIDES if any(after) else None
        return _raised(self._read([(method, before, after)], str, needs))[0]

    def _one(self, method: str, params: list[Any], convert: Callable[[str], T]) -> T:
        return _raised(self._read([(method, params, [])], convert))[0]

    def _read(
        self,
        requests: Sequence[tuple[str, list[Any], list[Any]]],
        convert: Callable[[str], T],
        needs: Feature | None = None,
    ) -> list[T | NodeError]:
        """`requests` are (method, params before the block, params after it)."""

        def read(member: Member) -> list[T | NodeError]:
            if needs is not None and not probe(member, needs):
                raise Unsupported(member.label, f"it has no {needs.value}.")
            answers = self._answers(member, requests)
            return [_converted(answer, convert, member.label) for answer in answers]

        return self._pool.using(read, needs, elsewhere=self._elsewhere)

    def _answers(
        self, member: Member, requests: Sequence[tuple[str, list[Any], list[Any]]]
    ) -> list[str | NodeError]:
        by_hash = probe(member, Feature.PIN_BY_HASH)
        at: Any = {"blockHash": self.block.hash} if by_hash else hex_number(self.block.number)
        calls = [Call(method, [*before, at, *after]) for method, before, after in requests]
        if not by_hash:
            self._check_canonical(member)
        answers = member.endpoint.batch(calls, TEXT)
        if not by_hash:
            self._check_canonical(member)
        for answer in answers:
            if isinstance(answer, NodeError) and not isinstance(answer, CallReverted | TooLarge):
                raise answer
        return answers

    def _check_canonical(self, member: Member) -> None:
        at = hex_number(self.block.number)
        json = member.endpoint.call("eth_getBlockByNumber", [at, False], BLOCK)
        if json is None or to_ref(json, member.label).hash != self.block.hash:
            raise BlockGone(member.label, f"block {self.block.number} was replaced.")


def _word(text: str) -> bytes:
    """32 bytes, also where the node drops leading zeros."""
    value = number(text)
    if value > MAX_UINT256:
        raise ValueError("more than 32 bytes")
    return value.to_bytes(32, "big")


def _raised(results: list[T | NodeError]) -> list[T]:
    values: list[T] = []
    for result in results:
        if isinstance(result, NodeError):
            raise result
        values.append(result)
    return values


def _converted(answer: str | NodeError, convert: Callable[[str], T], label: str) -> T | NodeError:
    if isinstance(answer, NodeError):
        return answer
    try:
        return convert(answer)
    except ValueError as error:
        raise BadAnswer(label, f"its answer is {error}.") from None


def _call_json(call: EthCall) -> dict[str, str]:
    json = {"to": str(call.to), "data": hex_data(call.data)}
    if call.sender is not None:
        json["from"] = call.sender
    if call.gas is not None:
        json["gas"] = hex_number(call.gas)
    return json


def _override_json(overrides: Overrides) -> dict[str, dict[str, Any]]:
    """Slots and values are full words: some nodes refuse shorter ones."""
    out: dict[str, dict[str, Any]] = {}
    for address, override in overrides.items():
        entry: dict[str, Any] = {}
        if override.code is not None:
            entry["code"] = hex_data(override.code)
        if override.balance_wei is not None:
            entry["balance"] = hex_number(override.balance_wei)
        if override.slots is not None:
            entry["stateDiff"] = {
                f"0x{slot:064x}": f"0x{value:064x}" for slot, value in override.slots.items()
            }
        out[address] = entry
    return out
