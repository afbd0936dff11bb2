"""Which blocks are stored, as ranges that are known to be linked.

    stored     |== 100..199 ==|              |== 300..399 ==|
    append                    |== 200..299 ==|
    checked    hash(199) = parent(200)       hash(299) = parent(300)
    stored     |================= 100..399 =================|

Hashes of old blocks are not kept in every row, so each range keeps two: the parent hash of its
first block and the hash of its last. They suffice to prove every joint when a range grows, from
either end, and ranges that touch are merged in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from monitor.domain import BlockRef
from monitor.errors import BrokenLink
from monitor.store.database import Database
from monitor.units import BlockHash, BlockNumber


class CoveredRange(NamedTuple):
    """Blocks `first` to `last`, all stored and linked to each other."""

    first: BlockNumber
    last: BlockNumber
    first_parent_hash: BlockHash
    last_hash: BlockHash


def ranges(db: Database) -> tuple[CoveredRange, ...]:
    """All ranges, ascending; no two of them touch."""
    return tuple(CoveredRange(*row) for row in db.rows("SELECT * FROM coverage ORDER BY first"))


def missing_ranges(
    db: Database, first: BlockNumber, last: BlockNumber
) -> tuple[tuple[BlockNumber, BlockNumber], ...]:
    """The parts of `first` to `last` (inclusive) that are not stored, ascending."""
    missing: list[tuple[BlockNumber, BlockNumber]] = []
    at = first
    for covered in _touching(db, first, last):
        if covered.first > at:
            missing.append((at, BlockNumber(min(covered.first - 1, last))))
        at = BlockNumber(max(at, covered.last + 1))
    if at <= last:
        missing.append((at, last))
    return tuple(missing)


def range_of(db: Database, number: BlockNumber) -> CoveredRange | None:
    """The range that holds `number`."""
    found = _touching(db, number, number)
    return found[0] if found and found[0].first <= number <= found[0].last else None


def add(db: Database, refs: Sequence[BlockRef]) -> None:
    """Cover `refs`, ascending; holes between them are allowed. Raises `BrokenLink` at any false joint."""
    for run in _runs(refs):
        _add_run(db, run)


def cut(db: Database, ancestor: BlockRef) -> None:
    """Nothing above `ancestor` is covered any more."""
    db.connection.execute("DELETE FROM coverage WHERE first > ?", (ancestor.number,))
    db.connection.execute(
        "UPDATE coverage SET last = ?1, last_hash = ?2 WHERE last > ?1", (ancestor.number, ancestor.hash)
    )


def _runs(refs: Sequence[BlockRef]) -> Iterator[Sequence[BlockRef]]:
    """Split where numbers jump; check every link inside a run."""
    start = 0
    for index in range(1, len(refs)):
        below, block = refs[index - 1], refs[index]
        if block.number <= below.number:
            raise ValueError(f"blocks must ascend: {block.number} follows {below.number}")
        if block.number != below.number + 1:
            yield refs[start:index]
            start = index
        elif block.parent_hash != below.hash:
            raise BrokenLink(below.number, (below.hash, block.parent_hash))
    if refs:
        yield refs[start:]


def _add_run(db: Database, run: Sequence[BlockRef]) -> None:
    first, last = run[0], run[-1]
    whole = CoveredRange(first.number, last.number, first.parent_hash, last.hash)
    for old in _touching(db, first.number, last.number):
        _check_joints(run, old)
        db.connection.execute("DELETE FROM coverage WHERE first = ?", (old.first,))
        whole = _union(whole, old)
    db.connection.execute("INSERT INTO coverage VALUES (?, ?, ?, ?)", whole)


def _touching(db: Database, first: BlockNumber, last: BlockNumber) -> tuple[CoveredRange, ...]:
    """Ranges that overlap `first` to `last` or are adjacent to it, ascending."""
    start = db.row("SELECT max(first) FROM coverage WHERE first <= ?", first)[0]
    rows = db.rows(
        "SELECT * FROM coverage WHERE first >= ? AND first <= ? AND last >= ? ORDER BY first",
        first if start is None else start,
        last + 1,
        first - 1,
    )
    return tuple(CoveredRange(*row) for row in rows)


def _check_joints(run: Sequence[BlockRef], old: CoveredRange) -> None:
    """Every joint of `run` with a stored range that both sides can prove."""
    start, end = run[0].number, run[-1].number
    if start <= old.last <= end:
        _agree(old.last, old.last_hash, run[old.last - start].hash)
    elif old.last == start - 1:
        _agree(old.last, old.last_hash, run[0].parent_hash)
    if start <= old.first <= end:
        _agree(old.first - 1, old.first_parent_hash, run[old.first - start].parent_hash)
    elif old.first == end + 1:
        _agree(end, old.first_parent_hash, run[-1].hash)


def _agree(number: int, stored: str, read: str) -> None:
    if stored != read:
        raise BrokenLink(number, (stored, read))


def _union(one: CoveredRange, other: CoveredRange) -> CoveredRange:
    low = min(one, other)
    high = max(one, other, key=lambda covered: covered.last)
    return CoveredRange(low.first, high.last, low.first_parent_hash, high.last_hash)
