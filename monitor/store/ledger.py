"""Writing blocks: append, roll back, and where the follower stands.

The live head, a repair and a backfill write the same rows through `append`. Everything that
follows from a block (coverage, rollups, closed gaps, cursor) changes in the same transaction, so
the file is consistent whenever it can be read. Every function joins the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from monitor.domain import Block, BlockRef, BlockRow, Reorg
from monitor.errors import BrokenLink, ChainError, StoreError
from monitor.store import columns, coverage, gaps, rollback, rollups, rows, totals
from monitor.store.database import Database
from monitor.units import BlockHash, BlockNumber, UnixTime, Wei, split_wei

KEEP_RECENT = 256
"""Hashes that stay below the head, however fast finality is."""
KEEP_WITHOUT_FINALITY = 8_192
"""Hashes that stay on a chain that has never named a finalized block."""

_BELOW = "SELECT number, timestamp FROM block WHERE number < ? ORDER BY number DESC LIMIT 1"
_ABOVE = "SELECT number, timestamp FROM block WHERE number > ? ORDER BY number LIMIT 1"
_BURN_ABOVE = columns.from_blocks("number > ?1")


class TakenBack(NamedTuple):
    """What a rollback removed; `*_unknown` counts removed blocks whose burn was not known."""

    old_head: BlockRef
    depth: int
    burn_wei: Wei
    burn_unknown: int
    blob_burn_wei: Wei
    blob_burn_unknown: int


def append(db: Database, blocks: Sequence[Block], at: UnixTime) -> None:
    """Store `blocks`, ascending; holes between them are allowed, blocks taken again count once.

    The cursor moves when the last block is above it. Raises `BrokenLink` when a block does not link
    to its neighbour, and `StoreError` when times fall or a value does not fit; nothing is stored then.
    """
    if not blocks:
        return
    refs = [block.ref for block in blocks]
    new = [block.row for block in blocks]
    with db.transaction():
        _check_hashes(db, refs)
        coverage.add(db, refs)
        _check_times(db, new)
        rows.write(db, new)
        rollups.refresh(db, new)
        gaps.close_filled(db, new, at)
        _advance(db, refs)


def amend(db: Database, changed: Sequence[BlockRow], at: UnixTime) -> None:
    """Stored rows, ascending, say something else now (a fee, a rule): no link and no time changes."""
    if changed:
        with db.transaction():
            rows.write(db, changed)
            rollups.refresh(db, changed)
            gaps.close_filled(db, changed, at)


def rollback_to(db: Database, ancestor: BlockRef, at: UnixTime) -> TakenBack:
    """Remove everything that follows from blocks above `ancestor`; the cursor stands at `ancestor`.

    Raises `ChainError` below the finalized block, and `StoreError` when `ancestor` is not the block
    that is stored at its number (or that can no longer be told).
    """
    with db.transaction():
        old_head = cursor(db)
        if old_head is None:
            raise StoreError("There is no cursor yet, so there is nothing to roll back.")
        _check_ancestor(db, ancestor, old_head)
        taken = _taken_back(db, ancestor, old_head)
        with rollups.cut_above(db, ancestor.number):
            rollback.empty_above(db, ancestor.number)
        coverage.cut(db, ancestor)
        gaps.close_above(db, ancestor.number, at)
        _move_cursor(db, ancestor)
    return taken


def replace_branch(db: Database, ancestor: BlockRef, blocks: Sequence[Block], at: UnixTime) -> Reorg:
    """Roll back to `ancestor`, append the new branch and log the reorg: one transaction."""
    with db.transaction():
        taken = rollback_to(db, ancestor, at)
        append(db, blocks, at)
        new_head = cursor(db) or ancestor
        reorg = Reorg(ancestor.number, taken.depth, taken.old_head, new_head)
        _log(db, reorg, taken, at)
    return reorg


def cursor(db: Database) -> BlockRef | None:
    """The block up to which the chain was followed; the next one must name its hash as parent."""
    row = db.row("SELECT number, hash, parent_hash, timestamp FROM cursor")
    return BlockRef(*row) if row else None


def set_cursor(db: Database, ref: BlockRef) -> None:
    """Follow from `ref` on. Refused once there is a cursor: it moves by `append` and `rollback_to` only."""
    with db.transaction():
        if cursor(db) is not None:
            raise StoreError("The cursor is set already; it moves with the blocks only.")
        _move_cursor(db, ref)


def recent_ref(db: Database, number: BlockNumber) -> BlockRef | None:
    """Our block at `number`, while its hash is kept."""
    row = db.row("SELECT * FROM recent_block WHERE number = ?", number)
    if row:
        return BlockRef(*row)
    at = cursor(db)
    return at if at and at.number == number else None


def recent_refs(db: Database, limit: int = KEEP_RECENT) -> tuple[BlockRef, ...]:
    """The newest blocks whose hashes are kept, newest first."""
    return tuple(
        BlockRef(*row) for row in db.rows("SELECT * FROM recent_block ORDER BY number DESC LIMIT ?", limit)
    )


def finalized(db: Database) -> BlockNumber | None:
    """The highest block number that was ever reported as finalized."""
    row = db.row("SELECT finalized_number FROM cursor")
    return row[0] if row else None


def prune(db: Database, finalized_number: BlockNumber | None) -> int:
    """Remember what is finalized and drop hashes nobody can need; returns how many went.

    The finalized number never falls: an endpoint that lags reports an old one.
    """
    with db.transaction() as connection:
        connection.execute(
            "UPDATE cursor SET finalized_number = max(coalesce(finalized_number, ?1), ?1) WHERE ?1 IS NOT NULL",
            (finalized_number,),
        )
        at = cursor(db)
        if at is None:
            return 0
        floor = _hash_floor(at.number, finalized(db))
        return connection.execute("DELETE FROM recent_block WHERE number < ?", (floor,)).rowcount


def _hash_floor(head: int, finalized_number: int | None) -> int:
    if finalized_number is None:
        return head - KEEP_WITHOUT_FINALITY + 1
    return min(finalized_number, head - KEEP_RECENT + 1)


def _check_hashes(db: Database, refs: Sequence[BlockRef]) -> None:
    """No block may replace another one whose hash is known: that is what a rollback is for."""
    known: dict[int, BlockHash] = dict(
        db.rows(
            "SELECT number, hash FROM recent_block WHERE number BETWEEN ? AND ?",
            refs[0].number,
            refs[-1].number,
        )
    )
    at = cursor(db)
    if at is not None:
        known[at.number] = at.hash
    if not known:
        return
    for ref in refs:
        if known.get(ref.number, ref.hash) != ref.hash:
            raise BrokenLink(ref.number, (known[ref.number], ref.hash))
    if at is not None and refs[0].number <= at.number + 1 <= refs[-1].number:
        for ref in refs:
            if ref.number == at.number + 1 and ref.parent_hash != at.hash:
                raise BrokenLink(at.number, (at.hash, ref.parent_hash))


def _check_times(db: Database, rows: Sequence[BlockRow]) -> None:
    """Block times never fall with the number: rollups rest on it."""
    number, time = db.row(_BELOW, rows[0].number) or (rows[0].number, rows[0].timestamp)
    above = db.row(_ABOVE, rows[-1].number)
    for row in rows:
        if row.timestamp < time:
            raise StoreError(_falls(row.number, row.timestamp, number, time))
        number, time = row.number, row.timestamp
    if above and above[1] < time:
        raise StoreError(_falls(above[0], above[1], number, time))


def _falls(number: int, time: int, below: int, time_below: int) -> str:
    return f"Block {number} is dated {time}, before block {below} at {time_below}: refused."


def _advance(db: Database, refs: Sequence[BlockRef]) -> None:
    at = cursor(db)
    head = refs[-1] if at is None or refs[-1].number > at.number else at
    if head is not at:
        _move_cursor(db, head)
    floor = _hash_floor(head.number, finalized(db))
    if refs[-1].number >= floor:
        db.connection.executemany(
            "INSERT OR REPLACE INTO recent_block VALUES (?, ?, ?, ?)",
            [ref for ref in refs if ref.number >= floor],
        )


def _move_cursor(db: Database, ref: BlockRef) -> None:
    db.connection.execute(
        "INSERT INTO cursor (id, number, hash, parent_hash, timestamp) VALUES (1, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET number = excluded.number, hash = excluded.hash,"
        " parent_hash = excluded.parent_hash, timestamp = excluded.timestamp",
        ref,
    )


def _check_ancestor(db: Database, ancestor: BlockRef, old_head: BlockRef) -> None:
    """`ancestor` contradicts nothing that stays."""
    if ancestor.number > old_head.number:
        raise StoreError(f"Block {ancestor.number} is above the cursor ({old_head.number}).")
    floor = finalized(db)
    if floor is not None and ancestor.number < floor:
        raise ChainError(
            f"A reorg to block {ancestor.number} goes below the finalized block {floor}: refused."
        )
    covered = coverage.range_of(db, ancestor.number)
    ours = recent_ref(db, ancestor.number)
    known = ours.hash if ours else covered.last_hash if covered and covered.last == ancestor.number else None
    if covered is None and ours is None:
        return  # in a hole, or below all that is stored: nothing of ours claims this number
    if known != ancestor.hash:
        said = f"is {known}" if known else "has no hash kept any more"
        raise StoreError(f"Our block {ancestor.number} {said}, so {ancestor.hash} is no common ancestor.")


def _taken_back(db: Database, ancestor: BlockRef, old_head: BlockRef) -> TakenBack:
    gone = totals.read(db.row(_BURN_ABOVE, ancestor.number))
    return TakenBack(
        old_head=old_head,
        depth=old_head.number - ancestor.number,
        burn_wei=gone.burn_wei,
        burn_unknown=gone.burn_unknown,
        blob_burn_wei=gone.blob_burn_wei,
        blob_burn_unknown=gone.blob_burn_unknown,
    )


def _log(db: Database, reorg: Reorg, taken: TakenBack, at: UnixTime) -> None:
    db.connection.execute(
        "INSERT INTO reorg VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(at, reorg.ancestor, reorg.depth, *reorg.old_head, *reorg.new_head),
            *(*split_wei(taken.burn_wei), taken.burn_unknown),
            *(*split_wei(taken.blob_burn_wei), taken.blob_burn_unknown),
        ),
    )
