"""What a block burns, and what a header must say given its parent. Exact integers only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from monitor.domain import BlobSchedule, BlockRow, BurnRule
from monitor.errors import ScheduleInDoubt
from monitor.supply.blobs import GAS_PER_BLOB, blob_base_fee_wei, excess_blob_gas
from monitor.units import SECONDS_PER_YEAR, Gas, Wei, floor_div

INITIAL_BASE_FEE_WEI = Wei(10**9)
"""Of the London block."""
ELASTICITY = 2
MAX_CHANGE_DENOMINATOR = 8
GAS_LIMIT_BOUND_DIVISOR = 1024


class Burn(NamedTuple):
    """ETH destroyed by fees. A part that is not known is None, never 0."""

    base_wei: Wei | None
    blob_wei: Wei | None

    @property
    def total_wei(self) -> Wei | None:
        """Both parts, None unless both are known."""
        if self.base_wei is None or self.blob_wei is None:
            return None
        return Wei(self.base_wei + self.blob_wei)


def base_burn_wei(row: BlockRow) -> Wei | None:
    """Base fee times the gas that it was paid on; 0 before London; None where that gas is not known."""
    if row.base_fee_wei is None:
        return Wei(0)
    gas = row.receipt_gas if row.burn_rule is BurnRule.RECEIPTS else row.gas_used
    return None if gas is None else Wei(row.base_fee_wei * gas)


def blob_burn_wei(row: BlockRow) -> Wei | None:
    """Blob base fee times blob gas; 0 without blobs; None where the fee is not known."""
    if not row.blob_gas_used:
        return Wei(0)
    return None if row.blob_base_fee_wei is None else Wei(row.blob_base_fee_wei * row.blob_gas_used)


def burn_of(row: BlockRow) -> Burn:
    """Both parts of a block's burn."""
    return Burn(base_burn_wei(row), blob_burn_wei(row))


@dataclass(frozen=True, slots=True)
class BurnTotal:
    """Burn of several blocks: what is known, and how many blocks are not in it."""

    base_wei: Wei
    blob_wei: Wei
    blocks: int
    unknown_base: int
    """Blocks whose base burn is missing from `base_wei`."""
    unknown_blob: int

    @property
    def known_wei(self) -> Wei:
        """A lower bound; the exact total where `is_complete`."""
        return Wei(self.base_wei + self.blob_wei)

    @property
    def is_complete(self) -> bool:
        """Whether every block is in both sums."""
        return not self.unknown_base and not self.unknown_blob

    def __add__(self, other: BurnTotal) -> BurnTotal:
        return BurnTotal(
            Wei(self.base_wei + other.base_wei),
            Wei(self.blob_wei + other.blob_wei),
            self.blocks + other.blocks,
            self.unknown_base + other.unknown_base,
            self.unknown_blob + other.unknown_blob,
        )


def total_burn(rows: Iterable[BlockRow]) -> BurnTotal:
    """Exact sums over `rows`."""
    base = blob = blocks = unknown_base = unknown_blob = 0
    for row in rows:
        burn = burn_of(row)
        blocks += 1
        base += burn.base_wei or 0
        blob += burn.blob_wei or 0
        unknown_base += burn.base_wei is None
        unknown_blob += burn.blob_wei is None
    return BurnTotal(Wei(base), Wei(blob), blocks, unknown_base, unknown_blob)


def per_year_wei(amount: int, seconds: int) -> Wei:
    """An amount over `seconds` as an amount a year (365 days), rounded down. `seconds` > 0."""
    return Wei(floor_div(amount * SECONDS_PER_YEAR, seconds))


def next_base_fee_wei(gas_limit: Gas, gas_used: Gas, base_fee_wei: Wei | None) -> Wei:
    """EIP-1559: the base fee after a block. `base_fee_wei` None: the next block is London's first."""
    if base_fee_wei is None:
        return INITIAL_BASE_FEE_WEI
    target = floor_div(gas_limit, ELASTICITY)
    if target in (gas_used, 0):
        return base_fee_wei
    change = floor_div(floor_div(base_fee_wei * abs(gas_used - target), target), MAX_CHANGE_DENOMINATOR)
    if gas_used > target:
        return Wei(base_fee_wei + max(change, 1))
    return Wei(base_fee_wei - change)


