"""Positions that ETH's price does not decide: what does, and how long that takes. Estimates, for display."""

from __future__ import annotations

import math
from typing import Final

from monitor.lending.outcome import Insensitive
from monitor.units import SECONDS_PER_DAY, WAD

DEBT_ALONE: Final = "the days count the interest owed alone: what the collateral earns makes them more"
"""Where a protocol does not tell how its collateral grows."""


def insensitive(health_factor: int, net_rate_per_second: float) -> Insensitive:
    """A healthy position (factor of 1e18 or more) whose debt outgrows its collateral at a net rate.

    `net_rate_per_second`: interest owed minus growth of the collateral, 0.0 and below: no end.
    """
    buffer = max(health_factor, WAD) / WAD
    days = None
    if net_rate_per_second > 0:
        days = math.log(buffer) / (net_rate_per_second * SECONDS_PER_DAY)
    return Insensitive(ratio_drop=1 - 1 / buffer, carry_days=days)
