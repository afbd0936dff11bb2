"""One pass, top to bottom: look at the node, decide, write everything in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from monitor.chain.follower import Advance, Follower, Standstill
from monitor.chain.parentage import check_parentage
from monitor.domain import Block, BlockRef, BlockRow
from monitor.errors import BadAnswer
from monitor.ports import BlockSource, Clock
from monitor.store import gaps, history, identity, ledger
from monitor.store.database import Database
from monitor.units import BlockNumber

log = logging.getLogger("ethmon")

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
        self._source = source
        self._db = db
        self._clock = clock
        self._decide = decide
        self._follower = Follower(source, StoredChain(db), start_blocks)

    def run(self) -> Advance | Standstill:
        """One pass. Raises NodeError, ChainError and StoreError; nothing is written then."""
        step = self._follower.advance()
        if isinstance(step, Advance):
            self._check_parentage(step.blocks)
            extra = self._decide(step) if self._decide else None
            self._write(step, extra)
        return step

    def _check_parentage(self, blocks: Sequence[Block]) -> None:
        """Where a stored row excludes its child, the row may be the lie: a backfill does not prove hashes."""
        chain_id, parent = identity.chain_id(self._db), self._parent(blocks[0].ref)
        try:
            check_parentage(chain_id, parent, blocks)
        except BadAnswer:
            again = None if parent is None else self._source.block_by_hash(blocks[0].ref.parent_hash)
            if again is None:
                raise
            check_parentage(chain_id, again.row, blocks)
            log.warning("the stored block %d was not what its hash says: read again", again.ref.number)
            ledger.amend(self._db, [again.row], self._clock.now())

    def _parent(self, child: BlockRef) -> BlockRow | None:
        """The row of the block that `child` builds on, where it is stored; the follower has checked the link."""
        before = BlockNumber(child.number - 1)
        ours = ledger.recent_ref(self._db, before)
        return history.block(self._db, before) if ours and ours.hash == child.parent_hash else None

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
