"""Blocks whose blob fee lay on its floor: what the rollups do not count."""

from __future__ import annotations

from monitor.store.database import Database
from monitor.supply.barrier import RESERVE_DIVISOR
from monitor.units import BlockNumber


def blocks_at_floor(db: Database, first: BlockNumber, last: BlockNumber) -> int:
    """Of blocks `first` to `last`: those with a blob fee of no more than 1/16 of the base fee."""
    row = db.row(
        "SELECT count(*) FROM block WHERE number BETWEEN ? AND ?"
        f" AND blob_base_fee_wei * {RESERVE_DIVISOR} <= base_fee_wei",
        first,
        last,
    )
    return int(row[0])
