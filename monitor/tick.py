"""One pass, top to bottom: look at the node, decide, write everything in one transaction."""

from __future__ import annotations

from collections.abc import Callable

from monitor.chain.follower import Advance, Follower, Standstill
from monitor.domain import BlockRef
from monitor.ports import BlockSource, Clock
from monitor.store import gaps, ledger
from monitor.store.database import Database
from monitor.units import BlockNumber

Decide = Callable[[Advance], Callable[[Database], None] | None]
"""Reads the rest of a snapshot at the new head (node I/O), and returns what to write with it."""


class StoredChain:
    """The store as the follower asks it (`monitor.ports.KnownChain`)."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def cursor(self) -> BlockRef | None:
        """The newest block stored by following."""
        return ledger.cursor(self._db)

    def ref(self, number: BlockNumber) -> BlockRef | None:
        """The stored block at `number` while its hash is kept."""
        return ledger.recent_ref(self._db, number)

    def finalized(self) -> BlockNumber | None:
        """The highest number that was ever reported as finalized."""
        return ledger.finalized(self._db)


class Tick:
    """Follows one chain into one database. `decide` sees each advance before it is written."""

    def __init__(
        self,
        source: BlockSource,
        db: Database,
        clock: Clock,
        *,
        start_blocks: int,
        decide: Decide | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._decide = decide
        self._follower = Follower(source, StoredChain(db), start_blocks)

    def run(self) -> Advance | Standstill:
        """One pass. Raises NodeError, ChainError and StoreError; nothing is written then."""
        step = self._follower.advance()
        if isinstance(step, Advance):
            extra = self._decide(step) if self._decide else None
            self._write(step, extra)
        return step

    def _write(self, step: Advance, extra: Callable[[Database], None] | None) -> None:
        at = self._clock.now()
        with self._db.transaction():
            if step.ancestor is not None:
                ledger.replace_branch(self._db, step.ancestor, step.blocks, at)
            else:
                ledger.append(self._db, step.blocks, at)
            for gap in step.gaps:
                gaps.open_gap(self._db, gap, at)
            ledger.prune(self._db, self._believed(step.finalized))
            if extra is not None:
                extra(self._db)

    def _believed(self, finalized: BlockRef | None) -> BlockNumber | None:
        """A finalized block is remembered for ever, and no reorg goes below it: it must be one of ours."""
        at = ledger.cursor(self._db)
        if finalized is None or at is None or finalized.number > at.number:
            return None
        ours = ledger.recent_ref(self._db, finalized.number)
        return finalized.number if ours is None or ours.hash == finalized.hash else None
