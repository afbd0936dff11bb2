"""The search against a walk over every tick."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.lending.outcome import (
    AlreadyLiquidatable,
    Cluster,
    LiquidatableAbove,
    LiquidatableBelow,
    NeverByEth,
    NeverReason,
    distance,
    liquidation_tick,
)
from monitor.lending.solver import (
    Boundary,
    Crossing,
    Monotone,
    PriceRange,
    SearchExhausted,
    crossings,
    first_crossing,
    nearest,
    outcome_of,
    solve,
)


@dataclass
class Listed:
    """Answers written down tick by tick; an interval is proven only where `proof` allows it."""

    answers: list[bool]
    proof: int

    def at(self, tick: int) -> bool:
        return self.answers[tick]

    def over(self, low: int, high: int) -> bool | None:
        seen = set(self.answers[low : high + 1])
        if low < high and (len(seen) > 1 or high - low > self.proof):
            return None
        return seen.pop()


answer_lists = st.lists(st.booleans(), min_size=2, max_size=60)


@given(answer_lists, st.integers(0, 64), st.data())
def test_the_boundary_is_what_a_walk_over_every_tick_finds(
    answers: list[bool], proof: int, data: st.DataObject
) -> None:
    price = data.draw(st.integers(0, len(answers) - 1))
    high = len(answers) - 1
    found = solve(Listed(answers, proof), price, PriceRange(0, high))
    changes = [
        *(Crossing(t, below=True) for t in range(high) if answers[t] and not answers[t + 1]),
        *(Crossing(t, below=False) for t in range(1, high + 1) if answers[t] and not answers[t - 1]),
    ]
    assert found.liquidatable_now == answers[price]
    nearest_one = found.first_up if found.first_down is None else found.first_down
    assert first_crossing(Listed(answers, proof), price, PriceRange(0, high)) == nearest_one
    if answers[price]:
        low_end = max([t for t in range(price) if not answers[t]], default=-1) + 1
        high_end = min([t for t in range(price, high + 1) if not answers[t]], default=high + 1) - 1
        assert found.stretch == PriceRange(low_end, high_end)
    else:
        assert found.first_down == max([t for t in range(price) if answers[t]], default=None)
        assert found.first_up == min([t for t in range(price, high + 1) if answers[t]], default=None)
    if found.cluster is not None:
        ticks = [change.tick for change in changes]
        assert (found.cluster.lowest, found.cluster.highest) == (min(ticks), max(ticks))
        assert found.cluster.single == (len(changes) == 1)
    assert sorted(crossings(Listed(answers, proof), 0, high)) == sorted(changes)


@dataclass
class Hinted(Listed):
    doubt: tuple[int, int] | None

    def in_doubt(self) -> tuple[int, int] | None:
        return self.doubt


@given(answer_lists, st.integers(0, 64), st.tuples(st.integers(-70, 70), st.integers(-70, 70)), st.data())
def test_a_hint_changes_no_answer(
    answers: list[bool], proof: int, doubt: tuple[int, int], data: st.DataObject
) -> None:
    high = len(answers) - 1
    price = data.draw(st.integers(0, high))
    plain, hinted = Listed(answers, proof), Hinted(answers, proof, (min(doubt), max(doubt)))
    assert solve(hinted, price, PriceRange(0, high)) == solve(plain, price, PriceRange(0, high))


@given(st.integers(10**6, 10**14), st.booleans(), st.integers(10**6, 10**14))
def test_a_monotone_test_is_bisected_to_the_tick(edge: int, below: bool, price: int) -> None:
    asked: list[int] = []

    def liquidatable(tick: int) -> bool:
        asked.append(tick)
        return tick <= edge if below else tick >= edge

    found = outcome_of(solve(Monotone(liquidatable), price), price)
    if liquidatable(price):
        assert isinstance(found, AlreadyLiquidatable)
        assert edge in {found.lowest, found.highest}
    else:
        assert isinstance(found, LiquidatableBelow if below else LiquidatableAbove)
        assert found.tick == edge
        assert found.cluster.single
        assert found.cluster.width == 0
    assert len(asked) < 120


def test_no_crossing_is_no_outcome() -> None:
    assert outcome_of(solve(Monotone(lambda _tick: False), 10**11), 10**11) is None


def test_a_search_that_cannot_end_says_so() -> None:
    class Opaque:
        def at(self, tick: int) -> bool:
            return False

        def over(self, low: int, high: int) -> bool | None:
            return None if low < high else False

    with pytest.raises(SearchExhausted, match="too many candidate prices"):
        nearest(Opaque(), wanted=True, start=10**6, end=10**14, steps=1_000)


def test_distance_is_measured_against_the_price_given() -> None:
    below = outcome_of(
        solve(Monotone(lambda tick: tick <= 178_000_000_000), 200_000_000_000), 200_000_000_000
    )
    assert below is not None
    assert liquidation_tick(below) == 178_000_000_000
    assert distance(below, 200_000_000_000) == pytest.approx(0.11)
    assert distance(AlreadyLiquidatable(1, 2), 5) == 0.0
    assert distance(NeverByEth(NeverReason.NO_DEBT), 5) is None


def test_a_cluster_too_dense_to_look_at_is_spanned_not_guessed() -> None:
    class Dense:
        """Every other tick of a million is liquidatable, and only what is outside is known at once."""

        def at(self, tick: int) -> bool:
            return tick < 10**6 or (tick < 2 * 10**6 and tick % 2 == 0)

        def over(self, low: int, high: int) -> bool | None:
            if low == high or high < 10**6 or low >= 2 * 10**6:
                return self.at(low)
            return None

    found = solve(Dense(), 3 * 10**6, PriceRange(1, 10**7))
    assert found.first_down == 2 * 10**6 - 2
    assert found.cluster is not None
    assert (found.cluster.lowest, found.cluster.highest) == (10**6, 2 * 10**6 - 2)
    assert not found.cluster.single

    class Silent(Dense):
        """The same, with half a million answers that are all alike in the middle."""

        def at(self, tick: int) -> bool:
            return tick < 10**6

    quiet = solve(Silent(), 900_000, PriceRange(1, 10**7))
    assert quiet.cluster is not None
    assert quiet.cluster.lowest <= 10**6 - 1 <= quiet.cluster.highest


@pytest.mark.parametrize(
    ("down", "up", "kind", "tick", "other"),
    [
        (90, 120, LiquidatableBelow, 90, 120),
        (80, 105, LiquidatableAbove, 105, 80),
        (90, 110, LiquidatableBelow, 90, 110),
        (None, 105, LiquidatableAbove, 105, None),
        (80, None, LiquidatableBelow, 80, None),
    ],
)
def test_the_nearer_of_two_sides_names_the_outcome(
    down: int | None, up: int | None, kind: type, tick: int, other: int | None
) -> None:
    found = outcome_of(Boundary(down, up, None, Cluster(1, 200, single=False)), 100)
    assert isinstance(found, kind)
    assert (found.tick, found.other_side) == (tick, other)
