"""Finds the price at which a protocol's own integer test changes its answer. Exact, shared, pure.

A protocol gives a `HealthTest`: its exact answer at one tick, and for an interval of ticks either a
proven answer for all of them or "not known". The search splits only intervals that are not known,
nearest first, so it cannot step over a crossing: what it did not look at was proven. How fast it
is depends on how tight the protocol's interval answers are, never whether it is right.

    price range   low |----safe?----|--------known safe--------* price ----...---| high
                              ^ the only part that is split down to single ticks
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, runtime_checkable

from monitor.errors import CannotSee
from monitor.lending.outcome import (
    FEED_DECIMALS,
    AlreadyLiquidatable,
    Cluster,
    LiquidatableAbove,
    LiquidatableBelow,
)

STEP_LIMIT: Final = 5_000
"""Intervals looked at before a search is given up (under 0.2 s; recorded accounts need up to 500): only
balances that are neutral to the last digit on purpose come here."""


class SearchExhausted(CannotSee):
    """The crossing could not be found within the step limit: a Gap, never a guessed price."""

    def __init__(self, reached: int, end: int) -> None:
        low, high = min(reached, end), max(reached, end)
        super().__init__(f"liquidation price not found: too many candidate prices between {low} and {high}")
        self.reached = reached
        """Where the walk stands: nothing changes before it."""


class HealthTest(Protocol):
    """One account at one block, as a function of the price alone."""

    def at(self, tick: int) -> bool:
        """Whether the protocol says liquidatable at `tick`, exactly."""
        ...

    def over(self, low: int, high: int) -> bool | None:
        """True: liquidatable at every tick of `low..high`. False: at none. None: not proven.

        Must not be None when `low == high`.
        """
        ...


@runtime_checkable
class Foreseeing(Protocol):
    """A test that knows where its answer is in doubt: searches cut there first. A hint, never a proof."""

    def in_doubt(self) -> tuple[int, int] | None:
        """The ticks between which the crossings should lie; None where it cannot tell."""
        ...


class Monotone:
    """A test that changes at most once over all prices: both ends prove what lies between them."""

    def __init__(self, liquidatable: Callable[[int], bool]) -> None:
        self._test = liquidatable
        self._known: dict[bool, tuple[int, int]] = {}

    def at(self, tick: int) -> bool:
        """The protocol's answer, not asked again between two prices that gave the same one."""
        for answer, (low, high) in self._known.items():
            if low <= tick <= high:
                return answer
        answer = self._test(tick)
        low, high = self._known.get(answer, (tick, tick))
        self._known[answer] = (min(low, tick), max(high, tick))
        return answer

    def over(self, low: int, high: int) -> bool | None:
        """The common answer of both ends."""
        answer = self.at(low)
        return answer if low == high or answer == self.at(high) else None


class PriceRange(NamedTuple):
    """Prices searched, inclusive."""

    low: int
    high: int


DEFAULT_RANGE: Final = PriceRange(10**6, 10**14)
"""1 cent to 1,000,000 USD in 8-decimal ticks."""


def nearest(test: HealthTest, wanted: bool, start: int, end: int, steps: int = STEP_LIMIT) -> int | None:
    """The tick nearest to `start`, walking towards `end` (both inclusive), whose answer is `wanted`.

    None: there is none. Raises `SearchExhausted`.
    """
    pending = _cut(start, end, test.in_doubt() if isinstance(test, Foreseeing) else None)
    while pending:
        near, far = pending.pop()
        answer = test.over(near, far) if near <= far else test.over(far, near)
        if answer is None:
            middle = (near + far) // 2 if near <= far else (near + far + 1) // 2
            pending.append((middle + 1 if near <= far else middle - 1, far))
            pending.append((near, middle))
        elif answer == wanted:
            return near
        steps -= 1
        if steps <= 0:
            raise SearchExhausted(near, end)
    return None


