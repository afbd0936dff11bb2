"""Old blocks into the store: what is missing in a range, newest first, beside a live daemon.

    store: what is missing?  ->  chain.bulk reads it  ->  store: two thousand blocks, one transaction

Stop it, kill it, start it again: the store says what is missing, nothing is read twice. Nothing is
held between transactions, so a daemon that writes the head to the same file waits for one of
them at most.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from operator import attrgetter

from monitor.chain.bulk import Bulk, Piece, ReadBlocks, newest_first
from monitor.chain.pace import Pace
from monitor.domain import Block, BlockRef, Gap, GapKind
from monitor.errors import BrokenLink
from monitor.ports import BlockSource, Clock
from monitor.store import coverage, gaps, ledger, lock
from monitor.store.database import Database
from monitor.units import BlockNumber, UnixTime

log = logging.getLogger("ethmon")

ATTEMPTS = 5
"""Times that blocks which do not link, above the finalized one, are read again."""
PAUSE_S = 3.0
"""Before the second time, and so much longer before each next one: a daemon, or the node, settles meanwhile."""
WRITE_BLOCKS = 2000
"""Blocks per transaction: rollups are recomputed once for all of them."""
WRITE_AFTER_S = 2.0
"""A slow node's blocks are committed at least this often."""


@dataclass(frozen=True, slots=True)
class Backfilled:
    """How far a backfill has come. Blocks; `total` is what was missing at its start."""

    total: int
    stored: int
    unreadable: int
    """In gap rows of the store, with their cause."""

    @property
    def left(self) -> int:
        """Neither stored nor known to be unreadable."""
        return self.total - self.stored - self.unreadable


Progress = Callable[[Backfilled], None]


def run_backfill(
    read: ReadBlocks,
    db: Database,
    first: BlockNumber,
    last: BlockNumber,
    *,
    clock: Clock,
    cancel: threading.Event,
    progress: Progress | None = None,
    pace: Pace | None = None,
    source: BlockSource | None = None,
    pause_s: float = PAUSE_S,
) -> Backfilled:
    """Store what is missing of blocks `first` to `last`, inclusive; returns how far it came.

    Blocks that stay unreadable become gap rows. Blocks above the finalized one that `source` has
    replaced meanwhile are read again. Ends early, with all that was read committed, when
    `cancel` is set. Raises NodeUnavailable (no endpoint answers any more), BadAnswer and BrokenLink
    (blocks that do not fit the stored chain are not stored) and StoreError.
    """
    writer = _Writer(db, clock, _count(coverage.missing_ranges(db, first, last)), progress)
    wanted, attempts = writer.total, 0
    while True:
        missing = coverage.missing_ranges(db, first, last)
        writer.begin(wanted, _count(missing))
        try:
            _one_pass(read, missing, writer, cancel, pace)
        except BrokenLink as error:
            attempts += 1
            if attempts > ATTEMPTS or source is None:
                raise
            log.info("%s Read again.", error)
            _settle(source, db, error, clock.now())
            cancel.wait((attempts - 1) * pause_s)
        else:
            return writer.state


def _one_pass(
    read: ReadBlocks,
    missing: Sequence[tuple[BlockNumber, BlockNumber]],
    writer: _Writer,
    cancel: threading.Event,
    pace: Pace | None,
) -> None:
    try:
        with _few_collections(), closing(Bulk(read, cancel, pace).pieces(newest_first(missing))) as pieces:
            for piece in pieces:
                writer.take(piece)
    finally:
        writer.flush()


def _count(ranges: Sequence[tuple[BlockNumber, BlockNumber]]) -> int:
    return sum(end - start + 1 for start, end in ranges)


def _settle(source: BlockSource, db: Database, broken: BrokenLink, at: UnixTime) -> None:
    """Remove what the node has replaced above its finalized block. Raises `broken` where that cannot help."""
    final, cursor = source.finalized(), ledger.cursor(db)
    floor = 0 if final is None else final.number
    if broken.number < floor:
        raise broken
    if cursor is None or lock.holder(db.path) is not None:
        return  # a running daemon follows the branch itself, and tells of it
    for number in range(cursor.number, floor - 1, -1):
        theirs = source.ref(BlockNumber(number))
        if theirs is None:
            return  # the node has fallen behind: nothing is known of what is stored
        ours = ledger.recent_ref(db, BlockNumber(number))
        if (ours is None and coverage.range_of(db, BlockNumber(number)) is None) or ours == theirs:
            if number < cursor.number:
                ledger.replace_branch(db, theirs, (), at)
            return
    raise broken


@contextmanager
def _few_collections() -> Generator[None]:
    """The garbage collector looks for cycles a hundred times less often: blocks make none."""
    thresholds = gc.get_threshold()
    gc.set_threshold(100 * thresholds[0], *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


@dataclass(slots=True)
class _Writer:
    """Collects pieces and writes them in transactions of `WRITE_BLOCKS`."""

    db: Database
    clock: Clock
    total: int
    progress: Progress | None
    pieces: list[Piece] = field(default_factory=list[Piece])
    waiting: int = 0
    """Blocks in `pieces`."""
    stored: int = 0
    unreadable: int = 0
    flushed_at: float = field(default_factory=time.monotonic)

    def begin(self, wanted: int, missing: int) -> None:
        """A pass over what is missing of the blocks that were `wanted` at first."""
        self.stored, self.unreadable = max(0, wanted - missing), 0
        self.total = self.stored + missing

    @property
    def state(self) -> Backfilled:
        return Backfilled(self.total, self.stored, self.unreadable)

    def take(self, piece: Piece) -> None:
        self.pieces.append(piece)
        self.waiting += len(piece.blocks)
        if self.waiting >= WRITE_BLOCKS or time.monotonic() - self.flushed_at > WRITE_AFTER_S:
            self.flush()

    def flush(self) -> None:
        """One transaction; on an error nothing of it is stored, and it stays missing."""
        pieces = sorted(self.pieces, key=attrgetter("first"))
        self.pieces, self.waiting, self.flushed_at = [], 0, time.monotonic()
        blocks = [block for piece in pieces for block in piece.blocks]
        found = [gap for piece in pieces for gap in piece.gaps]
        if not blocks and not found:
            return
        self._write(blocks, found)
        self.stored += len(blocks)
        self.unreadable += sum(gap.last - gap.first + 1 for gap in found if gap.kind is GapKind.BLOCKS)
        if self.progress is not None:
            self.progress(self.state)

    def _write(self, blocks: Sequence[Block], found: Sequence[Gap]) -> None:
        at = self.clock.now()
        with self.db.transaction():
            before = ledger.cursor(self.db)
            ledger.append(self.db, blocks, at)
            for gap in (*found, *_passed_over(before, ledger.cursor(self.db))):
                gaps.open_gap(self.db, gap, at)


def _passed_over(before: BlockRef | None, after: BlockRef | None) -> Iterator[Gap]:
    """The newest blocks come first: until the rest follows, what the cursor jumped over is a gap that a daemon mends."""
    if before is not None and after is not None and after.number > before.number:
        first = BlockNumber(before.number + 1)
        yield Gap(GapKind.BLOCKS, first, after.number, "a backfill has read newer blocks, these not yet")
