"""Open gaps, read again: blocks that were missing, receipts, blob fees that were in doubt.

All kinds are mended in one way: the blocks are read once more and stored over what is there.
What comes back whole closes its part of the gap, whatever stays unreadable keeps its row, with
the newest cause and one more attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Event

from monitor.chain.bulk import newest_first
from monitor.chain.incomplete import gaps_in
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
    records: Sequence[GapRecord],
    *,
    cancel: Event,
    progress: Progress | None = None,
    most_blocks: int | None = None,
) -> Repaired:
    """Read the blocks of `records` again, each from its newest on, and store what is whole.

    `most_blocks`: ends after about so many, and leaves a gap at the first chunk of which nothing came;
    for a caller that has a head to follow. None tries every block.
    Raises NodeUnavailable when no endpoint answers: that says nothing about a gap.
    """
    before, asked = _open_blocks(db), 0
    for record in records:
        cause = None
        for span in _spans(record):
            if cancel.is_set() or (most_blocks is not None and asked >= most_blocks):
                break
            size, stored, problem = _repair_chunk(source, db, clock, record, span)
            asked, cause = asked + size, cause or problem
            if progress is not None:
                progress(size)
            if not stored and most_blocks is not None:
                break
        if cause is not None:
            gaps.record_attempt(db, record, clock.now(), cause)
    return Repaired(asked, max(0, before - _open_blocks(db)))


def _spans(record: GapRecord) -> Iterator[tuple[BlockNumber, BlockNumber]]:
    return newest_first([(record.gap.first, record.gap.last)], CHUNK)


def due(db: Database, clock: Clock) -> tuple[GapRecord, ...]:
    """Open gaps whose last attempt is long enough ago: half a minute at first, an hour at last."""
    now = clock.now()
    return tuple(record for record in gaps.open_gaps(db) if _next_attempt(record) <= now)


def _next_attempt(record: GapRecord) -> int:
    last = record.last_attempt_at if record.last_attempt_at is not None else record.opened_at
    return last + min(LAST_RETRY_S, FIRST_RETRY_S * 2 ** min(record.attempts, 16))


def _repair_chunk(
    source: BlockSource, db: Database, clock: Clock, record: GapRecord, span: tuple[BlockNumber, BlockNumber]
) -> tuple[int, int, str | None]:
    """How many blocks were asked for, how many were stored, and why the gap is not closed here."""
    first, last = span
    found, cause = _read(source, first, last)
    lacking = gaps_in(found)
    try:
        with db.transaction():
            ledger.append(db, found, clock.now())
            for gap in lacking:
                gaps.open_gap(db, gap, clock.now())
    except BrokenLink as error:
        found, cause = [], str(error)
    if cause is None and len(found) < last - first + 1:
        cause = "the node does not have these blocks"
    same = (gap.cause for gap in lacking if gap.kind is record.gap.kind)
    return last - first + 1, len(found), cause or next(same, None)


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
