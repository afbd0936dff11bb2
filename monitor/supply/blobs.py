"""Blob fee market: EIP-4844, the reserve price of EIP-7918, and schedules that change by time (EIP-7892)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from monitor.domain import BlobSchedule
from monitor.errors import ScheduleInDoubt
from monitor.units import BlobGas, UnixTime, Wei, floor_div

GAS_PER_BLOB = 131_072
MIN_BLOB_BASE_FEE_WEI = 1
BLOB_BASE_COST = 8_192
"""Execution gas that a blob is deemed to cost: the reserve price of EIP-7918."""

MAX_EXPONENT = 44
"""e**44 wei is beyond 2**63: such a fee can be neither stored nor true (13 ETH per blob gas)."""

CANCUN_STEEPNESS = (0.117, 0.119)
"""`steepness` where max is twice the target, as at Cancun: a full block raises the fee by 12.5 %."""
STEEPNESS = (0.06, 0.09)
"""`steepness` of every schedule since Prague, live (0.0785) or proposed (down to 0.067)."""


def fake_exponential(factor: int, numerator: int, denominator: int) -> int:
    """`factor * e**(numerator / denominator)` in the integer Taylor series of EIP-4844.

    Unbounded: time grows with `numerator / denominator`; callers with outside values go through
    `blob_base_fee_wei`.
    """
    total = 0
    term = factor * denominator
    divisor = denominator
    while term > 0:
        total += term
        term = term * numerator // divisor
        divisor += denominator
    return floor_div(total, denominator)


@lru_cache(maxsize=16_384)
def blob_base_fee_wei(excess_blob_gas: BlobGas, fraction: int) -> Wei:
    """Price of one blob gas in a block whose header says `excess_blob_gas`.

    Raises `ScheduleInDoubt` where no true chain can be: the fraction is stale, or the header lies.
    """
    if fraction <= 0 or excess_blob_gas < 0 or excess_blob_gas > MAX_EXPONENT * fraction:
        raise ScheduleInDoubt(
            f"An excess of {excess_blob_gas} blob gas with update fraction {fraction} has no possible price: "
            "the blob schedule is stale or the header is wrong."
        )
    return Wei(fake_exponential(MIN_BLOB_BASE_FEE_WEI, excess_blob_gas, fraction))


def excess_blob_gas(
    parent_excess: BlobGas | None,
    parent_used: BlobGas | None,
    parent_base_fee_wei: Wei,
    schedule: BlobSchedule,
    *,
    eip7918: bool,
) -> BlobGas:
    """What a block's header must say, given its parent's fields and the block's own schedule.

    None for both parent fields is the first Cancun block: they count as zero. The parent's blob
    fee inside the EIP-7918 test is priced with the child's schedule, as the clients do.
    Raises `ScheduleInDoubt` like `blob_base_fee_wei`.
    """
    excess = parent_excess or BlobGas(0)
    used = parent_used or BlobGas(0)
    target = schedule.target * GAS_PER_BLOB
    if excess + used < target:
        return BlobGas(0)
    if eip7918:
        fee = blob_base_fee_wei(excess, schedule.base_fee_update_fraction)
        if BLOB_BASE_COST * parent_base_fee_wei > GAS_PER_BLOB * fee:
            return BlobGas(excess + floor_div(used * (schedule.max - schedule.target), schedule.max))
    return BlobGas(excess + used - target)


def schedule_at(schedules: Sequence[BlobSchedule], timestamp: UnixTime) -> BlobSchedule | None:
    """The schedule in force at `timestamp`; None before the first. `schedules` rise in time."""
    for schedule in reversed(schedules):
        if schedule.activation_time <= timestamp:
            return schedule
    return None


def steepness(schedule: BlobSchedule) -> float:
    """The log of the steepest rise of the blob fee in one block; for checks and display."""
    return (schedule.max - schedule.target) * GAS_PER_BLOB / schedule.base_fee_update_fraction


def schedule_doubt(schedule: BlobSchedule) -> str | None:
    """Why a schedule that a node reports cannot be right, or None where it looks sound.

    Fractions are chosen for a fixed steepest rise of the fee, so one left over from an older
    schedule, the commonest bug of blob accounting, stands out without knowing the right one.
    """
    if not 0 < schedule.target <= schedule.max or schedule.base_fee_update_fraction <= 0:
        return (
            f"target {schedule.target}, max {schedule.max} and update fraction "
            f"{schedule.base_fee_update_fraction} are not a blob schedule"
        )
    low, high = CANCUN_STEEPNESS if schedule.max == 2 * schedule.target else STEEPNESS
    rise = steepness(schedule)
    if low <= rise <= high:
        return None
    return (
        f"update fraction {schedule.base_fee_update_fraction} does not fit target {schedule.target} and "
        f"max {schedule.max}: one block could move the blob fee by e**{rise:.3f}, "
        f"such schedules have e**{low} to e**{high}"
    )
