"""Issuance of the consensus layer: measured from balances, estimated, or not known, never mixed up.

    issuance(a, b] = total(b) - total(a) - deposits that entered + withdrawals that left

No list of validators is compared: slashings, leaks and forfeited deposits come out as negative
issuance, moves inside the layer (consolidations, Pectra's move into the deposit queue) as nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from monitor.units import BlockHash, BlockNumber, Gwei, Slot, UnixTime, ceil_div, floor_div


class ConsensusTotal(NamedTuple):
    """All ETH in the consensus layer after the block of `slot`, tied to one execution block."""

    slot: Slot
    block_number: BlockNumber
    """The execution block whose withdrawals are the last ones that these balances have paid."""
    block_hash: BlockHash
    timestamp: UnixTime
    deposits_block: BlockNumber
    """The execution block whose deposits are the last ones in here: the same before Gloas, its parent since."""
    validators_gwei: Gwei
    pending_deposits_gwei: Gwei
    """The queue of deposits; 0 before Electra, where it does not exist."""
    builders_gwei: Gwei
    """0 before Gloas, where they do not exist."""
    finalized: bool

    @property
    def total_gwei(self) -> Gwei:
        """Everything that belongs to somebody on the consensus layer."""
        return Gwei(self.validators_gwei + self.pending_deposits_gwei + self.builders_gwei)


class Method(StrEnum):
    """How an issuance figure came about; shown beside it."""

    MEASURED = "measured"
    INTERPOLATED = "measured, ends between two samples"
    BOOKKEEPING = "anchor + deposits - withdrawals + formula"
    DRIFT = "anchor + formula, stake within its possible drift"
    SWEEP = "withdrawal sweep"


@dataclass(frozen=True, slots=True)
class Measured:
    """Exact, between two readings of the balances."""

    gwei: Gwei

    method = Method.MEASURED


@dataclass(frozen=True, slots=True)
class Estimated:
    """The truth lies in [low, high] while the named method's assumptions hold."""

    low_gwei: Gwei
    high_gwei: Gwei
    method: Method
    anchor: str
    """What known figure the estimate starts from."""
    anchor_age_s: int
    assumption: str = ""

    @property
    def middle_gwei(self) -> Gwei:
        """The middle of the interval, rounded down: for display, never for sums."""
        return Gwei(floor_div(self.low_gwei + self.high_gwei, 2))

    @property
    def spread_gwei(self) -> Gwei:
        """Half the width, rounded up: middle - spread <= low, high <= middle + spread."""
        return Gwei(ceil_div(self.high_gwei - self.low_gwei, 2))


@dataclass(frozen=True, slots=True)
class Unknown:
    """There is no figure, and this is why."""

    cause: str


Issuance = Measured | Estimated | Unknown


def measure(
    start: ConsensusTotal, end: ConsensusTotal, deposits_gwei: Gwei | None, withdrawals_gwei: Gwei | None
) -> Measured | Unknown:
    """Issuance from the post-state of `start` to that of `end`.

    `deposits_gwei`: of execution blocks (start.deposits_block, end.deposits_block].
    `withdrawals_gwei`: of execution blocks (start.block_number, end.block_number].
    None where they could not be read.
    """
    if end.slot <= start.slot or end.block_number < start.block_number:
        return Unknown(f"slot {end.slot} does not follow slot {start.slot}")
    if deposits_gwei is None:
        return Unknown(f"deposits of blocks {start.deposits_block + 1} to {end.deposits_block} were not read")
    if withdrawals_gwei is None:
        return Unknown(f"withdrawals of blocks {start.block_number + 1} to {end.block_number} were not read")
    return Measured(Gwei(end.total_gwei - start.total_gwei - deposits_gwei + withdrawals_gwei))


class IssuancePoint(NamedTuple):
    """Issuance summed up to a moment, from an origin that all points of a series share."""

    timestamp: UnixTime
    total_gwei: Gwei


def running_total(
    samples: Sequence[ConsensusTotal], steps: Sequence[Measured | Unknown]
) -> list[list[IssuancePoint]]:
    """Sums of `steps` (one between each two neighbours of `samples`), as unbroken series.

    An unknown step ends a series: what lies on both sides of it cannot be compared.
    """
    series: list[list[IssuancePoint]] = []
    total = 0
    for index, sample in enumerate(samples):
        step = steps[index - 1] if index else Unknown("")
        if isinstance(step, Unknown):
            series.append([])
            total = 0
        else:
            total += step.gwei
        series[-1].append(IssuancePoint(sample.timestamp, Gwei(total)))
    return series


def between(
    points: Sequence[IssuancePoint], start: UnixTime, end: UnixTime
) -> Measured | Estimated | Unknown:
    """Issuance of (start, end] out of an unbroken series of samples.

    Exact where samples lie on both moments. Elsewhere the interval of the samples on either side,
    which holds while the running total moves one way between two samples, as it does but for a leak.
    """
    if not points or start < points[0].timestamp or end > points[-1].timestamp:
        return Unknown("balances were not sampled over the whole time")
    first_low, first_high = _around(points, start)
    last_low, last_high = _around(points, end)
    low, high = Gwei(last_low - first_high), Gwei(last_high - first_low)
    if low == high:
        return Measured(low)
    return Estimated(
        low, high, Method.INTERPOLATED, "beacon balances", 0, "issuance is steady between samples"
    )


def _around(points: Sequence[IssuancePoint], moment: UnixTime) -> tuple[int, int]:
    """The lowest and highest running total at `moment`, which is not before the first point."""
    place = bisect_right(points, moment, key=_time) - 1
    earlier = points[place]
    if earlier.timestamp == moment or place + 1 == len(points):
        return earlier.total_gwei, earlier.total_gwei
    pair = earlier.total_gwei, points[place + 1].total_gwei
    return min(pair), max(pair)


def _time(point: IssuancePoint) -> UnixTime:
    return point.timestamp


def per_second(issuance: Measured | Estimated, seconds: int) -> tuple[int, int]:
    """Wei a second, lower end rounded down and upper end up. `seconds` > 0."""
    low, high = bounds_gwei(issuance)
    return floor_div(low * 10**9, seconds), ceil_div(high * 10**9, seconds)


def bounds_gwei(issuance: Measured | Estimated) -> tuple[Gwei, Gwei]:
    """The interval that holds the truth: a single point for a measured figure."""
    if isinstance(issuance, Measured):
        return issuance.gwei, issuance.gwei
    return issuance.low_gwei, issuance.high_gwei
