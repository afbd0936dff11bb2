"""Layer-2 offloading, the usual explanation of low burn, in figures: who fills blocks and who pays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from monitor.domain import BlobSchedule, BlockRow
from monitor.supply.blobs import GAS_PER_BLOB
from monitor.supply.burn import BurnTotal, burn_of
from monitor.units import Wei


@dataclass(frozen=True, slots=True)
class Offload:
    """Sums over a stretch of blocks. Shares are 0 to 1, None where there is nothing to divide by."""

    burn: BurnTotal
    gas_used: int
    gas_limit: int
    blobs: int
    blob_target: int
    """Blobs that the schedules aimed at; 0 before Cancun."""
    at_blob_floor: int
    """Blocks whose blob fee was no more than 1/16 of the base fee: rollups paid the least possible."""

    @property
    def blob_share(self) -> Decimal | None:
        """Part of the known burn that blobs paid."""
        return _share(self.burn.blob_wei, self.burn.known_wei)

    @property
    def gas_share(self) -> Decimal | None:
        """Gas used of the gas limit; a half is the protocol's target."""
        return _share(self.gas_used, self.gas_limit)

    @property
    def blob_fill(self) -> Decimal | None:
        """Blobs as a share of the target; above 1 the blob fee rises."""
        return _share(self.blobs, self.blob_target)

    @property
    def burn_per_blob_wei(self) -> Wei | None:
        """Mean burn of a blob, rounded down."""
        return Wei(self.burn.blob_wei // self.blobs) if self.blobs else None


def offload(rows: Iterable[tuple[BlockRow, BlobSchedule | None]]) -> Offload:
    """Sums over blocks, each with the schedule in force at it (None before Cancun)."""
    burn = BurnTotal(Wei(0), Wei(0), 0, 0, 0)
    used = limit = blobs = target = floor = 0
    for row, schedule in rows:
        base, blob = burn_of(row)
        burn += BurnTotal(base or Wei(0), blob or Wei(0), 1, int(base is None), int(blob is None))
        used, limit = used + row.gas_used, limit + row.gas_limit
        blobs += (row.blob_gas_used or 0) // GAS_PER_BLOB
        target += schedule.target if schedule else 0
        floor += _is_at_floor(row)
    return Offload(burn, used, limit, blobs, target, floor)


def _is_at_floor(row: BlockRow) -> bool:
    if row.blob_base_fee_wei is None or row.base_fee_wei is None:
        return False
    return row.blob_base_fee_wei * 16 <= row.base_fee_wei


def _share(part: int, whole: int) -> Decimal | None:
    return Decimal(part) / whole if whole else None
