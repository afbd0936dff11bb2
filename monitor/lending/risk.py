"""How a liquidation price moves by itself, and how long interest takes to reach it. Estimates: floats.

All of it starts from the straight line of a position, health = (a E + k) / (b E + m), with E in USD:
a, b collateral and debt that follow ETH (in ETH, collateral times its threshold), k, m the rest (USD).
The exact price comes from the solver; nothing here replaces it.
"""

from __future__ import annotations

import math
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
