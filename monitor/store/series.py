"""A frame per hour, day, week or month."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from monitor.store import columns, frames, totals
from monitor.store.database import Database
from monitor.store.frames import Frame, Seen
from monitor.store.periods import Period, end_of, start_of
from monitor.store.totals import NOTHING, Totals
from monitor.units import BlockNumber, UnixTime

_ROLLUP = "SELECT start, {columns} FROM {table} WHERE start >= ? AND start < ? ORDER BY start"
_COLUMNS = ", ".join(columns.COLUMNS)
_HOURS = _ROLLUP.format(columns=_COLUMNS, table="rollup_hour")
_DAYS = _ROLLUP.format(columns=_COLUMNS, table="rollup_day")


class _Part(NamedTuple):
    """One period, cut to the frame; without blocks where nothing is stored in it."""

    start: UnixTime
    end: UnixTime
    first: BlockNumber | None
    last: BlockNumber | None
    totals: Totals


def series(db: Database, start: UnixTime | None, end: UnixTime | None, by: Period) -> tuple[Frame, ...]:
    """One frame per period (UTC) from the first to the last that holds a stored block.

    The first and the last are cut at `start` and `end`; a period between them in which nothing is
    stored is there too, with nothing seen. The totals add up to those of `frame(db, start, end)`.
    """
    with db.snapshot():
        start, end = frames.resolved(db, start, end)
        if start is None or end is None:
            return ()
        seen = frames.seen_in(db, start, end)
        if seen.first is None:
            return ()
        return tuple(_linked(db, seen, _parts(db, start, end, seen, by)))


def _parts(db: Database, start: UnixTime, end: UnixTime, seen: Seen, by: Period) -> Sequence[_Part]:
    first_time, last_time = frames.time_of(db, seen.first), frames.time_of(db, seen.last)
    assert first_time is not None
    assert last_time is not None
    whole = _whole(db, start_of(by, start), end, by)
    parts: list[_Part] = []
    at = start_of(by, first_time)
    while at <= last_time:
        after = end_of(by, at)
        if at < start or after > end:
            parts.append(_cut(db, UnixTime(max(at, start)), UnixTime(min(after, end))))
        else:
            parts.append(whole.get(at) or _Part(at, after, None, None, NOTHING))
        at = after
    return parts


def _cut(db: Database, start: UnixTime, end: UnixTime) -> _Part:
    seen = frames.seen_in(db, start, end)
    return _Part(start, end, seen.first, seen.last, frames.between(db, seen.first, seen.last))


def _whole(db: Database, start: UnixTime, end: UnixTime, by: Period) -> dict[UnixTime, _Part]:
    """Periods as the rollups have them: hours, days, or what days add up to."""
    parts: dict[UnixTime, _Part] = {}
    for row in db.rows(_HOURS if by is Period.HOUR else _DAYS, start, end):
        at = start_of(by, row[0])
        part = _Part(at, end_of(by, at), row[1], row[2], totals.read(row[1:]))
        known = parts.get(at)
        parts[at] = _joined(known, part) if known else part
    return parts


def _joined(one: _Part, next_one: _Part) -> _Part:
    return _Part(one.start, one.end, one.first, next_one.last, one.totals.plus(next_one.totals))


def _linked(db: Database, whole: Seen, parts: Sequence[_Part]) -> Iterator[Frame]:
    """Frames of `parts`, each told the nearest stored blocks on either side of it."""
    befores = [whole.before]
    for part in parts:
        befores.append(befores[-1] if part.last is None else part.last)
    afters = [whole.after]
    for part in reversed(parts):
        afters.append(afters[-1] if part.first is None else part.first)
    afters.reverse()
    for part, before, after in zip(parts, befores, afters[1:], strict=False):
        seen = Seen(before, part.first, part.last, after)
        coverage = frames.coverage_of(db, part.start, part.end, seen, part.totals.blocks)
        yield Frame(part.start, part.end, part.totals, coverage)
