"""Records of the ledger: the most burned, the highest and the lowest fees."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.domain import BlockRef
from monitor.store import frames, ledger, records
from monitor.store.database import Database
from monitor.store.frames import Coverage
from monitor.store.periods import Period, start_of
from monitor.store.records import Record
from monitor.store.totals import FeeStats


@dataclass(frozen=True, slots=True)
class Records:
    """Of the blocks that are stored, and no others: `coverage` says which. None: there is none yet."""

    coverage: Coverage
    block: Record | None
    hour: Record | None
    """Whole hours and days only: the running ones are not over."""
    day: Record | None
    base_fee: FeeStats | None
    blob_fee: FeeStats | None


def stored_records(db: Database, at: BlockRef | None = None) -> Records | None:
    """Records up to block `at`, the newest unless given; None while nothing is stored."""
    with db.snapshot():
        at = at or ledger.cursor(db)
        if at is None:
            return None
        whole = frames.frame(db)
        return Records(
            whole.coverage,
            records.top_block(db, at.number),
            records.top_period(db, Period.HOUR, start_of(Period.HOUR, at.timestamp)),
            records.top_period(db, Period.DAY, start_of(Period.DAY, at.timestamp)),
            whole.totals.base_fee,
            whole.totals.blob_fee,
        )
