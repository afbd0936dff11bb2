"""Burn against issuance: the fee at which they meet, for how long, and where it leads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from monitor.domain import BlobSchedule, BlockRow
from monitor.supply.blobs import BLOB_BASE_COST, GAS_PER_BLOB
from monitor.units import SECONDS_PER_YEAR, BlockNumber, UnixTime, Wei, ceil_div

RESERVE_DIVISOR = GAS_PER_BLOB // BLOB_BASE_COST
"""The EIP-7918 reserve price of a blob gas is the base fee over this (16)."""


@dataclass(frozen=True, slots=True)
class Barrier:
    """The lowest fees, in wei per gas, at which a block burns what a block's time issues."""

    base_alone: Wei | None
    """Base fee, were there no blobs; None without gas to burn on."""
    base_with_blobs: Wei | None
    """Base fee, with blobs at the price that the base fee holds them to: the figure to watch."""
    blob_alone: Wei
    """Blob base fee at the schedule's target number of blobs, were there no base burn."""


def barrier(
    issuance_per_block_wei: int, gas_per_block: int, blob_gas_per_block: int, schedule: BlobSchedule
) -> Barrier:
    """Break-even fees for a block of usual size; each is rounded up.

    Since Osaka the blob fee has a floor at 1/16 of the base fee, where it mostly lies; so the base fee
    that breaks even with both burns solves base * gas + base/16 * blob gas = issuance.
    """
    wanted = max(issuance_per_block_wei, 0)
    both = gas_per_block * RESERVE_DIVISOR + blob_gas_per_block
    return Barrier(
        Wei(ceil_div(wanted, gas_per_block)) if gas_per_block else None,
        Wei(ceil_div(wanted * RESERVE_DIVISOR, both)) if both else None,
        Wei(ceil_div(wanted, schedule.target * GAS_PER_BLOB)),
    )


class Streak(NamedTuple):
    """How long the base fee has been on one side of the barrier."""

    above: bool
    blocks: int
    since_block: BlockNumber
    since: UnixTime


def streak(newest_first: Iterable[BlockRow], barrier_wei: Wei) -> Streak | None:
    """The run of blocks that ends with the newest; None for no blocks or a base fee that is not known.

    Above includes equal. Rows must follow each other without a gap; only as many as needed are read.
    """
    run: Streak | None = None
    for row in newest_first:
        if row.base_fee_wei is None:
            break
        above = row.base_fee_wei >= barrier_wei
        if run is None:
            run = Streak(above, 1, row.number, row.timestamp)
        elif above is run.above and row.number == run.since_block - 1:
            run = Streak(above, run.blocks + 1, row.number, row.timestamp)
        else:
            break
    return run


def hours_of_issuance(burned_wei: int, issued_wei: int, issued_seconds: int) -> Decimal | None:
    """How many hours of issuance a burn undid; None while nothing is issued."""
    if issued_wei <= 0:
        return None
    return Decimal(burned_wei) * issued_seconds / (Decimal(issued_wei) * 3600)


@dataclass(frozen=True, slots=True)
class AtPeak:
    """Supply is at its highest."""


@dataclass(frozen=True, slots=True)
class NeverAtThisPace:
    """Supply does not grow: the peak stays behind."""


@dataclass(frozen=True, slots=True)
class BackIn:
    """Seconds until supply passes its peak again at the present pace, rounded up."""

    seconds: int


def time_to_peak(
    supply_wei: int, peak_wei: int, change_wei: int, seconds: int
) -> AtPeak | NeverAtThisPace | BackIn:
    """When supply is back at `peak_wei`, if it goes on changing by `change_wei` every `seconds`."""
    if supply_wei >= peak_wei:
        return AtPeak()
    if change_wei <= 0:
        return NeverAtThisPace()
    return BackIn(ceil_div((peak_wei - supply_wei) * seconds, change_wei))


@dataclass(frozen=True, slots=True)
class Equilibrium:
    """Where supply tends to if stake keeps its size and the rest keeps burning the same share."""

    supply_wei: Wei
    burn_share: Decimal
    """Share of unstaked ETH burned a year."""

    def after(self, supply_wei: int, years: Decimal) -> Wei:
        """Supply in `years`: the distance to the equilibrium shrinks by `burn_share` a year."""
        rest = Decimal(supply_wei - self.supply_wei) * (-self.burn_share * years).exp()
        return Wei(self.supply_wei + int(rest))


def equilibrium(
    supply_wei: int, staked_wei: int, issued_per_year_wei: int, burned_per_year_wei: int
) -> Equilibrium | None:
    """Supply at which burn equals issuance; None where nothing burns, or nothing is unstaked.

    Burn is taken as a fixed share of the ETH that is not staked, issuance as fixed by the stake.
    """
    unstaked = supply_wei - staked_wei
    if unstaked <= 0 or burned_per_year_wei <= 0 or issued_per_year_wei < 0:
        return None
    share = Decimal(burned_per_year_wei) / unstaked
    return Equilibrium(Wei(staked_wei + int(issued_per_year_wei / share)), share)


def growth_per_year(change_wei: int, supply_wei: int, seconds: int) -> Decimal:
    """Yearly growth of supply as a share (0.01 is 1 %), without compounding. `seconds` > 0."""
    return Decimal(change_wei) * SECONDS_PER_YEAR / (Decimal(supply_wei) * seconds)


def blob_share(base_wei: int, blob_wei: int) -> Decimal | None:
    """Share of the burn that blobs pay; None where nothing burned."""
    total = base_wei + blob_wei
    return Decimal(blob_wei) / total if total else None
