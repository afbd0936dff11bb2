"""The vectorised ladder against exact integers, one position and one price at a time."""

from __future__ import annotations

import random
import subprocess
import sys
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from monitor.lending.ladder import Ladder, LadderRow, liquidatable
from monitor.units import BPS, TICKS_PER_USD, WAD

small = st.integers(0, 40)
huge = st.integers(0, 2**200)
rows_of = st.lists(
    st.builds(LadderRow, *[st.one_of(small, huge)] * 4, st.just(1.0), st.just(2.0)), max_size=30
)


@given(rows_of, st.lists(st.one_of(st.integers(1, 60), st.integers(1, 2**52)), max_size=20))
def test_counts_are_those_of_exact_integers(rows: list[LadderRow], ticks: list[int]) -> None:
    rungs = Ladder(rows).rungs(ticks)
    assert [rung.tick for rung in rungs] == ticks
    expected = [sum(liquidatable(row, tick) for row in rows) for tick in ticks]
    assert [rung.positions for rung in rungs] == expected
    assert [rung.collateral for rung in rungs] == expected
    assert [rung.debt for rung in rungs] == [2 * count for count in expected]


@given(
    st.lists(
        st.tuples(st.integers(1, 10**12), st.integers(1, 10**9), st.sampled_from([-1, 0, 1])),
        min_size=1,
        max_size=30,
    )
)
def test_crossings_on_a_step_or_a_hair_beside_it(shapes: list[tuple[int, int, int]]) -> None:
    rows = [LadderRow(a * 10**30, 0, 0, a * 10**30 * tick + hair) for tick, a, hair in shapes]
    rows += [LadderRow(0, a * 10**30 * tick + hair, a * 10**30, 0) for tick, a, hair in shapes]
    ticks = [tick for tick, _, _ in shapes]
    counts = [rung.positions for rung in Ladder(rows).rungs(ticks)]
    assert counts == [sum(liquidatable(row, tick) for row in rows) for tick in ticks]


def test_many_positions_give_the_counts_of_a_decimal_loop() -> None:
    dice = random.Random(7)
    ticks = [TICKS_PER_USD * (500 + 15 * step) for step in range(200)]
    book: list[tuple[int, int, int]] = []
    for _ in range(2_000):
        amount, lt = dice.randrange(10**15, 10**23), dice.choice([7800, 8050, 8300])
        book.append((amount, lt, amount * dice.choice(ticks) * lt // BPS // WAD + dice.randrange(-2, 3)))
    rows = [LadderRow(amount * lt, 0, 0, debt * BPS * WAD) for amount, lt, debt in book]
    prices = [Decimal(debt) * BPS * WAD / (Decimal(amount) * lt) for amount, lt, debt in book]
    expected = [sum(price > tick for price in prices) for tick in ticks]
    assert [rung.positions for rung in Ladder(rows).rungs(ticks)] == expected


def test_numpy_is_loaded_only_when_a_ladder_is_made() -> None:
    code = "import sys, monitor.lending.ladder; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
