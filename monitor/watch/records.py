"""Readings of records: blocks, hours and days that burned more than any other in the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alerts.model import BlockStamp, Reading
from monitor.domain import Block
from monitor.readings.chain import record_reading
from monitor.store import frames, history, records
from monitor.store.database import Database
from monitor.store.periods import Period, start_of
from monitor.supply.burn import burn_of
from monitor.units import SECONDS_PER_DAY, BlockNumber, UnixTime

LEAST_HISTORY_S = 7 * SECONDS_PER_DAY
"""A record of fewer days is news of the ledger, not of the chain."""


def record_readings(db: Database, blocks: Sequence[Block], at: BlockStamp) -> Iterator[Reading]:
    """Records that `blocks`, the newest stored ones, set: by one of them, or by the hour or day that they end."""
    start, _ = frames.resolved(db, None, None)
    if start is None or start > at.time - LEAST_HISTORY_S:
        return
    yield from _of_blocks(db, blocks, at)
    parent = history.block(db, BlockNumber(blocks[0].ref.number - 1))
    if parent is None:
        return
    for period in (Period.HOUR, Period.DAY):
        begun = start_of(period, UnixTime(at.time))
        ended = start_of(period, parent.timestamp)
        if ended < begun:
            yield from _of_period(db, period, ended, at)


def _of_blocks(db: Database, blocks: Sequence[Block], at: BlockStamp) -> Iterator[Reading]:
    """The highest of the new blocks, if it is above all before them. One whose burn is not known sets none."""
    known = [
        (burned, -one.ref.number, one) for one in blocks if (burned := burn_of(one.row).total_wei) is not None
    ]
    if not known:
        return
    burned, _, best = max(known, key=lambda entry: entry[:2])
    before = records.top_block(db, BlockNumber(blocks[0].ref.number - 1))
    if before is not None and burned > before.burned_wei:
        yield record_reading("block", burned, best.ref.number, best.ref.number, best.ref.hash, at)


def _of_period(db: Database, period: Period, ended: UnixTime, at: BlockStamp) -> Iterator[Reading]:
    top = records.top_period(db, period, UnixTime(ended + 1))
    if top is None or top.start != ended:
        return
    if frames.frame(db, top.start, top.end).coverage.complete:
        yield record_reading(
            period.value, top.burned_wei, top.first_block, top.last_block, str(top.start), at
        )
