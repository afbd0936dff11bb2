"""Hour and day totals, recomputed from rows in the transaction that touched the rows.

Never added to: a block taken twice, a range filled newest first or an hour filled in pieces gives
the same rollup. No timestamp index is needed: a rollup knows the first and last block it was made
from, block times never fall with the number, so the rows of an hour are the rows in the union of
that range and the numbers just written.

    numbers        100 ... 140 [141 ... 180] 181 ... 300      [ ] = just written
    rollup before  |-- 100..140 --|
    recomputed     |-------- 100..180 ------|

Pure SQL over number ranges: a batch of 1,000 blocks touches about four hours and one or two days.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager

from monitor.domain import BlockRow
from monitor.store import columns
from monitor.store.database import Database
from monitor.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, BlockNumber

_INSERT = "INSERT INTO {table} (start, {columns}) SELECT ?1, {columns} FROM ({select}) WHERE blocks > 0"
_COLUMNS = ", ".join(columns.COLUMNS)
_IN_HOUR = f"number BETWEEN ?2 AND ?3 AND timestamp >= ?1 AND timestamp < ?1 + {SECONDS_PER_HOUR}"
_HOUR = _INSERT.format(table="rollup_hour", columns=_COLUMNS, select=columns.from_blocks(_IN_HOUR))
_IN_DAY = f"start >= ?1 AND start < ?1 + {SECONDS_PER_DAY}"
_DAY = _INSERT.format(
    table="rollup_day", columns=_COLUMNS, select=columns.from_rollups("rollup_hour", _IN_DAY)
)


def refresh(db: Database, rows: Sequence[BlockRow]) -> None:
    """Bring the rollups of `rows`, which are stored and ascending, up to date."""
    spans = _spans_of(rows)
    _add_stored_spans(db, spans, rows[0].number, rows[-1].number)
    recompute(db, spans)


@contextmanager
def cut_above(db: Database, number: BlockNumber) -> Generator[None]:
    """The body deletes blocks and rollups above `number`; the hour and day it cuts through are made anew."""
    hours = db.rows(
        "SELECT start, first_block FROM rollup_hour WHERE last_block > ?1 AND first_block <= ?1", number
    )
    days = db.rows("SELECT start FROM rollup_day WHERE last_block > ?1 AND first_block <= ?1", number)
    yield
    recompute(db, {start: (first, number) for start, first in hours})
    _recompute_days(db, (start for (start,) in days))


def recompute(db: Database, spans: dict[int, tuple[int, int]]) -> None:
    """Recompute hours from the rows in a range of numbers each, then the days of those hours."""
    for hour, (first, last) in spans.items():
        db.connection.execute("DELETE FROM rollup_hour WHERE start = ?", (hour,))
        db.connection.execute(_HOUR, (hour, first, last))
    _recompute_days(db, spans)


def _recompute_days(db: Database, times: Iterable[int]) -> None:
    for day in {time - time % SECONDS_PER_DAY for time in times}:
        db.connection.execute("DELETE FROM rollup_day WHERE start = ?", (day,))
        db.connection.execute(_DAY, (day,))


def _spans_of(rows: Sequence[BlockRow]) -> dict[int, tuple[int, int]]:
    """First and last number per hour of ascending rows."""
    spans: dict[int, tuple[int, int]] = {}
    hour, end, first, last = 0, 0, 0, 0
    for number, timestamp, *_ in rows:
        if timestamp >= end or timestamp < hour:
            if end:
                _widen(spans, hour, first, last)
            hour = timestamp - timestamp % SECONDS_PER_HOUR
            end, first = hour + SECONDS_PER_HOUR, number
        last = number
    _widen(spans, hour, first, last)
    return spans


def _widen(spans: dict[int, tuple[int, int]], hour: int, first: int, last: int) -> None:
    known = spans.get(hour)
    spans[hour] = (min(known[0], first), max(known[1], last)) if known else (first, last)


def _add_stored_spans(
    db: Database, spans: dict[int, tuple[int, int]], first: BlockNumber, last: BlockNumber
) -> None:
    """Widen by what the rollups hold already: of these hours, and of hours whose rows were replaced."""
    stored = db.connection.execute(
        "SELECT start, first_block, last_block FROM rollup_hour WHERE last_block >= ? ORDER BY last_block",
        (first,),
    )
    for hour, hour_first, hour_last in stored:
        if hour_first > last and hour not in spans:
            break
        _widen(spans, hour, hour_first, hour_last)
    for hour in tuple(spans):
        row = db.connection.execute(
            "SELECT first_block, last_block FROM rollup_hour WHERE start = ?", (hour,)
        ).fetchone()
        if row:
            _widen(spans, hour, *row)