class HeaderRule(StrEnum):
    """A rule that ties a header to its parent."""

    NUMBER = "number"
    TIMESTAMP = "timestamp"
    GAS_LIMIT = "gas_limit"
    GAS_USED = "gas_used"
    BASE_FEE = "base_fee"
    BLOB_GAS_USED = "blob_gas_used"
    EXCESS_BLOB_GAS = "excess_blob_gas"
    BLOB_BASE_FEE = "blob_base_fee"


@dataclass(frozen=True, slots=True)
class Finding:
    """A header that breaks a rule: what the rule wants (None: there is no single value) and what it says."""

    rule: HeaderRule
    number: int
    expected: int | None
    found: int | None


def check_child(
    parent: BlockRow, child: BlockRow, schedule: BlobSchedule | None, *, eip7918: bool
) -> tuple[Finding, ...]:
    """Every rule that `child` breaks, given its parent; empty for a true pair.

    `schedule` and `eip7918` are those in force at the child; None skips the blob rules.
    """
    return (
        *_check_block(parent, child),
        *_check_base_fee(parent, child),
        *_check_blobs(parent, child, schedule, eip7918),
    )


def _check_block(parent: BlockRow, child: BlockRow) -> Iterable[Finding]:
    if child.number != parent.number + 1:
        yield Finding(HeaderRule.NUMBER, child.number, parent.number + 1, child.number)
    if child.timestamp <= parent.timestamp:
        yield Finding(HeaderRule.TIMESTAMP, child.number, None, child.timestamp)
    if child.gas_used > child.gas_limit:
        yield Finding(HeaderRule.GAS_USED, child.number, None, child.gas_used)
    limit = _comparable_limit(parent, child)
    if abs(child.gas_limit - limit) >= max(floor_div(limit, GAS_LIMIT_BOUND_DIVISOR), 1):
        yield Finding(HeaderRule.GAS_LIMIT, child.number, None, child.gas_limit)


def _comparable_limit(parent: BlockRow, child: BlockRow) -> int:
    """The parent's gas limit; at London's first block it counts twice."""
    is_london = parent.base_fee_wei is None and child.base_fee_wei is not None
    return parent.gas_limit * ELASTICITY if is_london else parent.gas_limit


def _check_base_fee(parent: BlockRow, child: BlockRow) -> Iterable[Finding]:
    if child.base_fee_wei is None:
        if parent.base_fee_wei is not None:
            yield Finding(HeaderRule.BASE_FEE, child.number, None, None)
        return
    expected = next_base_fee_wei(parent.gas_limit, parent.gas_used, parent.base_fee_wei)
    if child.base_fee_wei != expected:
        yield Finding(HeaderRule.BASE_FEE, child.number, expected, child.base_fee_wei)


def _check_blobs(
    parent: BlockRow, child: BlockRow, schedule: BlobSchedule | None, eip7918: bool
) -> Iterable[Finding]:
    if schedule is None or child.excess_blob_gas is None or child.blob_gas_used is None:
        return
    if child.blob_gas_used % GAS_PER_BLOB or child.blob_gas_used > schedule.max * GAS_PER_BLOB:
        yield Finding(HeaderRule.BLOB_GAS_USED, child.number, None, child.blob_gas_used)
    try:
        excess = excess_blob_gas(
            parent.excess_blob_gas,
            parent.blob_gas_used,
            parent.base_fee_wei or Wei(0),
            schedule,
            eip7918=eip7918,
        )
        fee = blob_base_fee_wei(child.excess_blob_gas, schedule.base_fee_update_fraction)
    except ScheduleInDoubt:
        yield Finding(HeaderRule.EXCESS_BLOB_GAS, child.number, None, child.excess_blob_gas)
        return
    if child.excess_blob_gas != excess:
        yield Finding(HeaderRule.EXCESS_BLOB_GAS, child.number, excess, child.excess_blob_gas)
    if child.blob_base_fee_wei is not None and child.blob_base_fee_wei != fee:
        yield Finding(HeaderRule.BLOB_BASE_FEE, child.number, fee, child.blob_base_fee_wei)
