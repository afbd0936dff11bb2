"""What would fix it: checked by doing it and working out the liquidation price anew."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.lending.outcome import LiquidatableAbove, LiquidatableBelow
from monitor.lending.position import Leg, Linear, Position, PositionKey, ProtocolPrice
from monitor.lending.remedy import Remedy
from monitor.readings.remedies import fixes
from monitor.units import Address, Tick

KEY = PositionKey("aave_v3", "Core", Address("0x" + "ab" * 20))
TOKEN = Address("0x" + "cd" * 20)


def leg(symbol: str, amount: float, usd: float, *, eth: bool) -> Leg:
    return Leg(TOKEN, symbol, int(amount * 10**6), 6, int(amount * usd * 10**8), eth)


def long(eth: float, threshold: float, debt: float, price: float) -> Position:
    """ETH against dollars."""
    line = Linear(a=eth * threshold, b=0.0, k=0.0, m=debt)
    return Position(
        KEY,
        (leg("WETH", eth, price, eth=True),),
        (leg("USDT", debt, 1, eth=False),),
        int(eth * price * 10**8),
        int(debt * 10**8),
        None,
        ProtocolPrice(int(price * 10**8)),
        LiquidatableBelow(Tick(int(debt / line.a * 10**8)), cluster=0),
        linear=line,
    )


def short(dollars: float, threshold: float, debt: float, price: float) -> Position:
    """Dollars against ETH."""
    line = Linear(a=0.0, b=debt, k=dollars * threshold, m=0.0)
    return Position(
        KEY,
        (leg("USDC", dollars, 1, eth=False),),
        (leg("WETH", debt, price, eth=True),),
        int(dollars * 10**8),
        int(debt * price * 10**8),
        None,
        ProtocolPrice(int(price * 10**8)),
        LiquidatableAbove(Tick(int(line.k / debt * 10**8)), cluster=0),
        linear=line,
    )


def read(line: str) -> tuple[str, float, float]:
    """(verb, amount, target) of a line."""
    match = re.fullmatch(r"(Repay|Add) about ([\d,.]+) \w+ to be (\d+)% away", line)
    assert match is not None, line
    return match[1], float(match[2].replace(",", "")), int(match[3]) / 100


sizes = st.floats(0.5, 10**6)
thresholds = st.floats(0.5, 0.95)
distances = st.floats(0.001, 0.194)
prices = st.floats(500, 9_000)


@given(sizes, thresholds, distances, prices)
def test_a_long_that_follows_the_advice_is_as_far_away_as_told(
    eth: float, threshold: float, distance: float, price: float
) -> None:
    debt = eth * threshold * price * (1 - distance)
    told = list(fixes(long(eth, threshold, debt, price)))
    assert told
    for line in told:
        verb, amount, target = read(line)
        assert target > distance
        after = (
            (debt - amount) / (eth * threshold) if verb == "Repay" else debt / ((eth + amount) * threshold)
        )
        reached = 1 - after / price
        assert target - 1e-6 <= reached < target + 0.01


@given(sizes, thresholds, distances, prices)
def test_a_short_that_follows_the_advice_is_as_far_away_as_told(
    debt: float, threshold: float, distance: float, price: float
) -> None:
    dollars = debt * price * (1 + distance) / threshold
    assume(dollars < 10**12)
    told = list(fixes(short(dollars, threshold, debt, price)))
    assert told
    for line in told:
        verb, amount, target = read(line)
        counted = dollars * threshold
        after = counted / (debt - amount) if verb == "Repay" else (dollars + amount) * threshold / debt
        reached = after / price - 1
        assert target - 1e-6 <= reached < target + 0.02


def test_what_is_far_away_needs_nothing() -> None:
    assert list(fixes(long(100, 0.83, 100 * 0.83 * 2_000 * 0.79, 2_000))) == []


def test_what_is_liquidatable_gets_the_exact_amounts() -> None:
    position = replace(long(100, 0.83, 170_000, 2_000), remedy=Remedy(4_000_000_000, 2_500_000))
    assert list(fixes(position)) == ["Repay at least 4,000.00 USDT", "Add at least 2.50 WETH"]
    assert list(fixes(replace(position, remedy=Remedy(4_000_000_000, None)))) == [
        "Repay at least 4,000.00 USDT"
    ]


@given(st.integers(1, 2**256), st.integers(1, 2**256), st.integers(0, 36), st.integers(0, 36))
def test_an_amount_that_is_read_is_enough_and_not_much_more(
    repay: int, add: int, debt_decimals: int, decimals: int
) -> None:
    """Cut to cents, `at least 2.50 WETH` was up to $24 too little."""
    position = long(100, 0.83, 170_000, 2_000)
    position = replace(
        position,
        debts=(replace(position.debts[0], decimals=debt_decimals),),
        collaterals=(replace(position.collaterals[0], decimals=decimals),),
        remedy=Remedy(repay, add),
    )
    lines = list(fixes(position))
    for line, units, places in zip(lines, (repay, add), (debt_decimals, decimals), strict=True):
        match = re.fullmatch(r"(?:Repay|Add) at least ([\d,.]+) \w+", line)
        assert match is not None, line
        told = Fraction(match[1].replace(",", ""))
        exact = Fraction(units, 10**places)
        assert exact <= told <= max(exact + Fraction(1, 100), exact * Fraction(1_001, 1_000))


@pytest.mark.parametrize("missing", ["linear", "debts", "collaterals"])
def test_what_is_not_known_is_no_advice(missing: str) -> None:
    position = long(100, 0.83, 100 * 0.83 * 2_000 * 0.95, 2_000)
    assert len(list(fixes(position))) == 2
    assert list(fixes(replace(position, **{missing: None if missing == "linear" else ()}))) == []


def test_a_price_that_is_not_there_is_no_advice() -> None:
    position = long(100, 0.83, 100 * 0.83 * 2_000 * 0.95, 2_000)
    assert list(fixes(replace(position, price=ProtocolPrice(0)))) == []
    worthless = replace(position.debts[0], value=None)
    assert all(line.startswith("Add") for line in fixes(replace(position, debts=(worthless,))))
