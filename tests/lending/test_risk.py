"""Estimates: drift and carry."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.lending.position import Linear
from monitor.lending.risk import (
    Growth,
    carry_days,
    crossing,
    drift_per_day,
    grown,
    health,
)

LONG = Linear(a=83.0, b=0.0, k=0.0, m=147_740.0)
SHORT = Linear(a=0.0, b=78.0, k=241_800.0, m=0.0)
values = st.floats(1.0, 1e9)


def test_crossings() -> None:
    assert crossing(LONG) == pytest.approx(1780)
    assert crossing(SHORT) == pytest.approx(3100)
    assert crossing(Linear(1, 0, 5, 4)) is None
    assert crossing(Linear(1, 1, 0, 0)) is None


@given(values, values, values, values)
def test_health_is_one_at_the_crossing(a: float, b: float, k: float, m: float) -> None:
    line = Linear(a, b, k, m)
    found = crossing(line)
    if found is not None and abs((a - b) / a) > 1e-3 and abs((m - k) / m) > 1e-3:
        assert health(line, found) == pytest.approx(1, rel=1e-9)


def test_debt_interest_lifts_a_long_and_lowers_a_short() -> None:
    owed = Growth(b=0.05, m=0.05)
    up, down = drift_per_day(LONG, owed), drift_per_day(SHORT, owed)
    assert up == pytest.approx(1780 * 0.05 / 365, rel=1e-3)
    assert down == pytest.approx(-3100 * 0.05 / 365, rel=1e-3)
    assert drift_per_day(Linear(1, 1, 0, 0), owed) is None
    staked = drift_per_day(LONG, Growth(a=0.05, m=0.05))
    assert staked == pytest.approx(0, abs=1e-9)


@given(st.floats(1.001, 3.0), st.floats(0.001, 0.5))
def test_carry_is_the_logarithm_of_health_over_the_net_rate(factor: float, rate: float) -> None:
    loop = Linear(a=factor, b=1.0, k=0.0, m=0.0)
    expected = math.log(factor) / rate
    found = carry_days(loop, Growth(b=rate), 2400.0)
    if expected < 80:
        assert found == pytest.approx(expected * 365, rel=1e-9)
        assert found is not None
        assert health(grown(loop, Growth(b=rate), found / 365), 2400.0) == pytest.approx(1, rel=1e-9)
    elif expected > 130:
        assert found is None


def test_carry_that_grows_has_no_end_and_one_that_is_over_has_no_days() -> None:
    assert carry_days(Linear(1.1, 1, 0, 0), Growth(a=0.03, b=0.02), 2000.0) is None
    assert carry_days(Linear(0.9, 1, 0, 0), Growth(), 2000.0) == 0.0
