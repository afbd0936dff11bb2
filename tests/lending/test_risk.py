"""Estimates: drift, carry, joint shocks, first passage, and how well such forecasts did."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.lending.position import Linear
from monitor.lending.risk import (
    Estimate,
    Growth,
    brier_score,
    carry_days,
    crossing,
    drift_per_day,
    first_passage,
    grown,
    health,
    joint_crossing,
    ratio_drop,
    realised_volatility,
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
    assert ratio_drop(1.25) == pytest.approx(0.2)
    assert ratio_drop(0.99) is None


def test_a_joint_shock_moves_the_crossing_towards_the_price() -> None:
    mixed = Linear(a=50.0, b=0.0, k=60_000.0, m=130_000.0)
    still, joint = crossing(mixed), joint_crossing(mixed, 2400.0, beta_k=1.0)
    assert still == pytest.approx(1400)
    assert joint is not None
    assert still is not None
    assert still < joint < 2400
    fallen = joint / 2400
    assert 50 * joint + 60_000 * fallen == pytest.approx(130_000)
    assert joint_crossing(mixed, 2400.0) == pytest.approx(still)


def test_volatility_of_a_known_walk_lies_in_its_interval() -> None:
    dice = random.Random(3)
    price, prices = 2000.0, [2000.0]
    for _ in range(5_000):
        price *= math.exp(dice.gauss(0, 0.8 / math.sqrt(365 * 24)))
        prices.append(price)
    found = realised_volatility(prices, 3600)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.8 < found.high
    assert "5000 moves" in found.method
    with pytest.raises(ValueError, match="three prices"):
        realised_volatility([1.0, 2.0], 3600)


def test_first_passage_against_a_simulation() -> None:
    sigma, hours, steps = Estimate(0.8, "given", 0.7, 0.9), 48.0, 400
    found = first_passage(2000.0, 1900.0, sigma, hours)
    dice, hits, runs = random.Random(11), 0, 3_000
    step = 0.8 * math.sqrt(hours / 24 / 365 / steps)
    barrier = math.log(1900 / 2000)
    for _ in range(runs):
        log_price = 0.0
        for _ in range(steps):
            log_price += dice.gauss(0, step)
            if log_price <= barrier:
                hits += 1
                break
    assert found.value == pytest.approx(hits / runs, abs=0.04)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    assert first_passage(2000.0, 2000.0, sigma, hours).value == pytest.approx(1)
    assert first_passage(2000.0, 1900.0, Estimate(0.0, "calm"), hours).value == 0.0


def test_the_score_of_forecasts() -> None:
    assert brier_score([(1.0, True), (0.0, False)]) == 0
    assert brier_score([(0.5, True), (0.5, False)]) == 0.25
    with pytest.raises(ValueError, match="forecasts"):
        brier_score([])
