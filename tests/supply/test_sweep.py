"""What the sweep tells, at the edges: which payouts are periods, and how the offline part widens the bounds."""

from __future__ import annotations

import pytest

from monitor.supply.issuance import Estimated
from monitor.supply.sweep import BUILDER_BIT, Payout, SweepTally, sweep_estimate
from monitor.units import Gwei, UnixTime

ETH = 10**9


def tally_of(*payouts: tuple[int, int, int]) -> SweepTally:
    found = SweepTally()
    found.add(Payout(index, Gwei(amount), UnixTime(time)) for index, amount, time in payouts)
    return found


@pytest.mark.parametrize(
    ("amount", "periods"), [(ETH - 1, 2), (ETH, 0), (32 * ETH, 0)], ids=["a period", "an ETH", "an exit"]
)
def test_an_exit_is_no_period_and_ends_the_one_before(amount: int, periods: int) -> None:
    assert tally_of((7, 5, 100), (7, amount, 200), (7, 9, 300)).periods == periods


def test_builders_are_no_validators() -> None:
    assert tally_of((BUILDER_BIT, 5, 100), (BUILDER_BIT, 5, 200)).periods == 0


def test_stake_that_is_offline_earns_nothing_and_is_fined_as_much() -> None:
    """Every swept validator earned the same, so the width is that of the offline part alone."""
    per_period, seconds = 20_000_000, 800_000
    tally = tally_of(*((n, per_period, moment) for n in range(1_000) for moment in (0, seconds)))
    found = sweep_estimate(tally, seconds, Gwei(32_000 * ETH), Gwei(32_000 * ETH), offline_permille=(10, 30))
    assert isinstance(found, Estimated)
    swept = 1_000 * per_period
    assert found.low_gwei == pytest.approx(swept * 0.94, rel=1e-6)
    assert found.high_gwei == pytest.approx(swept * 0.99, rel=1e-6)
