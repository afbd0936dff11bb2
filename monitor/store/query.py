"""SQL of the user, run so that it can neither change nor read anything but this database.

Four fences: the file is opened `mode=ro`, the connection is `query_only`, an authorizer lets only
reads pass, and limits bound time, rows, size of values and of the answer.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.errors import StoreError, UsageError
from monitor.store import faults
from monitor.store.database import Database, open_reader

_STEPS_BETWEEN_CHECKS = 10_000
"""Virtual machine instructions: well under a millisecond."""
_LARGEST_VALUE = 1_000_000
"""Bytes of one text or blob, also of intermediate ones: `zeroblob(1e9)` is refused."""
_LARGEST_SQL = 100_000
_LARGEST_ANSWER = 64 * 1024 * 1024

_ALLOWED_ACTIONS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
_ALLOWED_PRAGMAS = {
    "table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo",
    "foreign_key_list", "database_list", "function_list", "compile_options", "collation_list",
    "user_version", "application_id", "page_count", "page_size", "freelist_count", "schema_version",
}  # fmt: skip
_SETTING_PRAGMAS = {"user_version", "application_id", "page_count", "page_size", "schema_version"}
"""Fine to read; with an argument they would set."""
_REFUSED_FUNCTIONS = {"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer", "sqlite_log"}

Value = int | float | str | bytes | None


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Column names, rows, and whether rows were left out because of the limit."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    truncated: bool


def fence(connection: sqlite3.Connection) -> None:
    """Let only reads of this one file pass on `connection`, and only values and queries of a sane size."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST_VALUE)
    connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, _LARGEST_SQL)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    _declare_tables(connection)
    connection.set_authorizer(_authorize)


def run(path: Path, sql: str, *, row_limit: int = 10_000, time_limit_s: float = 10.0) -> QueryResult:
    """Answer one SELECT (or WITH, VALUES, EXPLAIN, read-only PRAGMA) from the database at `path`.

    Raises `UsageError` for SQL that is wrong, refused or over a limit, `StoreError` for the file,
    `KeyboardInterrupt` at ctrl-C.
    """
    late = _deadline(time_limit_s)
    with open_reader(path) as db:
        fence(db.connection)
        db.connection.set_progress_handler(late, _STEPS_BETWEEN_CHECKS)
        try:
            return _answer(db, sql, row_limit)
        except sqlite3.Error as error:
            if _is_interrupted(error) and not late():
                raise KeyboardInterrupt from None  # SQLite swallows the one that ended its handler
            raise _explained(error, db, time_limit_s) from error


def _declare_tables(connection: sqlite3.Connection) -> None:
    """Use the table-valued functions once: their first use declares a table, which the authorizer refuses."""
    for name in ("json_each", "json_tree", *(f"pragma_{pragma}" for pragma in _ALLOWED_PRAGMAS)):
        with suppress(sqlite3.OperationalError):  # not part of this build of SQLite
            connection.execute(f"SELECT 1 FROM {name} LIMIT 0")


def _deadline(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds

    def late() -> bool:
        return time.monotonic() > end

    return late


def _authorize(
    action: int, first: str | None, second: str | None, _database: str | None, _trigger: str | None
) -> int:
    """SQLite asks while it compiles. What is not known to be a read is refused."""
    if action in _ALLOWED_ACTIONS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION:
        refused = (second or "").lower() in _REFUSED_FUNCTIONS
        return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA:
        name = (first or "").lower()
        sets = second is not None and name in _SETTING_PRAGMAS
        return sqlite3.SQLITE_OK if name in _ALLOWED_PRAGMAS and not sets else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_DENY


def _answer(db: Database, sql: str, row_limit: int) -> QueryResult:
    try:
        cursor = db.connection.execute(sql)
    except (sqlite3.ProgrammingError, sqlite3.Warning, ValueError) as error:
        # Several statements, parameters without values, NUL characters.
        raise UsageError(f"The query must be one complete statement without parameters ({error}).") from error
    if cursor.description is None:
        raise UsageError("The query gives no rows. Start it with SELECT or WITH.")
    rows: list[tuple[Any, ...]] = []
    size = 0
    for row in cursor:
        if len(rows) == row_limit:
            return _result(cursor, rows, truncated=True)
        size += sum(len(value) for value in row if isinstance(value, str | bytes))
        if size > _LARGEST_ANSWER:
            raise UsageError("The answer is larger than 64 MiB. Ask for fewer rows or shorter values.")
        rows.append(row)
    return _result(cursor, rows, truncated=False)


def _result(cursor: sqlite3.Cursor, rows: list[tuple[Any, ...]], *, truncated: bool) -> QueryResult:
    columns = tuple(str(column[0]) for column in cursor.description)
    return QueryResult(columns, tuple(rows), truncated)


def _is_interrupted(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT


def _explained(error: sqlite3.Error, db: Database, time_limit_s: float) -> UsageError | StoreError:
    code = getattr(error, "sqlite_errorcode", None)
    if _is_interrupted(error):
        return UsageError(
            f"The query took longer than {time_limit_s:g} s. Narrow it (WHERE number BETWEEN ...), "
            "or ask rollup_hour, rollup_day or the v_burn views."
        )
    if code == sqlite3.SQLITE_AUTH or "not authorized" in str(error) or "prohibited" in str(error):
        return UsageError(f"The query may only read this database ({error}).")
    if code == sqlite3.SQLITE_TOOBIG:
        return UsageError("A value of the query is larger than 1 MB, or the query itself is too long.")
    if "integer overflow" in str(error):
        return UsageError(
            "A sum exceeds 64 bits. Sum whole gwei (burn_gwei) and the rest (burn_rem_wei) apart."
        )
    return faults.translate(error, db.path) or UsageError(f"The query is wrong: {error}.")
