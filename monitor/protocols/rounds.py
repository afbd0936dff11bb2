"""A feed's past answers from its own rounds: contract storage, so any full node has years of them.

    proxy's round id = phase << 64 | round of that phase's aggregator

    phase 1 |--rounds 1..n--|      phases overlap: a new aggregator reports before the proxy turns to it
    phase 2           |--rounds 1..m--|
                                  ^ midnight: of all phases the latest round before it

Each moment is searched by bisection in the newest phase, all moments side by side, four ways at a
time; older phases are looked at where the newest has no round of the day before the moment.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from contracts_abi import chainlink
from contracts_abi.interface import AbiError
from monitor.errors import CannotSee
from monitor.protocols.asking import NOWHERE, decoded, decoded_or_none
from monitor.protocols.base import Answer, Ask, Reading, View
from monitor.units import SECONDS_PER_DAY, Address, UnixTime

PHASE_BITS: Final = 64
_ROUND_MASK: Final = 2**PHASE_BITS - 1
_WAYS: Final = 4
_MOST_TRIPS: Final = 60
"""Bisection needs at most 32; holes cost more. What is not found by then is not told."""
_MOST_PHASES: Final = 64
_MOST_DECIMALS: Final = 36


class PastRound(NamedTuple):
    """One answer of a feed. `answer` may be zero or negative: a broken feed."""

    round_id: int
    """As the proxy counts."""
    answer: int
    updated_at: UnixTime


@dataclass(frozen=True, slots=True)
class PastRounds:
    """The last round before each moment; a moment before the feed's first round is absent."""

    decimals: int
    before: Mapping[UnixTime, PastRound]


Known = dict[int, PastRound | None]
"""By round of one aggregator; None: a hole."""
Asking = Generator[Sequence[Ask], Sequence[Answer], Known]


