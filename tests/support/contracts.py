"""Contracts that say what a test wrote down, in their own encoding; anything else reverts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts_abi.call import Call
from contracts_abi.interface import encode_values, interface
from monitor.domain import BlockRef
from monitor.protocols.base import Answer, Ask, Reading, Refusal, StorageAt, Supposed, View
from monitor.units import Address, BlockHash, BlockNumber, UnixTime

REVERTED = Refusal("it reverts")


def address_of(name: str) -> Address:
    """An address made of a name, the same every time."""
    return Address("0x" + hashlib.sha256(name.encode()).hexdigest()[:40])


def price_in(code: bytes) -> int:
    """The price that a constant feed answers: the constant after its last jump."""
    start = code.index(b"\x57\x7f") + 2
    return int.from_bytes(code[start : start + 32])


def block_at(time: int) -> BlockRef:
    block_hash = BlockHash("0x" + "ab" * 32)
    return BlockRef(BlockNumber(20_000_000), block_hash, block_hash, UnixTime(time))


@dataclass
class Contracts:
    """`said` by contract and call data; `words` by contract and slot."""

    said: dict[tuple[Address, bytes], Answer] = field(default_factory=dict)
    words: dict[tuple[Address, int], int] = field(default_factory=dict)
    supposing: Callable[[View, dict[Address, int]], Answer] | None = None
    """Answers a view with feeds at other prices; None: a node that honours no overrides."""
    rounds: int = 0

    def say(self, contract: Address, call: Call[Any], *values: Any, to: tuple[Any, ...] = ()) -> None:
        """`contract` answers `call` (with arguments `to`) with `values`."""
        outputs = interface(call.file)[call.name].outputs
        self.said[contract, call.encode(*to)] = encode_values(outputs, values)

    def revert(self, contract: Address, call: Call[Any], *, to: tuple[Any, ...] = ()) -> None:
        self.said[contract, call.encode(*to)] = REVERTED

    def answer(self, asks: Sequence[Ask]) -> list[Answer]:
        self.rounds += 1
        return [self._one(ask) for ask in asks]

    def _one(self, ask: Ask) -> Answer:
        if isinstance(ask, StorageAt):
            return self.words.get((ask.address, ask.slot), 0).to_bytes(32)
        if isinstance(ask, Supposed):
            if self.supposing is None:
                return Refusal("no node here honours state overrides")
            return self.supposing(ask.view, {feed: price_in(code) for feed, code in ask.code})
        return self.said.get((ask.to, ask.data), REVERTED)

    def run(self, reading: Reading[Any]) -> Any:
        answers: Sequence[Answer] | None = None
        while True:
            try:
                asks = next(reading) if answers is None else reading.send(answers)
            except StopIteration as stop:
                return stop.value
            answers = self.answer(asks)
