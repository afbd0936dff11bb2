"""Issuance read off the withdrawal sweep: an estimate that assumes no participation.

A validator with 0x01 credentials at its cap pays out, each time the sweep comes round, exactly what
it earned since the last time. Many of them give the mean reward of one validator and second, and the
active stake gives how many validators' worth there is. Blind spots, kept inside the interval: those
that are offline never pay out, and compounding validators (0x02) are not swept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isqrt
from typing import NamedTuple

from monitor.supply.issuance import Estimated, Method, Unknown
from monitor.units import Gwei, UnixTime, ceil_div, floor_div

VALIDATOR_GWEI = 32 * 10**9
MOST_SKIMMED_GWEI = 10**9
"""A payout of an ETH or more is an exit, a top-up or a requested withdrawal, not a period's reward."""
BUILDER_BIT = 1 << 40
"""Marks a builder instead of a validator in a withdrawal's validator index, since Gloas."""
LEAST_PERIODS = 1_000
"""Fewer tell too little: one proposal is worth days of attesting."""
DEVIATIONS = 4


class Payout(NamedTuple):
    """One withdrawal as an execution block lists it."""

    validator_index: int
    amount_gwei: Gwei
    timestamp: UnixTime


@dataclass(slots=True)
class SweepTally:
    """Sums over the periods between two payouts of the same validator. `add` payouts in block order."""

    periods: int = 0
    seconds: int = 0
    earned_gwei: int = 0
    _squares: list[int] = field(default_factory=lambda: [0, 0, 0])
    """Sums of amount², amount times seconds, and seconds²."""
    _last: dict[int, UnixTime] = field(default_factory=dict[int, UnixTime])

    def add(self, payouts: Iterable[Payout]) -> None:
        """Take in payouts; each validator's first one only starts its clock."""
        for payout in payouts:
            if payout.validator_index >= BUILDER_BIT:
                continue
            if payout.amount_gwei >= MOST_SKIMMED_GWEI:
                self._last.pop(payout.validator_index, None)
                continue
            since = self._last.get(payout.validator_index)
            self._last[payout.validator_index] = payout.timestamp
            if since is not None and payout.timestamp > since:
                self._count(payout.amount_gwei, payout.timestamp - since)

    def _count(self, amount: int, seconds: int) -> None:
        self.periods += 1
        self.seconds += seconds
        self.earned_gwei += amount
        for place, value in enumerate((amount * amount, amount * seconds, seconds * seconds)):
            self._squares[place] += value

    def deviation_gwei(self) -> int:
        """Standard error of `earned_gwei` given `seconds` (the ratio estimator's), rounded up."""
        amounts, products, times = self._squares
        # Sum of (amount - rate * seconds)², times seconds² to stay in integers.
        squares = (
            amounts * self.seconds**2
            - 2 * products * self.earned_gwei * self.seconds
            + times * self.earned_gwei**2
        )
        return ceil_div(isqrt(max(squares, 0)) + 1, self.seconds)


def sweep_estimate(
    tally: SweepTally,
    seconds: int,
    active_low_gwei: Gwei,
    active_high_gwei: Gwei,
    *,
    offline_permille: tuple[int, int] = (0, 20),
    least_periods: int = LEAST_PERIODS,
) -> Estimated | Unknown:
    """Issuance of `seconds` from the mean reward of the swept, carried over to all active stake.

    `offline_permille`: bounds of the stake that earns nothing and is fined as much as it would earn,
    which the swept ones do not show.
    """
    if tally.periods < least_periods:
        return Unknown(f"only {tally.periods} sweep periods were seen, {least_periods} are needed")
    deviation = DEVIATIONS * tally.deviation_gwei()
    least_offline, most_offline = offline_permille
    low = (tally.earned_gwei - deviation) * active_low_gwei * (1000 - 2 * most_offline)
    high = (tally.earned_gwei + deviation) * active_high_gwei * (1000 - least_offline)
    unit = tally.seconds * VALIDATOR_GWEI * 1000
    return Estimated(
        Gwei(floor_div(low * seconds, unit)),
        Gwei(ceil_div(high * seconds, unit)),
        Method.SWEEP,
        f"{tally.periods} sweep periods",
        0,
        f"{least_offline / 10:.1f} to {most_offline / 10:.1f} % of stake offline; compounding stake earns alike",
    )
