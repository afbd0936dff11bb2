"""A table or view cut into UTC days, for export: what each day holds, and whether it is what it was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from itertools import groupby
from typing import Any, NamedTuple

from monitor.errors import UsageError
from monitor.store.database import Database

_TIMES = (
    "block_time", "timestamp", "start", "at", "at_time", "opened_at", "created_at",
    "time_utc", "start_utc", "at_utc", "opened_utc",
)  # fmt: skip
"""The first of these that a table has says which day a row is of."""
_BY_BLOCK = ("block", "v_block")
"""Their days are told by `rollup_day`, which changes whenever one of its blocks does."""


class Source(NamedTuple):
    """A table or view: its columns with the declared type ('' for an expression), and the one with its time."""

    name: str
    columns: tuple[tuple[str, str], ...]
    time: str | None


class Part(NamedTuple):
    """The rows of one day (`2026-02-04`), or all where there is no time. `mark` is equal for equal rows."""

    day: str | None
    mark: str
    rows: Callable[[], Sequence[tuple[Any, ...]]]


def source(db: Database, name: str) -> Source:
    """The table or view of that name. Raises UsageError with the nearest one."""
    names = [
        row[0]
        for row in db.rows(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE '\\_%' ESCAPE '\\'"
            " AND name NOT LIKE 'sqlite%'"
        )
    ]
    if name not in names:
        near = get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]}?" if near else " `ethmon query` lists them."
        raise UsageError(f"--view {name}: there is no such table or view.{hint}")
    columns = tuple((row[1], row[2]) for row in db.rows(f"PRAGMA table_xinfo({name})"))
    held = {column for column, _ in columns}
    return Source(name, columns, next((time for time in _TIMES if time in held), None))


def parts(db: Database, of: Source) -> Iterator[Part]:
    """Day by day, oldest first. Within `db.snapshot()` all are of one moment."""
    if of.name in _BY_BLOCK:
        yield from _days_of_blocks(db, of)
    elif of.time is None:
        yield _part(None, db.rows(f"SELECT * FROM {of.name}"))
    else:
        yield from _days(db, of, of.time)


def _days(db: Database, of: Source, time: str) -> Iterator[Part]:
    day = f"substr({time}, 1, 10)" if time.endswith("_utc") else f"date({time}, 'unixepoch')"
    cursor = db.connection.execute(f"SELECT {day}, * FROM {of.name} ORDER BY {time}")
    for key, rows in groupby(cursor, key=lambda row: row[0]):
        yield _part(key, [row[1:] for row in rows])


def _days_of_blocks(db: Database, of: Source) -> Iterator[Part]:
    for day, first, last, *rest in db.rows(
        "SELECT date(start, 'unixepoch'), first_block, last_block, * FROM rollup_day ORDER BY start"
    ):
        sql = f"SELECT * FROM {of.name} WHERE number BETWEEN {int(first)} AND {int(last)} ORDER BY number"
        yield Part(day, _mark([rest]), lambda sql=sql: db.rows(sql))


def _part(day: str | None, rows: list[tuple[Any, ...]]) -> Part:
    return Part(day, _mark(rows), lambda: rows)


def _mark(rows: Sequence[Any]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(repr(row).encode())
    return digest.hexdigest()