def _cut(start: int, end: int, doubt: tuple[int, int] | None) -> list[tuple[int, int]]:
    """The walk from `start` to `end` in pieces, the last of the list first: before, in and after the doubt."""
    if doubt is None:
        return [(start, end)]
    if start > end:
        return [(-near, -far) for near, far in _cut(-start, -end, (-doubt[1], -doubt[0]))]
    edges = [edge for edge in (doubt[0], doubt[1] + 1) if start < edge <= end]
    starts, ends = [start, *edges], [*(edge - 1 for edge in edges), end]
    return list(zip(reversed(starts), reversed(ends), strict=True))


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where an account becomes liquidatable, seen from the present price.

    Safe now: `first_down` is the highest liquidatable tick below the price, `first_up` the lowest
    above it, None where the range has none. Liquidatable now: `stretch` are the ends of the
    liquidatable ticks around the price. `cluster` spans all crossings of the range, None if none.
    """

    first_down: int | None
    first_up: int | None
    stretch: PriceRange | None
    cluster: Cluster | None

    @property
    def liquidatable_now(self) -> bool:
        """Whether the present price is in a liquidatable stretch."""
        return self.stretch is not None


def solve(test: HealthTest, price: int, within: PriceRange = DEFAULT_RANGE) -> Boundary:
    """The boundary of an account at `price`. Raises `SearchExhausted`."""
    low, high = min(within.low, price), max(within.high, price)
    if test.at(price):
        below = nearest(test, wanted=False, start=price, end=low)
        above = nearest(test, wanted=False, start=price, end=high)
        stretch = PriceRange(low if below is None else below + 1, high if above is None else above - 1)
        return Boundary(None, None, stretch, find_cluster(test, low, high))
    down = nearest(test, wanted=True, start=price, end=low)
    up = nearest(test, wanted=True, start=price, end=high)
    if down is None and up is None:
        return Boundary(None, None, None, None)
    # A side without a liquidatable tick is all safe, so the one found on the other is also the outermost.
    cluster = find_cluster(test, low, high, up if down is None else None, down if up is None else None)
    return Boundary(down, up, None, cluster)


def first_crossing(test: HealthTest, price: int, within: PriceRange = DEFAULT_RANGE) -> int | None:
    """`first_down` of the boundary, else its `first_up`; None where the price is in a stretch or both are.

    A quarter of the work of `solve`. Raises `SearchExhausted`.
    """
    if test.at(price):
        return None
    down = nearest(test, wanted=True, start=price, end=min(within.low, price))
    return nearest(test, wanted=True, start=price, end=max(within.high, price)) if down is None else down


def find_cluster(
    test: HealthTest, low: int, high: int, first: int | None = None, last: int | None = None
) -> Cluster | None:
    """The span of the liquidatable ticks that have a safe neighbour; None where nothing changes.

    `first` and `last`: the lowest and highest liquidatable ticks, where they are known and the end is safe.
    Where candidates are too many to look at, the span of all of them: no crossing lies outside it.
    """
    at_low, at_high = test.at(low), test.at(high)
    first = _reached(test, low, high, wanted=not at_low) if first is None else first
    last = _reached(test, high, low, wanted=not at_high) if last is None else last
    if first is None or last is None:
        return None
    lowest = first - 1 if at_low else first
    highest = last + 1 if at_high else last
    return Cluster(lowest, highest, single=at_low != at_high and lowest == highest)


def _reached(test: HealthTest, start: int, end: int, *, wanted: bool) -> int | None:
    """The nearest tick with the answer, or where the search for it was given up."""
    try:
        return nearest(test, wanted, start, end)
    except SearchExhausted as error:
        return error.reached


def outcome_of(
    boundary: Boundary, price: int, decimals: int = FEED_DECIMALS
) -> LiquidatableBelow | LiquidatableAbove | AlreadyLiquidatable | None:
    """A boundary in words; None where no price liquidates (why is the protocol's to say).

    Where rounding makes liquidatable prices on both sides, the nearer one names the outcome and
    the other is kept beside it.
    """
    if boundary.stretch is not None:
        return AlreadyLiquidatable(boundary.stretch.low, boundary.stretch.high, decimals)
    down, up, cluster = boundary.first_down, boundary.first_up, boundary.cluster
    if cluster is None:
        return None
    if up is None or (down is not None and price - down <= up - price):
        return None if down is None else LiquidatableBelow(down, cluster, up, decimals)
    return LiquidatableAbove(up, cluster, down, decimals)


class Crossing(NamedTuple):
    """A liquidatable tick with a safe neighbour: above it (`below` true) or below it."""

    tick: int
    below: bool


def crossings(test: HealthTest, low: int, high: int) -> Iterator[Crossing]:
    """Every crossing of `low..high`, ascending. Raises `SearchExhausted` per stretch."""
    start, answer = low, test.at(low)
    while start < high:
        change = nearest(test, not answer, start, high)
        if change is None:
            return
        yield Crossing(change - 1, below=True) if answer else Crossing(change, below=False)
        start, answer = change, not answer
