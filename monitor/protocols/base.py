"""What an adapter of a protocol is: calls, decoding and health, without any I/O of its own.

An adapter reads by generators: it yields a batch of questions and is sent the answers, as often
as it needs. The reading loop (`monitor.chain.reader`) runs the generators of all protocols side
by side, so that one round of questions of all of them is one round trip, at one block:

    def read(pool: Address) -> Reading[int]:
        answers = yield [View(pool, COUNT)]            # one round
        return uint(answers[0])                        # raises CannotSee where the call failed
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar, runtime_checkable

from monitor.domain import BlockRef
from monitor.errors import CannotSee
from monitor.lending.position import Position, PositionEvent, Seen
from monitor.units import Address, BlockNumber

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Substitute:
    """What a call shall see at an address instead of what is there."""

    code: bytes | None = None
    slots: Mapping[int, int] | None = None


class View(NamedTuple):
    """A contract call that changes nothing. `data`: selector and arguments."""

    to: Address
    data: bytes


class StorageAt(NamedTuple):
    """One storage word, answered as 32 bytes."""

    address: Address
    slot: int


class Supposed(NamedTuple):
    """A call as it would be with other code at some addresses; refused where no node can suppose."""

    view: View
    code: tuple[tuple[Address, bytes], ...]


Ask: TypeAlias = View | StorageAt | Supposed


class Refusal(NamedTuple):
    """The contract reverted, or there is none: an answer, with `data` as it came back."""

    cause: str
    data: bytes = b""


Answer: TypeAlias = bytes | Refusal
Reading: TypeAlias = Generator[Sequence[Ask], Sequence[Answer], T]


@dataclass(frozen=True, slots=True)
class Check:
    """One question of a proof: `view` under `substitutes` must give `expected`."""

    view: View
    substitutes: Mapping[Address, Substitute]
    liquidatable: Callable[[Answer], bool]
    """What the answer means. Raises `CannotSee` where it means nothing."""
    expected: bool
    sender: Address | None = None


class EventFilter(NamedTuple):
    """Which logs concern an adapter: any of these contracts, any of these first topics."""

    addresses: tuple[Address, ...]
    topics: tuple[bytes, ...]


class EventLog(NamedTuple):
    """A log as the chain has it."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes
    block: BlockNumber
    log_index: int
    transaction_hash: str


class LogSearch(NamedTuple):
    """Logs since a block that tell where accounts have positions; a topic may be alternatives, or any."""

    address: Address
    topics: tuple[tuple[bytes, ...] | None, ...]
    first: BlockNumber


@runtime_checkable
class Searching(Protocol):
    """An adapter whose accounts' places are written nowhere but in its logs."""

    def searches(self, accounts: Sequence[Address]) -> Sequence[LogSearch]:
        """What to look for, for the accounts that were not looked for yet."""
        ...

    def learn(self, accounts: Sequence[Address], logs: Sequence[EventLog] | None) -> None:
        """The logs found; None: the node would not search that far."""
        ...


class Adapter(Protocol):
    """A protocol on one chain: every deployment of it that is configured."""

    @property
    def key(self) -> str:
        """Stable name, e.g. "aave_v3"."""
        ...

    def read(self, accounts: Sequence[Address], at: BlockRef) -> Reading[Sequence[Seen]]:
        """All positions of `accounts`; `Unseen` for what could not be judged. Empty: they have none.

        Raises nothing of its own for a broken account or market: that is `Unseen`.
        """
        ...

    def checks(self, position: Position) -> Sequence[Check]:
        """The questions that prove its liquidation price: at the tick and one tick on the safe side.

        Empty: the protocol gives no way to ask.
        """
        ...

    def event_filter(self) -> EventFilter:
        """The logs to fetch, as known after a `read`."""
        ...

    def decode_event(self, log: EventLog) -> Sequence[PositionEvent]:
        """What a log says, for every account it concerns; nothing for an unknown or broken log."""
        ...


def together(readings: Sequence[Reading[T]]) -> Reading[list[T]]:
    """Several readings side by side: their rounds are joined. Results in order."""
    results: dict[int, T] = {}
    waiting: dict[int, Sequence[Ask]] = {}
    for index, reading in enumerate(readings):
        _advance(index, reading, None, waiting, results)
    while waiting:
        answers = yield [ask for asks in waiting.values() for ask in asks]
        start = 0
        for index, asks in list(waiting.items()):
            part = answers[start : start + len(asks)]
            start += len(asks)
            del waiting[index]
            _advance(index, readings[index], part, waiting, results)
    return [results[index] for index in range(len(readings))]


def _advance(
    index: int,
    reading: Reading[T],
    answers: Sequence[Answer] | None,
    waiting: dict[int, Sequence[Ask]],
    results: dict[int, T],
) -> None:
    try:
        waiting[index] = next(reading) if answers is None else reading.send(answers)
    except StopIteration as stop:
        value: Any = stop.value
        results[index] = value


def attempt(reading: Reading[T]) -> Reading[T | CannotSee]:
    """The reading, with `CannotSee` as a result instead of the end of its neighbours."""
    try:
        return (yield from reading)
    except CannotSee as error:
        return error


def words(answer: Answer, count: int, what: str) -> tuple[int, ...]:
    """The first `count` 32-byte words of an answer. Raises `CannotSee`, which says `what` failed."""
    if isinstance(answer, Refusal):
        raise CannotSee(f"{what}: {answer.cause}")
    if len(answer) < 32 * count:
        raise CannotSee(f"{what}: the answer is too short")
    return tuple(int.from_bytes(answer[32 * i : 32 * i + 32]) for i in range(count))


def uint(answer: Answer, what: str) -> int:
    """One word. Raises `CannotSee`."""
    return words(answer, 1, what)[0]


def to_signed(word: int) -> int:
    """A word as int256."""
    return word - (1 << 256) if word >> 255 else word


def to_address(word: int) -> Address:
    """A word as an address."""
    return Address(f"0x{word & ((1 << 160) - 1):040x}")
