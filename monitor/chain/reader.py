"""Runs adapters' readings at one block: their rounds joined, calls packed, failures told apart.

A round of all protocols goes out as `aggregate3` calls to Multicall3, in one JSON-RPC batch; where
a chain has no Multicall3, as plain calls. A call that fails inside a pack may have been starved of
gas by its neighbours, so it counts as failed only after it failed alone too.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from contracts_abi import multicall3
from contracts_abi.interface import AbiError
from monitor.chain.log_search import learn_places
from monitor.chain.pinned import EthCall, Override, Pinned
from monitor.domain import BlockRef
from monitor.errors import BadAnswer, CallReverted, CannotSee, NodeError, TooLarge, Unsupported
from monitor.lending.position import Position, PositionEvent, PositionKey, Proof, ProofState, Seen, Unseen
from monitor.protocols.base import (
    Adapter,
    Answer,
    Ask,
    Check,
    EventLog,
    Reading,
    Refusal,
    StorageAt,
    Supposed,
    View,
    together,
)
from monitor.units import Address

log = logging.getLogger(__name__)

T = TypeVar("T")

PACK: Final = 250
"""Calls in one `aggregate3`: well under the gas that nodes allow an eth_call."""
_SMALLEST_PACK: Final = 16
_MULTICALL: Final = Address(multicall3.ADDRESS)


@dataclass
class Reader:
    """Reads for one chain. Remembers calls that fail by themselves, so that each is retried alone once."""

    pack: int = PACK
    """Calls in a pack, until the node finds that too much: then half, remembered."""
    round_trips: int = 0
    """Batches sent so far."""
    _packs: bool = True
    _fails_alone: set[View] = field(default_factory=set[View])

    def run(self, pinned: Pinned, reading: Reading[T]) -> T:
        """The result of a reading. Raises NodeError, and `CannotSee` where the reading does."""
        answers: Sequence[Answer] | None = None
        while True:
            try:
                asks = next(reading) if answers is None else reading.send(answers)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            answers = self._answer(pinned, asks)

    def positions(
        self, pinned: Pinned, adapters: Sequence[Adapter], accounts: Sequence[Address]
    ) -> list[Seen]:
        """Every position of `accounts`, of all protocols, at the block. Raises NodeError."""
        learn_places(pinned, adapters, accounts)
        readings = [_guarded(adapter, accounts, pinned.block) for adapter in adapters]
        return [seen for part in self.run(pinned, together(readings)) for seen in part]

    def _answer(self, pinned: Pinned, asks: Sequence[Ask]) -> list[Answer]:
        views = list(dict.fromkeys(ask for ask in asks if isinstance(ask, View)))
        answers: dict[Ask, Answer] = dict(zip(views, self._views(pinned, views), strict=True))
        places = list(dict.fromkeys(ask for ask in asks if isinstance(ask, StorageAt)))
        if places:
            self.round_trips += 1
            answers.update(zip(places, pinned.get_words(places), strict=True))
        supposed = list(dict.fromkeys(ask for ask in asks if isinstance(ask, Supposed)))
        answers.update(zip(supposed, self._supposed(pinned, supposed), strict=True))
        return [answers[ask] for ask in asks]

    def _supposed(self, pinned: Pinned, asks: Sequence[Supposed]) -> list[Answer]:
        if not asks:
            return []
        self.round_trips += 1
        calls = [
            (
                EthCall(ask.view.to, ask.view.data),
                {address: Override(code=code) for address, code in ask.code},
            )
            for ask in asks
        ]
        try:
            return [_told(answer) for answer in pinned.eth_calls_each(calls)]
        except Unsupported:
            return [Refusal("no node here honours state overrides")] * len(asks)

    def _views(self, pinned: Pinned, views: Sequence[View]) -> list[Answer]:
        if not views:
            return []
        if not self._packs or len(views) == 1:
            return self._plain(pinned, views)
        packs = [views[start : start + self.pack] for start in range(0, len(views), self.pack)]
        calls = [
            EthCall(_MULTICALL, multicall3.encode([(view.to, view.data) for view in part])) for part in packs
        ]
        self.round_trips += 1
        told = pinned.eth_calls(calls)
        if all(answer == b"" for answer in told):
            self._packs = False
            return self._plain(pinned, views)
        answers = [
            answer
            for part, one in zip(packs, told, strict=True)
            for answer in self._unpacked(pinned, part, one)
        ]
        return self._retried(pinned, views, answers)

    def _unpacked(self, pinned: Pinned, views: Sequence[View], told: bytes | NodeError) -> list[Answer]:
        """The answers in a pack; a pack that failed as a whole is asked in halves, down to single calls."""
        if isinstance(told, CallReverted | TooLarge):
            if len(views) == 1:
                return self._plain(pinned, views)
            half = len(views) // 2
            self.pack = max(_SMALLEST_PACK, min(self.pack, half))
            calls = [
                EthCall(_MULTICALL, multicall3.encode([(view.to, view.data) for view in part]))
                for part in (views[:half], views[half:])
            ]
            self.round_trips += 1
            first, second = pinned.eth_calls(calls)
            return self._unpacked(pinned, views[:half], first) + self._unpacked(pinned, views[half:], second)
        if isinstance(told, NodeError):
            raise told
        try:
            results = multicall3.decode(told, len(views))
        except AbiError as error:
            raise BadAnswer("multicall", f"its answer cannot be read: {error}.") from None
        return [
            _answer(result.data) if result.success else Refusal("it reverts", result.data)
            for result in results
        ]

    def _retried(self, pinned: Pinned, views: Sequence[View], answers: list[Answer]) -> list[Answer]:
        doubtful = [
            index
            for index, answer in enumerate(answers)
            if isinstance(answer, Refusal) and views[index] not in self._fails_alone
        ]
        if doubtful:
            alone = self._plain(pinned, [views[index] for index in doubtful])
            for index, answer in zip(doubtful, alone, strict=True):
                answers[index] = answer
                if isinstance(answer, Refusal):
                    self._fails_alone.add(views[index])
        return answers

    def _plain(self, pinned: Pinned, views: Sequence[View]) -> list[Answer]:
        self.round_trips += 1
        told = pinned.eth_calls([EthCall(view.to, view.data) for view in views])
        return [_told(answer) for answer in told]


def _guarded(adapter: Adapter, accounts: Sequence[Address], at: BlockRef) -> Reading[Sequence[Seen]]:
    """An adapter's reading; a fault of ours in one protocol is a gap there and blinds no other."""
    try:
        return (yield from adapter.read(accounts, at))
    except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError) as error:
        log.exception("%s cannot be judged: a fault of ethmon's, please report it", adapter.key)
        cause = f"a fault of ethmon's own ({type(error).__name__}), see the log"
        return [Unseen(PositionKey(adapter.key, "", account), cause) for account in accounts]


