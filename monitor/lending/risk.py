"""How a liquidation price moves by itself, and how likely it is reached. Estimates: floats, labelled.

All of it starts from the straight line of a position, health = (a E + k) / (b E + m), with E in USD:
a, b collateral and debt that follow ETH (in ETH, collateral times its threshold), k, m the rest (USD).
The exact price comes from the solver; nothing here replaces it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

from monitor.lending.position import Linear
from monitor.units import SECONDS_PER_DAY, SECONDS_PER_YEAR

_LONGEST_YEARS = 100.0


class Growth(NamedTuple):
    """Continuous growth per year of the four parts of a position: interest, and ratios in `a` and `b`."""

    a: float = 0.0
    b: float = 0.0
    k: float = 0.0
    m: float = 0.0


STILL = Growth()


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with what it rests on. `low` and `high` bound it where the method gives bounds."""

    value: float
    method: str
    low: float | None = None
    high: float | None = None


def grown(linear: Linear, growth: Growth, years: float) -> Linear:
    """The line after `years` in which nobody acts and no price moves."""
    return Linear(
        linear.a * math.exp(growth.a * years),
        linear.b * math.exp(growth.b * years),
        linear.k * math.exp(growth.k * years),
        linear.m * math.exp(growth.m * years),
    )


def health(linear: Linear, price: float) -> float:
    """The health factor at an ETH price; inf without debt."""
    debt = linear.b * price + linear.m
    return (linear.a * price + linear.k) / debt if debt > 0 else math.inf


def crossing(linear: Linear) -> float | None:
    """The ETH price with health 1, None where there is none above zero."""
    net_eth, net_debt = linear.a - linear.b, linear.m - linear.k
    if net_eth == 0 or net_debt == 0 or (net_eth > 0) != (net_debt > 0):
        return None
    return net_debt / net_eth


def drift_per_day(linear: Linear, growth: Growth) -> float | None:
    """Change of the liquidation price in the next day if nobody acts, in USD; None without a price."""
    now, tomorrow = (
        crossing(linear),
        crossing(grown(linear, growth, SECONDS_PER_DAY / SECONDS_PER_YEAR)),
    )
    return None if now is None or tomorrow is None else tomorrow - now


def carry_days(linear: Linear, growth: Growth, price: float) -> float | None:
    """Days until interest alone brings health to 1 at a constant ETH price; None: never in a century."""

    def unhealthy(years: float) -> bool:
        return health(grown(linear, growth, years), price) < 1

    if unhealthy(0):
        return 0.0
    span = 1 / 365
    while span < _LONGEST_YEARS and not unhealthy(span):
        span *= 2
    if span >= _LONGEST_YEARS:
        return None
    low, high = 0.0, span
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if unhealthy(middle) else (middle, high)
    return high * 365


def ratio_drop(health_factor: float) -> float | None:
    """Fall of the collateral's exchange ratio that liquidates, as a fraction; None when it is too late."""
    return 1 - 1 / health_factor if health_factor >= 1 else None


def joint_crossing(linear: Linear, price: float, beta_k: float = 0.0, beta_m: float = 0.0) -> float | None:
    """The ETH price with health 1 if the rest moves too: by `beta` per cent for each per cent of ETH.

    `beta_k` for the other collateral, `beta_m` for the other debt; 0 holds them still. None: no price.
    """
    moving = Linear(
        linear.a + linear.k * beta_k / price,
        linear.b + linear.m * beta_m / price,
        linear.k * (1 - beta_k),
        linear.m * (1 - beta_m),
    )
    return crossing(moving)


def realised_volatility(prices: Sequence[float], seconds_apart: float) -> Estimate:
    """Yearly volatility from prices at equal distances, with its 95 % interval. Raises `ValueError`."""
    moves = [math.log(later / earlier) for earlier, later in itertools.pairwise(prices)]
    if len(moves) < 2:
        raise ValueError("volatility needs three prices or more")
    mean = math.fsum(moves) / len(moves)
    variance = math.fsum((move - mean) ** 2 for move in moves) / (len(moves) - 1)
    value = math.sqrt(variance * SECONDS_PER_YEAR / seconds_apart)
    error = 1.96 * value / math.sqrt(2 * len(moves))
    return Estimate(value, f"realised over {len(moves)} moves", max(0.0, value - error), value + error)


def first_passage(price: float, barrier: float, volatility: Estimate, hours: float) -> Estimate:
    """Probability that ETH touches `barrier` within `hours`: zero drift, log-normal, constant volatility.

    Bounds come from those of the volatility. Real moves have fatter tails: an estimate, not a promise.
    """
    years = hours * 3_600 / SECONDS_PER_YEAR
    distance = abs(math.log(barrier / price))

    def touched(sigma: float | None) -> float | None:
        if sigma is None:
            return None
        return (
            2 * NormalDist().cdf(-distance / (sigma * math.sqrt(years))) if sigma > 0 else float(not distance)
        )

    value = touched(volatility.value)
    assert value is not None
    return Estimate(
        value,
        f"first passage, {hours:g} h, {volatility.method}",
        touched(volatility.low),
        touched(volatility.high),
    )


def brier_score(forecasts: Sequence[tuple[float, bool]]) -> float:
    """Mean squared error of probabilities against what happened: 0 is perfect, 0.25 is a coin.

    Raises `ValueError` without forecasts.
    """
    if not forecasts:
        raise ValueError("a score needs forecasts")
    return math.fsum((probability - happened) ** 2 for probability, happened in forecasts) / len(forecasts)
