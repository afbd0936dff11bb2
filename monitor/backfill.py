"""Old blocks into the store: what is missing in a range, newest first, beside a live daemon.

    store: what is missing?  ->  chain.bulk reads it  ->  store: two thousand blocks, one transaction

Stop it, kill it, start it again: the store says what is missing, nothing is read twice. Nothing is
held between transactions, so a daemon that writes the head to the same file waits for one of
them at most.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from operator import attrgetter

from monitor.chain.bulk import Bulk, Piece, ReadBlocks, newest_first
from monitor.chain.pace import Pace
from monitor.domain import Block, BlockRef, Gap, GapKind
from monitor.ports import Clock
from monitor.store import coverage, gaps, ledger
from monitor.store.database import Database
from monitor.units import BlockNumber

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
) -> Backfilled:
    """Store what is missing of blocks `first` to `last`, inclusive; returns how far it came.

    Blocks that stay unreadable become gap rows. Ends early, with all that was read committed, when
    `cancel` is set. Raises NodeUnavailable (no endpoint answers any more), BadAnswer and BrokenLink
    (blocks that do not fit the stored chain are not stored) and StoreError.
    """
    missing = coverage.missing_ranges(db, first, last)
    writer = _Writer(db, clock, sum(end - start + 1 for start, end in missing), progress)
    try:
        with _few_collections(), closing(Bulk(read, cancel, pace).pieces(newest_first(missing))) as pieces:
            for piece in pieces:
                writer.take(piece)
    finally:
        writer.flush()
    return writer.state


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
