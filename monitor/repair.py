"""Open gaps, read again: blocks that were missing, receipts, blob fees that were in doubt.

All kinds are mended in one way: the blocks are read once more and stored over what is there.
What comes back whole closes its part of the gap, whatever stays unreadable keeps its row, with
the newest cause and one more attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event

from monitor.domain import Block
from monitor.errors import BadAnswer, BlockGone, BrokenLink, NodeError, NodeUnavailable, Unsupported
from monitor.ports import BlockSource, Clock
from monitor.store import gaps, ledger
from monitor.store.database import Database
from monitor.store.gaps import GapRecord
from monitor.units import BlockNumber

CHUNK = 100
FIRST_RETRY_S = 30
LAST_RETRY_S = 3_600


@dataclass(frozen=True, slots=True)
class Repaired:
    """Blocks asked for again, and how many of their gaps are closed now."""

    asked: int
    closed: int


Progress = Callable[[int], None]
"""Called with the number of blocks just asked for."""


def repair(
    source: BlockSource,
    db: Database,
    clock: Clock,
    records: Iterator[GapRecord] | tuple[GapRecord, ...],
    *,
    cancel: Event,
    progress: Progress | None = None,
) -> Repaired:
    """Read the blocks of `records` again and store what is whole.

    Raises NodeUnavailable when no endpoint answers: that says nothing about a gap.
    """
    before, asked = _open_blocks(db), 0
    for record in records:
        for first in range(record.gap.first, record.gap.last + 1, CHUNK):
            if cancel.is_set():
                break
            last = min(record.gap.last, first + CHUNK - 1)
            _repair_chunk(source, db, clock, record, (BlockNumber(first), BlockNumber(last)))
            asked += last - first + 1
            if progress is not None:
                progress(last - first + 1)
    return Repaired(asked, max(0, before - _open_blocks(db)))


def due(db: Database, clock: Clock) -> tuple[GapRecord, ...]:
    """Open gaps whose last attempt is long enough ago: half a minute at first, an hour at last."""
    now = clock.now()
    return tuple(record for record in gaps.open_gaps(db) if _next_attempt(record) <= now)


def _next_attempt(record: GapRecord) -> int:
    last = record.last_attempt_at if record.last_attempt_at is not None else record.opened_at
    return last + min(LAST_RETRY_S, FIRST_RETRY_S * 2 ** min(record.attempts, 16))


def _repair_chunk(
    source: BlockSource, db: Database, clock: Clock, record: GapRecord, span: tuple[BlockNumber, BlockNumber]
) -> None:
    first, last = span
    found, cause = _read(source, first, last)
    try:
        with db.transaction():
            ledger.append(db, found, clock.now())
    except BrokenLink as error:
        cause = str(error)
    if cause is not None or len(found) < last - first + 1:
        gaps.record_attempt(db, record.id, clock.now(), cause or "the node does not have these blocks")


def _read(source: BlockSource, first: BlockNumber, last: BlockNumber) -> tuple[list[Block], str | None]:
    """What can be read of a range, and why the rest cannot: a bad block does not hide its neighbours."""
    try:
        return [block for block in source.blocks(first, last) if block is not None], None
    except NodeUnavailable:
        raise
    except (BadAnswer, Unsupported, BlockGone) as error:
        if first == last:
            return [], error.problem
    except NodeError as error:
        return [], error.problem
    middle = BlockNumber((first + last) // 2)
    low, low_cause = _read(source, first, middle)
    high, high_cause = _read(source, BlockNumber(middle + 1), last)
    return low + high, low_cause or high_cause


def _open_blocks(db: Database) -> int:
    return sum(record.gap.last - record.gap.first + 1 for record in gaps.open_gaps(db))
