"""Liquity v1 in its own integers: pending redistribution, recovery mode, and who can be liquidated.

Below MCR always. Between MCR and TCR only in recovery mode (TCR under CCR), and only when the
stability pool can take the whole debt. The last trove of the system is never liquidated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from monitor.lending.outcome import NeverByEth, NeverReason, Outcome
from monitor.lending.remedy import LiquidationTerms, Remedy, least
from monitor.lending.solver import outcome_of, solve
from monitor.units import MAX_UINT256, WAD, Wad, ceil_div, floor_div

MCR: Final = 11 * WAD // 10
CCR: Final = 15 * WAD // 10
WAD_PER_TICK: Final = 10**10


@dataclass(frozen=True, slots=True)
class System:
    """Totals of a Liquity v1 deployment at a block, wad. `max_offset`: what the stability pool may take."""

    coll: int
    debt: int
    trove_count: int
    max_offset: int
    l_eth: int
    l_debt: int
    mcr: int = MCR
    ccr: int = CCR


@dataclass(frozen=True, slots=True)
class Trove:
    """A trove as stored, wad, with its snapshots of the redistribution sums."""

    coll: int
    debt: int
    stake: int
    snapshot_eth: int
    snapshot_debt: int


class Entire(NamedTuple):
    """A trove with what redistributions have added and nobody has written yet, wad."""

    coll: int
    debt: int


def pending(trove: Trove, system: System) -> Entire:
    """Collateral and debt redistributed to the trove since its snapshot."""
    return Entire(
        floor_div(trove.stake * (system.l_eth - trove.snapshot_eth), WAD),
        floor_div(trove.stake * (system.l_debt - trove.snapshot_debt), WAD),
    )


def entire(trove: Trove, system: System) -> Entire:
    """Stored and pending together: what the contract liquidates on."""
    gain = pending(trove, system)
    return Entire(trove.coll + gain.coll, trove.debt + gain.debt)


def collateral_ratio(coll: int, debt: int, price_wad: int) -> int:
    """ICR or TCR: collateral * price / debt, 1e18, floored; the largest uint256 without debt."""
    return floor_div(coll * price_wad, debt) if debt else MAX_UINT256


def total_ratio(system: System, price_wad: int) -> int:
    """TCR, 1e18."""
    return collateral_ratio(system.coll, system.debt, price_wad)


def in_recovery(system: System, price_wad: int) -> bool:
    """Whether the system is in recovery mode at a price."""
    return total_ratio(system, price_wad) < system.ccr


def is_liquidatable(trove: Entire, system: System, price_wad: int) -> bool:
    """The answer of `liquidate` for an active trove."""
    if system.trove_count <= 1 or trove.debt == 0:
        return False
    ratio = collateral_ratio(trove.coll, trove.debt, price_wad)
    if ratio < system.mcr:
        return True
    total = total_ratio(system, price_wad)
    return total < system.ccr and ratio < total and trove.debt <= system.max_offset


def highest_below(coll: int, debt: int, ratio: int) -> int | None:
    """The highest price (wad) at which coll * price / debt is under `ratio`; None where none is."""
    if coll == 0 or debt == 0:
        return None
    highest = ceil_div(ratio * debt, coll) - 1
    return highest if highest > 0 else None


def recovery_tick(system: System) -> int | None:
    """The highest ETH/USD tick at which the system is in recovery mode."""
    highest = highest_below(system.coll, system.debt, system.ccr)
    return None if highest is None else floor_div(highest, WAD_PER_TICK)


@dataclass(frozen=True, slots=True)
class TroveTest:
    """A trove's answer as a function of the ETH/USD tick (8 decimals), for the solver.

    Not monotone by construction: between MCR and TCR two floored ratios are compared.
    """

    trove: Entire
    system: System

    def at(self, tick: int) -> bool:
        """The contract's answer at `tick`."""
        return is_liquidatable(self.trove, self.system, tick * WAD_PER_TICK)

    def over(self, low: int, high: int) -> bool | None:
        """Proven from the ratios at both ends, each of which only grows with the price."""
        if low == high:
            return self.at(low)
        trove, system = self.trove, self.system
        if system.trove_count <= 1 or trove.debt == 0:
            return False
        least_price, most_price = low * WAD_PER_TICK, high * WAD_PER_TICK
        if collateral_ratio(trove.coll, trove.debt, most_price) < system.mcr:
            return True
        if self._only_below_mcr(least_price):
            return False if collateral_ratio(trove.coll, trove.debt, least_price) >= system.mcr else None
        if total_ratio(system, most_price) < system.ccr and self._surely_under_total(least_price):
            return True
        return None

    def _only_below_mcr(self, least_price: int) -> bool:
        """Whether recovery mode adds nothing at any price from `least_price` up."""
        trove, system = self.trove, self.system
        richer = trove.coll * system.debt >= system.coll * trove.debt
        return richer or trove.debt > system.max_offset or not in_recovery(system, least_price)

    def _surely_under_total(self, least_price: int) -> bool:
        """Whether ICR < TCR at every price from `least_price` up: the exact gap is one unit or more."""
        trove, system = self.trove, self.system
        gap = (system.coll * trove.debt - trove.coll * system.debt) * least_price
        return gap >= system.debt * trove.debt


def outcome(trove: Entire, system: System, tick: int) -> Outcome:
    """The trove's liquidation price in ETH/USD at `tick`. Raises `SearchExhausted`."""
    if trove.debt == 0:
        return NeverByEth(NeverReason.NO_DEBT)
    found = outcome_of(solve(TroveTest(trove, system), tick), tick)
    if found is None and system.trove_count <= 1:
        return NeverByEth(NeverReason.NO_PRICE, "a second trove: the last one is never liquidated")
    return found or NeverByEth(NeverReason.OUT_OF_RANGE)


def terms(trove: Entire, price_wad: int, system: System) -> LiquidationTerms:
    """All collateral is taken; in recovery mode at most 110 % of the debt."""
    worth = floor_div(trove.coll * price_wad, WAD)
    if collateral_ratio(trove.coll, trove.debt, price_wad) >= system.mcr:
        worth = floor_div(trove.debt * system.mcr, WAD)
    penalty = max(floor_div((worth - trove.debt) * WAD, trove.debt), 0) if trove.debt else 0
    return LiquidationTerms(Wad(WAD), Wad(penalty), "the whole trove")


def remedy(trove: Entire, system: System, price_wad: int) -> Remedy:
    """LUSD to repay, or ETH (wei) to add, so that the trove is out of reach at `price_wad`.

    The system's totals move with the trove's own, as in the contract.
    """

    def repaid(amount: int) -> bool:
        return _safe(Entire(trove.coll, trove.debt - amount), system, price_wad, 0, -amount)

    def added(amount: int) -> bool:
        return _safe(Entire(trove.coll + amount, trove.debt), system, price_wad, amount, 0)

    return Remedy(least(repaid, trove.debt), least(added, 2**128))


def _safe(trove: Entire, system: System, price_wad: int, coll: int, debt: int) -> bool:
    moved = System(
        system.coll + coll, system.debt + debt, system.trove_count, system.max_offset,
        system.l_eth, system.l_debt, system.mcr, system.ccr,
    )  # fmt: skip
    return not is_liquidatable(trove, moved, price_wad)
