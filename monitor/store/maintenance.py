"""Backup, checkpoint, size, and an audit that proves the file against itself."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from monitor.errors import StoreError
from monitor.store import columns
from monitor.store.database import Database
from monitor.store.schema import VERSION

_PAGES_PER_STEP = 2_000
"""About 8 MB at a time: the writer gets its turn between steps."""


_OF_THE_COPY = {
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR
}  # fmt: skip
"""Of the database, which is only read, they would not come."""


class Checkpoint(NamedTuple):
    """Outcome of moving the write-ahead log into the database; `blocked` by a reader or writer."""

    blocked: bool
    log_pages: int
    moved_pages: int


def backup(db: Database, target: Path, named: str = "") -> None:
    """Write a sound copy of a database in use to `target`, replacing an older copy only when complete.

    It is one state: without the snapshot SQLite would begin anew after each block that another
    connection writes, on a slow disk for ever. `named` is what a person calls the copy: errors say it.
    """
    refuse_itself(db.path, target)
    partial = target.with_name(target.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        with db.snapshot():
            _copy(db, partial)
        partial.replace(target)
    except (OSError, _Unwritten) as error:
        remove(partial)
        raise unwritten(named or f"The backup {target}", error, partial) from error
    finally:
        remove(partial)


class _Unwritten(Exception):
    """SQLite could not write the copy; the database itself is fine."""


def refuse_itself(source: Path, target: Path) -> None:
    """Raise StoreError where a copy would take the place of what it is a copy of, however it is spelled."""
    if source.exists() and target.exists() and target.samefile(source):
        raise StoreError(f"The backup cannot replace the database {source} itself. Name another file.")


def unwritten(named: str, error: Exception, partial: Path) -> StoreError:
    """What a person is told of a copy that could not be written, and what is left of the attempt."""
    cause = error.strerror if isinstance(error, OSError) else error
    left = f"{partial} is left behind: delete it." if os.path.lexists(partial) else "Nothing is left behind."
    return StoreError(f"{named} cannot be written ({cause}). {left} The folder must exist and have room.")


def remove(partial: Path) -> None:
    """Take an unfinished copy away, as far as that can be done: what failed before it is told, not this."""
    with suppress(OSError):
        partial.unlink(missing_ok=True)


def _copy(db: Database, partial: Path) -> None:
    try:
        with closing(sqlite3.connect(partial)) as copy:
            db.connection.execute("SELECT 1 FROM sqlite_schema").fetchone()  # now the view is taken
            db.connection.backup(copy, pages=_PAGES_PER_STEP)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, not two
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in _OF_THE_COPY:
            raise _Unwritten(str(error)) from error
        raise


def checkpoint(db: Database) -> Checkpoint:
    """Move the write-ahead log into the database and cut it to nothing, if nobody reads it right now."""
    blocked, log, moved = db.row("PRAGMA wal_checkpoint(TRUNCATE)")
    return Checkpoint(bool(blocked), log, moved)


def size_bytes(db: Database) -> int:
    """Database and write-ahead log on disk."""
    files = (db.path, db.path.with_name(db.path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def integrity_problems(db: Database) -> tuple[str, ...]:
    """Everything that is wrong, in sentences; empty when the file is sound. Reads every page.

    Of a file with an older schema only its pages are looked at: its tables are not those we know.
    """
    with db.snapshot():
        damage = [str(row[0]) for row in db.rows("PRAGMA integrity_check(20)") if row[0] != "ok"]
        if damage:
            return tuple(damage)
        if db.row("PRAGMA user_version")[0] < VERSION:
            return ()
        foreign = [
            f"Table {row[0]} refers to a row of {row[2]} that is gone."
            for row in db.rows("PRAGMA foreign_key_check")
        ]
        return (*foreign, *_coverage_problems(db), *_cursor_problems(db), *rollup_problems(db))


def _coverage_problems(db: Database) -> tuple[str, ...]:
    """Each range holds each of its blocks, and no block is outside of all ranges."""
    sql = "SELECT first, last, (SELECT count(*) FROM block WHERE number BETWEEN first AND last) FROM coverage"
    ranges = db.rows(sql)
    problems = [
        f"Blocks {first} to {last} are recorded as stored, but {stored} of {last - first + 1} are."
        for first, last, stored in ranges
        if stored != last - first + 1
    ]
    outside = db.row("SELECT count(*) FROM block")[0] - sum(stored for _, _, stored in ranges)
    if outside:
        problems.append(f"{outside} blocks are stored, but not recorded as stored.")
    return tuple(problems)


def _cursor_problems(db: Database) -> tuple[str, ...]:
    above = db.row("SELECT count(*) FROM block WHERE number > (SELECT number FROM cursor)")[0]
    return (f"{above} blocks are stored above the cursor.",) if above else ()


def rollup_problems(db: Database) -> tuple[str, ...]:
    """Hours that differ from their rows, days that differ from their hours, recomputed from nothing."""
    return tuple(
        f"The {period} that begins at {start} differs from the rows it was made from."
        for period in ("hour", "day")
        for (start,) in db.rows(columns.rollup_differences(period))
    )
