"""Liquity v2 (BOLD) in its own integers: interest, batches, shutdown, redistribution.

Only ICR < MCR liquidates: there is no recovery mode. The price of a branch is ETH/USD in wad, times
the staking token's rate where it has one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from monitor.lending.liquity_v1 import collateral_ratio, highest_below
from monitor.lending.outcome import NeverByEth, NeverReason, Outcome
from monitor.lending.remedy import LiquidationTerms, Remedy
from monitor.lending.solver import Monotone, outcome_of, solve
from monitor.units import SECONDS_PER_YEAR, WAD, UnixTime, Wad, ceil_div, floor_div

WAD_PER_TICK: Final = 10**10


@dataclass(frozen=True, slots=True)
class Branch:
    """One collateral's system. `shutdown_time` is 0 while it is open; then interest has stopped."""

    mcr: int
    shutdown_time: UnixTime
    trove_count: int


class Redistribution(NamedTuple):
    """Collateral and debt that liquidations of others have added to a trove, wad."""

    coll: int
    debt: int


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch manager's debt as recorded; all its troves pay its rate and its fee (1e18 a year)."""

    recorded_debt: int
    annual_rate: int
    annual_fee: int
    total_shares: int
    last_update: UnixTime


@dataclass(frozen=True, slots=True)
class TroveV2:
    """A trove as recorded. In a batch, `shares` of it replace `recorded_debt` and the own rate."""

    coll: int
    recorded_debt: int
    annual_rate: int
    last_update: UnixTime
    redistributed: Redistribution
    batch: Batch | None = None
    shares: int = 0


class Latest(NamedTuple):
    """A trove's amounts at a time, wad, as `getLatestTroveData` gives them."""

    coll: int
    debt: int
    recorded_debt: int
    interest: int
    batch_fee: int


def interest_period(branch: Branch, last_update: UnixTime, now: UnixTime) -> int:
    """Seconds that interest runs for: up to now, or to the shutdown."""
    end = min(now, branch.shutdown_time) if branch.shutdown_time else now
    return max(end - last_update, 0)


def interest(debt: int, annual_rate: int, period: int) -> int:
    """Simple interest on recorded debt, floored."""
    return floor_div(debt * annual_rate * period, SECONDS_PER_YEAR * WAD)


def latest(trove: TroveV2, branch: Branch, now: UnixTime) -> Latest:
    """Debt and collateral at `now`, interest and redistribution included."""
    recorded, accrued, fee = _own_debt(trove, branch, now)
    debt = recorded + trove.redistributed.debt + accrued + fee
    return Latest(trove.coll + trove.redistributed.coll, debt, recorded, accrued, fee)


def _own_debt(trove: TroveV2, branch: Branch, now: UnixTime) -> tuple[int, int, int]:
    """Recorded debt, interest, batch fee; a batch's are shared out by debt shares, each floored."""
    batch = trove.batch
    if batch is None:
        period = interest_period(branch, trove.last_update, now)
        return trove.recorded_debt, interest(trove.recorded_debt, trove.annual_rate, period), 0
    if batch.total_shares == 0:
        return 0, 0, 0
    period = interest_period(branch, batch.last_update, now)
    whole = (
        batch.recorded_debt,
        interest(batch.recorded_debt, batch.annual_rate, period),
        interest(batch.recorded_debt, batch.annual_fee, period),
    )
    recorded, accrued, fee = (floor_div(part * trove.shares, batch.total_shares) for part in whole)
    return recorded, accrued, fee


def is_liquidatable(trove: Latest, branch: Branch, price_wad: int) -> bool:
    """The answer of `batchLiquidateTroves` for an active or zombie trove."""
    if branch.trove_count <= 1:
        return False
    return trove.debt > 0 and collateral_ratio(trove.coll, trove.debt, price_wad) < branch.mcr


def price_at(tick: int, rate: int | None) -> int:
    """A branch's price (wad) with ETH/USD at `tick`; `rate`: wad of ETH per staking token, None for WETH."""
    price = tick * WAD_PER_TICK
    return price if rate is None else floor_div(price * rate, WAD)


@dataclass(frozen=True, slots=True)
class TroveV2Test:
    """A trove's answer as a function of the ETH/USD tick; changes at most once."""

    trove: Latest
    branch: Branch
    rate: int | None

    def __call__(self, tick: int) -> bool:
        """Liquidatable at `tick`."""
        return is_liquidatable(self.trove, self.branch, price_at(tick, self.rate))


def outcome(trove: Latest, branch: Branch, rate: int | None, tick: int) -> Outcome:
    """The trove's liquidation price in ETH/USD at `tick`."""
    if trove.debt == 0:
        return NeverByEth(NeverReason.NO_DEBT)
    found = outcome_of(solve(Monotone(TroveV2Test(trove, branch, rate)), tick), tick)
    if found is None and branch.trove_count <= 1:
        return NeverByEth(NeverReason.NO_PRICE, "a second trove: the last one is never liquidated")
    return found or NeverByEth(NeverReason.OUT_OF_RANGE)


def liquidation_price(trove: Latest, branch: Branch) -> int | None:
    """The highest branch price (wad) at which the trove is under MCR; None without debt."""
    return highest_below(trove.coll, trove.debt, branch.mcr)


def terms(penalty: int) -> LiquidationTerms:
    """`penalty`: the branch's for the stability pool (5 %) or a redistribution, 1e18; the rest is returned."""
    return LiquidationTerms(
        Wad(WAD), Wad(penalty), "the whole trove; what is left after the penalty is returned"
    )


def remedy(trove: Latest, branch: Branch, price_wad: int) -> Remedy:
    """BOLD to repay, or collateral (wad) to add, so that ICR reaches MCR at `price_wad` (above 0)."""
    if not is_liquidatable(trove, branch, price_wad):
        return Remedy(0, 0)
    carried = floor_div(trove.coll * price_wad, branch.mcr)
    needed = ceil_div(trove.debt * branch.mcr, price_wad)
    return Remedy(repay=trove.debt - carried, add=needed - trove.coll)
