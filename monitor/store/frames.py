"""Totals of any time or block frame: whole days, whole hours, single rows at the edges. Exact to the wei.

    asked       |------------------------------------------------------|
    days                  [  day  ][  day  ][  day  ]
    hours          [h][h]                            [h][h][h]
    rows         ..                                           ....

A year takes well under a millisecond on ten million rows, because at most a few hundred rows are
read beside the rollups. Every answer says what it could not see (`Coverage`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any, NamedTuple

from monitor.store import columns, totals
from monitor.store.database import Database
from monitor.store.periods import Period, start_of
from monitor.store.totals import NOTHING, Totals
from monitor.units import BlockNumber, UnixTime

_WITHIN = "last_block BETWEEN ?1 AND ?2 AND first_block >= ?1"
_DAYS = columns.from_rollups("rollup_day", _WITHIN)
_HOURS = columns.from_rollups("rollup_hour", _WITHIN)
_ROWS = columns.from_blocks("number BETWEEN ?1 AND ?2")


class Coverage(NamedTuple):
    """How much of a frame is stored. A total is a total of the frame only where `complete`."""

    first: BlockNumber | None
    """Lowest stored block of the frame; None when there is none."""
    last: BlockNumber | None
    stored: int
    missing: int
    """Blocks that are certainly of the frame, and not stored."""
    maybe_missing: int
    """Blocks not stored, in a hole that reaches over an edge of the frame: some may be of it."""
    starts_late: bool
    """Nothing is stored from before the frame, so its beginning cannot be seen."""
    ends_early: bool
    """Nothing is stored from after the frame, so its end cannot be seen (or is not there yet)."""

    @property
    def complete(self) -> bool:
        """Every block of the frame is stored."""
        return not (self.missing or self.maybe_missing or self.starts_late or self.ends_early)


class Frame(NamedTuple):
    """Totals of the blocks with `start <= time < end`, and how much of them was seen."""

    start: UnixTime | None
    """None only when nothing is stored and no start was asked for."""
    end: UnixTime | None
    totals: Totals
    coverage: Coverage


class Seen(NamedTuple):
    """Stored blocks of a frame and the nearest stored ones outside it."""

    before: BlockNumber | None
    first: BlockNumber | None
    last: BlockNumber | None
    after: BlockNumber | None


_UNSEEN = Coverage(None, None, 0, 0, 0, starts_late=True, ends_early=True)


def frame(db: Database, start: UnixTime | None = None, end: UnixTime | None = None) -> Frame:
    """Blocks with `start <= time < end`; None = from the first stored block, up to the newest."""
    with db.snapshot():
        start, end = resolved(db, start, end)
        if start is None or end is None:
            return Frame(start, end, NOTHING, _UNSEEN)
        seen = seen_in(db, start, end)
        total = between(db, seen.first, seen.last)
        return Frame(start, end, total, coverage_of(db, start, end, seen, total.blocks))


def frame_of_blocks(db: Database, first: BlockNumber, last: BlockNumber) -> Frame:
    """Blocks `first` to `last` inclusive; above the newest stored block nothing counts as missing."""
    with db.snapshot():
        low = _number(db, "SELECT min(number) FROM block WHERE number BETWEEN ? AND ?", first, last)
        high = _number(db, "SELECT max(number) FROM block WHERE number BETWEEN ? AND ?", first, last)
        newest = _number(db, "SELECT max(number) FROM block")
        total = between(db, low, high)
        end = min(last, newest) if newest is not None else last
        coverage = Coverage(
            first=low,
            last=high,
            stored=total.blocks,
            missing=max(0, end - first + 1) - total.blocks,
            maybe_missing=0,
            starts_late=False,
            ends_early=newest is None or newest < last,
        )
        until = time_of(db, high)
        return Frame(time_of(db, low), None if until is None else UnixTime(until + 1), total, coverage)


def between(db: Database, first: BlockNumber | None, last: BlockNumber | None) -> Totals:
    """Totals of the stored blocks `first` to `last` inclusive; nothing when either is None."""
    if first is None or last is None:
        return NOTHING
    return reduce(Totals.plus, _pieces(db, (_DAYS, _HOURS, _ROWS), first, last), NOTHING)


def _pieces(db: Database, sources: tuple[str, ...], first: int, last: int) -> Iterator[Totals]:
    """What the coarsest source holds wholly inside, then both remainders from the finer ones."""
    if first > last:
        return
    row = db.row(sources[0], first, last)
    inner_first, inner_last = row[:2]
    finer = sources[1:]
    if inner_first is None:
        if finer:
            yield from _pieces(db, finer, first, last)
        return
    yield totals.read(row)
    if finer:
        yield from _pieces(db, finer, first, inner_first - 1)
        yield from _pieces(db, finer, inner_last + 1, last)


def resolved(
    db: Database, start: UnixTime | None, end: UnixTime | None
) -> tuple[UnixTime | None, UnixTime | None]:
    """Open edges become those of what is stored; they stay None where nothing is."""
    if start is None:
        start = time_of(db, _number(db, "SELECT min(number) FROM block"))
    if end is None:
        newest = time_of(db, _number(db, "SELECT max(number) FROM block"))
        end = None if newest is None else UnixTime(newest + 1)
    return start, end


def seen_in(db: Database, start: UnixTime, end: UnixTime) -> Seen:
    """The stored blocks with `start <= time < end`, and their nearest neighbours."""
    first, last = _at_or_after(db, start), _before(db, end)
    if first is None or last is None or first > last:
        return Seen(before=last, first=None, last=None, after=first)
    before = _number(db, "SELECT max(number) FROM block WHERE number < ?", first)
    after = _number(db, "SELECT min(number) FROM block WHERE number > ?", last)
    return Seen(before, first, last, after)


def _at_or_after(db: Database, time: UnixTime) -> BlockNumber | None:
    """The lowest stored block with a time of at least `time`, by its hour."""
    hour = start_of(Period.HOUR, time)
    found = _number(
        db,
        "SELECT min(number) FROM block, rollup_hour WHERE start = ?1"
        " AND number BETWEEN first_block AND last_block AND timestamp >= ?2",
        hour,
        time,
    )
    if found is not None:
        return found
    return _number(db, "SELECT first_block FROM rollup_hour WHERE start > ? ORDER BY start LIMIT 1", hour)


def _before(db: Database, time: UnixTime) -> BlockNumber | None:
    """The highest stored block with a time below `time`."""
    hour = start_of(Period.HOUR, time)
    found = _number(
        db,
        "SELECT max(number) FROM block, rollup_hour WHERE start = ?1"
        " AND number BETWEEN first_block AND last_block AND timestamp < ?2",
        hour,
        time,
    )
    if found is not None:
        return found
    return _number(db, "SELECT last_block FROM rollup_hour WHERE start < ? ORDER BY start DESC LIMIT 1", hour)


def _number(db: Database, sql: str, *parameters: Any) -> BlockNumber | None:
    row = db.row(sql, *parameters)
    return row[0] if row else None


def time_of(db: Database, number: BlockNumber | None) -> UnixTime | None:
    """When stored block `number` was made; None for None."""
    if number is None:
        return None
    return UnixTime(db.row("SELECT timestamp FROM block WHERE number = ?", number)[0])


def coverage_of(db: Database, start: UnixTime, end: UnixTime, seen: Seen, stored: int) -> Coverage:
    """What the frame misses. A hole beside an edge counts only where the edge lies inside the hole."""
    if seen.first is None or seen.last is None:
        hole = seen.after - seen.before - 1 if seen.before is not None and seen.after is not None else 0
        return Coverage(None, None, 0, 0, hole, seen.before is None, seen.after is None)
    hole_before = seen.first if seen.before is None else seen.first - (seen.before + 1)
    hole_after = 1 if seen.after is None else seen.after - (seen.last + 1)
    starts_inside = hole_before > 0 and time_of(db, seen.first) != start
    ends_inside = hole_after > 0 and time_of(db, seen.last) != end - 1
    return Coverage(
        first=seen.first,
        last=seen.last,
        stored=stored,
        missing=seen.last - seen.first + 1 - stored,
        maybe_missing=(hole_before if starts_inside and seen.before is not None else 0)
        + (hole_after if ends_inside and seen.after is not None else 0),
        starts_late=starts_inside and seen.before is None,
        ends_early=ends_inside and seen.after is None,
    )