@dataclass
class _Bracket:
    """The last round before `moment` is `low` or between it and `high`, which is after it."""

    moment: UnixTime
    low: int
    high: int
    begun: bool = False
    """`low` is a round. Else nothing is known to be before the moment."""

    def points(self, known: Known) -> list[int]:
        """What to look at next; empty when found."""
        width = self.high - self.low
        ways = {self._off_holes(self.low + width * part // _WAYS, known) for part in range(1, _WAYS)}
        ways.discard(self.low)
        return sorted(ways) or [
            point for point in [self._off_holes(self.high - 1, known)] if point > self.low
        ]

    def _off_holes(self, point: int, known: Known) -> int:
        while point > self.low and point in known and known[point] is None:
            point -= 1
        return point

    def narrow(self, points: Sequence[int], known: Known) -> None:
        """By what was found at `points`, which ascend."""
        for point in points:
            found = known[point]
            if found is None:
                if not self.begun:
                    self.low = point  # nothing is before an aggregator's first round
            elif found.updated_at < self.moment:
                self.low, self.begun = point, True
            else:
                self.high = point
                break


@dataclass
class _Phase:
    """One aggregator behind a proxy. Phase 0: a feed without phases."""

    feed: Address
    phase: int
    last: int
    now: UnixTime
    known: Known = field(default_factory=Known)
    _brackets: dict[UnixTime, _Bracket] = field(default_factory=dict[UnixTime, _Bracket])

    def search(self, moments: Sequence[UnixTime]) -> Generator[Sequence[Ask], Sequence[Answer], None]:
        """Fill `known` with what decides `moments`."""
        yield from self._ask([1, self.last])
        newest = self.known.get(self.last)
        if newest is None:
            return
        for moment in moments:
            if moment <= newest.updated_at:
                self._brackets[moment] = _Bracket(moment, 0, self.last)
                if self.known.get(1) is not None:
                    self._brackets[moment].narrow([1], self.known)
        for _ in range(_MOST_TRIPS):
            wanted = [(one, one.points(self.known)) for one in self._brackets.values()]
            asked = sorted({point for _, points in wanted for point in points} - self.known.keys())
            if asked:
                yield from self._ask(asked)
            for one, points in wanted:
                one.narrow(points, self.known)
            if not any(points for _, points in wanted):
                return

    def before(self, moment: UnixTime) -> PastRound | None:
        """The last round before a moment that was searched; None too where it was not found in time."""
        newest, one = self.known.get(self.last), self._brackets.get(moment)
        if newest is not None and newest.updated_at < moment:
            return newest
        decided = one is not None and one.begun and not one.points(self.known)
        return self.known[one.low] if one is not None and decided else None

    def _ask(self, rounds: Sequence[int]) -> Generator[Sequence[Ask], Sequence[Answer], None]:
        wanted = list(dict.fromkeys(rounds))
        ids = [self.phase << PHASE_BITS | number for number in wanted]
        answers = yield [View(self.feed, chainlink.GET_ROUND_DATA.encode(one)) for one in ids]
        for number, one, answer in zip(wanted, ids, answers, strict=True):
            self.known[number] = _round(one, answer, self.now)


def read_past(feed: Address, moments: Sequence[UnixTime], now: UnixTime) -> Reading[PastRounds]:
    """The last round of `feed` before each of `moments`. Raises `CannotSee` where the feed does not answer.

    `now` is the time of the block that is read: a round of the future is none.
    """
    newest, decimals = yield [
        View(feed, chainlink.LATEST_ROUND_DATA.encode()), View(feed, chainlink.DECIMALS.encode()),
    ]  # fmt: skip
    latest = decoded(chainlink.LATEST_ROUND_DATA, newest, f"price feed {feed}")
    places = decoded(chainlink.DECIMALS, decimals, f"decimals of price feed {feed}")
    if places > _MOST_DECIMALS:
        raise CannotSee(f"price feed {feed} says it has {places} decimals")
    found: dict[UnixTime, PastRound] = {}
    phase, last = latest.round_id >> PHASE_BITS, latest.round_id & _ROUND_MASK
    for number in range(phase, max(phase - _MOST_PHASES, 0 if phase else -1), -1):
        open_ = [moment for moment in moments if _is_open(found.get(moment), moment)]
        if not open_:
            break
        if number != phase:
            last = yield from _last_round(feed, number)
        if not last:
            continue
        part = _Phase(feed, number, last, now)
        yield from part.search(open_)
        for moment in open_:
            one, known = part.before(moment), found.get(moment)
            if one is not None and (known is None or one.updated_at > known.updated_at):
                found[moment] = one
    return PastRounds(places, found)


def _is_open(found: PastRound | None, moment: UnixTime) -> bool:
    """An older phase may know better where this one has no round of the day before."""
    return found is None or moment - found.updated_at > SECONDS_PER_DAY


def _last_round(feed: Address, phase: int) -> Generator[Sequence[Ask], Sequence[Answer], int]:
    """Of the aggregator of an older phase; 0 where there is none, or it does not tell."""
    (answer,) = yield [View(feed, chainlink.PHASE_AGGREGATORS.encode(phase))]
    aggregator = decoded_or_none(chainlink.PHASE_AGGREGATORS, answer)
    if aggregator is None or aggregator.lower() == NOWHERE:
        return 0
    (answer,) = yield [View(Address(aggregator.lower()), chainlink.LATEST_ROUND.encode())]
    last = decoded_or_none(chainlink.LATEST_ROUND, answer) or 0
    return last if 0 < last <= _ROUND_MASK else 0


def _round(round_id: int, answer: Answer, now: UnixTime) -> PastRound | None:
    """None for a hole: refused, not finished (time 0), of the future, or of another round."""
    if not isinstance(answer, bytes):
        return None
    try:
        told = chainlink.GET_ROUND_DATA.decode(answer)
    except AbiError:
        return None
    if told.round_id != round_id or not 0 < told.updated_at <= now:
        return None
    return PastRound(round_id, told.answer, UnixTime(told.updated_at))
