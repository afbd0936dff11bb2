"""Gaps: what could not be read, why, how often it was tried, and when it was filled.

A block is in at most one open gap of a kind, and never in an open gap of kind `blocks` while it
is stored. Closed gaps stay as history.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from monitor.domain import BlockRow, BurnRule, Gap, GapKind
from monitor.store import coverage
from monitor.store.database import Database
from monitor.units import BlockNumber, UnixTime

_Range = tuple[int, int]

_FIELDS = "id, kind, first, last, cause, opened_at, attempts, last_attempt_at, closed_at"
_OPEN = f"SELECT {_FIELDS} FROM gap WHERE closed_at IS NULL"


@dataclass(frozen=True, slots=True)
class GapRecord:
    """One gap as stored. Times are wall clock; `closed_at` is None while it is open."""

    id: int
    gap: Gap
    opened_at: UnixTime
    attempts: int
    last_attempt_at: UnixTime | None
    closed_at: UnixTime | None


def open_gaps(db: Database, kind: GapKind | None = None) -> tuple[GapRecord, ...]:
    """What cannot be seen now, by kind and block."""
    rows = db.rows(f"{_OPEN} AND kind = coalesce(?, kind) ORDER BY kind, first", kind)
    return tuple(_record(row) for row in rows)


def all_gaps(db: Database, limit: int = 1000) -> tuple[GapRecord, ...]:
    """Open and closed ones, newest first."""
    return tuple(
        _record(row) for row in db.rows(f"SELECT {_FIELDS} FROM gap ORDER BY id DESC LIMIT ?", limit)
    )


def open_gap(db: Database, gap: Gap, at: UnixTime) -> None:
    """Record that `gap` cannot be seen. Parts that are open already, or stored, are left out.

    A part that touches an open gap with the same kind and cause extends it.
    """
    with db.transaction():
        for first, last in _unrecorded(db, gap):
            _insert_merged(db, replace(gap, first=first, last=last), at)


def record_attempt(db: Database, record: GapRecord, at: UnixTime, cause: str) -> None:
    """A repair of `record` failed, for `cause`, in whatever is still open of it: it may be in parts now."""
    with db.transaction() as connection:
        connection.execute(
            "UPDATE gap SET attempts = ?, last_attempt_at = ?, cause = ?"
            " WHERE closed_at IS NULL AND kind = ? AND first <= ? AND last >= ?",
            (record.attempts + 1, at, cause, record.gap.kind, record.gap.last, record.gap.first),
        )


def close(db: Database, kind: GapKind, first: BlockNumber, last: BlockNumber, at: UnixTime) -> None:
    """Blocks `first` to `last` are seen now; an open gap that reaches beyond them is split."""
    with db.transaction():
        for record in _open_within(db, kind, first, last):
            _close_part(db, record, max(first, record.gap.first), min(last, record.gap.last), at)


def close_filled(db: Database, rows: Sequence[BlockRow], at: UnixTime) -> None:
    """Close what `rows`, just stored and ascending, fill. Costs one look-up where nothing is open."""
    first, last = rows[0].number, rows[-1].number
    for (kind,) in db.rows(
        "SELECT DISTINCT kind FROM gap WHERE closed_at IS NULL AND first <= ? AND last >= ?", last, first
    ):
        for run_first, run_last in _filled(GapKind(kind), rows):
            close(db, GapKind(kind), run_first, run_last, at)


def close_above(db: Database, ancestor: BlockNumber, at: UnixTime) -> None:
    """Close what is open above `ancestor`: those blocks are gone, their successors are read anew."""
    last = db.row("SELECT max(last) FROM gap WHERE closed_at IS NULL")[0]
    if last is not None and last > ancestor:
        for kind in GapKind:
            close(db, kind, BlockNumber(ancestor + 1), BlockNumber(last), at)


def _filled(kind: GapKind, rows: Sequence[BlockRow]) -> Iterable[tuple[BlockNumber, BlockNumber]]:
    """Runs of consecutive rows that hold what gaps of `kind` miss."""
    run: tuple[BlockNumber, BlockNumber] | None = None
    for row in rows:
        if not _holds(kind, row):
            continue
        if run and row.number == run[1] + 1:
            run = (run[0], row.number)
            continue
        if run:
            yield run
        run = (row.number, row.number)
    if run:
        yield run


def _holds(kind: GapKind, row: BlockRow) -> bool:
    if kind is GapKind.RECEIPTS:
        return row.burn_rule == BurnRule.HEADER or row.receipt_gas is not None
    if kind is GapKind.BLOB_FEE:
        return row.blob_gas_used is None or row.blob_base_fee_wei is not None
    return True


def _unrecorded(db: Database, gap: Gap) -> list[_Range]:
    parts: list[_Range] = [(gap.first, gap.last)]
    if gap.kind is GapKind.BLOCKS:
        parts = [(first, last) for first, last in coverage.missing_ranges(db, gap.first, gap.last)]
    for record in _open_within(db, gap.kind, gap.first, gap.last):
        parts = [rest for part in parts for rest in _without(part, (record.gap.first, record.gap.last))]
    return parts


def _without(part: _Range, hole: _Range) -> list[_Range]:
    left = (part[0], min(part[1], hole[0] - 1))
    right = (max(part[0], hole[1] + 1), part[1])
    return [piece for piece in (left, right) if piece[0] <= piece[1]]


def _insert_merged(db: Database, gap: Gap, at: UnixTime) -> None:
    """Insert, or extend the open gap of the same cause that ends or begins beside it (or join two)."""
    neighbours = db.rows(
        f"{_OPEN} AND kind = ? AND cause = ? AND (last = ? OR first = ?) ORDER BY id",
        *(gap.kind, gap.cause, gap.first - 1, gap.last + 1),
    )
    records = [_record(row) for row in neighbours]
    for record in records:
        db.connection.execute("DELETE FROM gap WHERE id = ?", (record.id,))
    oldest = records[0] if records else GapRecord(0, gap, at, 0, None, None)
    first = min(gap.first, *(record.gap.first for record in records), gap.first)
    last = max(gap.last, *(record.gap.last for record in records), gap.last)
    db.connection.execute(
        f"INSERT INTO gap ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        (
            oldest.id or None,
            gap.kind,
            first,
            last,
            gap.cause,
            oldest.opened_at,
            oldest.attempts,
            oldest.last_attempt_at,
        ),
    )


def _open_within(db: Database, kind: GapKind, first: int, last: int) -> tuple[GapRecord, ...]:
    rows = db.rows(f"{_OPEN} AND kind = ? AND first <= ? AND last >= ? ORDER BY first", kind, last, first)
    return tuple(_record(row) for row in rows)


def _close_part(db: Database, record: GapRecord, first: int, last: int, at: UnixTime) -> None:
    """The record becomes the closed part; what remains open on either side is copied to new rows."""
    db.connection.execute(
        "UPDATE gap SET first = ?, last = ?, closed_at = ? WHERE id = ?", (first, last, at, record.id)
    )
    for rest_first, rest_last in _without((record.gap.first, record.gap.last), (first, last)):
        db.connection.execute(
            "INSERT INTO gap (kind, first, last, cause, opened_at, attempts, last_attempt_at)"
            " SELECT kind, ?, ?, cause, opened_at, attempts, last_attempt_at FROM gap WHERE id = ?",
            (rest_first, rest_last, record.id),
        )


def _record(row: tuple[Any, ...]) -> GapRecord:
    identity, kind, first, last, cause, opened_at, attempts, last_attempt_at, closed_at = row
    return GapRecord(
        id=identity,
        gap=Gap(GapKind(kind), BlockNumber(first), BlockNumber(last), cause),
        opened_at=UnixTime(opened_at),
        attempts=attempts,
        last_attempt_at=last_attempt_at,
        closed_at=closed_at,
    )