def _answer(data: bytes) -> Answer:
    return data or Refusal("it answers nothing: no such function, or no contract")


def _told(answer: bytes | NodeError) -> Answer:
    if isinstance(answer, CallReverted):
        return Refusal("it reverts", answer.data)
    if isinstance(answer, TooLarge):
        return Refusal("it needs more gas than the node allows")
    if isinstance(answer, NodeError):
        raise answer
    return _answer(answer)


def prove(pinned: Pinned, adapter: Adapter, position: Position) -> Proof:
    """Ask the contracts on both sides of a liquidation price, by state overrides on the node.

    Raises NodeError where the node cannot be asked at all.
    """
    return prove_all(pinned, [(adapter, position)])[0]


def prove_all(pinned: Pinned, positions: Sequence[tuple[Adapter, Position]]) -> list[Proof]:
    """The same for many positions, in one batch."""
    checks = [adapter.checks(position) for adapter, position in positions]
    calls = [
        (EthCall(one.view.to, one.view.data, one.sender), _overrides(one)) for part in checks for one in part
    ]
    try:
        told = [_told(answer) for answer in pinned.eth_calls_each(calls)] if calls else []
    except Unsupported:
        return [Proof(ProofState.NOT_PROVED, "no node here honours state overrides")] * len(positions)
    proofs: list[Proof] = []
    for part in checks:
        proofs.append(_proof(part, told[: len(part)]))
        told = told[len(part) :]
    return proofs


def _overrides(check: Check) -> dict[Address, Override]:
    return {
        address: Override(code=change.code, slots=change.slots)
        for address, change in check.substitutes.items()
    }


def _proof(checks: Sequence[Check], told: Sequence[Answer]) -> Proof:
    if not checks:
        return Proof(ProofState.NOT_PROVED, "there is no price to prove, or the protocol gives no way to ask")
    try:
        wrong = [
            one for one, answer in zip(checks, told, strict=True) if one.liquidatable(answer) != one.expected
        ]
    except CannotSee as error:
        return Proof(ProofState.NOT_PROVED, str(error))
    if wrong:
        said = "safe" if wrong[0].expected else "liquidatable"
        return Proof(
            ProofState.REFUTED, f"{len(wrong)} of {len(checks)} answers differ: the contract says {said}"
        )
    return Proof(ProofState.PROVED)


def events(pinned: Pinned, adapters: Sequence[Adapter]) -> list[tuple[EventLog, PositionEvent]]:
    """What happened to anybody's positions in the block. Raises NodeError."""
    filters = [adapter.event_filter() for adapter in adapters]
    addresses = list(dict.fromkeys(address for one in filters for address in one.addresses))
    topics = list(dict.fromkeys(topic for one in filters for topic in one.topics))
    if not addresses or not topics:
        return []
    found: list[tuple[EventLog, PositionEvent]] = []
    for log in pinned.get_logs(addresses, [topics]):
        seen = EventLog(
            log.address, log.topics, log.data, pinned.block.number, log.log_index, log.transaction_hash
        )
        found += [(seen, event) for adapter in adapters for event in adapter.decode_event(seen)]
    return found
