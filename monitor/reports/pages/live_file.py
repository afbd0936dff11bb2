"""Our database as Datasette sees it: read by the store's own fenced connection, never written.

Datasette's own class puts the path into a URI unquoted, keeps a connection to a file that was replaced
(`ethmon restore`), and holds as many bytes of an answer as its rows have.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from datasette.database import Database, QueryInterrupted, Results

from monitor.store.database import open_reader
from monitor.store.query import fence

_utils: Any = import_module("datasette.utils")  # it has no annotations

LARGEST_ANSWER = 16 * 1024 * 1024
"""Bytes of text and blobs in one answer; what comes after is cut off."""
_MOST_COLUMNS = 200
_COUNT_LIMIT_MS = 3
"""For each table of an overview: one that takes longer has "many rows"."""


class LiveFile(Database):
    """One file that a daemon may be writing to."""

    def __init__(self, datasette: Any, path: Path) -> None:
        super().__init__(datasette, path=str(path), is_mutable=True)  # pyright: ignore[reportUnknownMemberType]
        self._datasette = datasette
        self._file = path
        self._of_thread = threading.local()

    def connect(self, write: bool = False) -> sqlite3.Connection:
        """A connection for the calling thread that can do nothing but read this file."""
        if write:
            raise sqlite3.OperationalError("this database is only read")
        connection = open_reader(self._file).connection
        self._datasette._prepare_connection(connection, self.name)  # noqa: SLF001 (as Datasette's own class does)
        connection.setlimit(sqlite3.SQLITE_LIMIT_COLUMN, _MOST_COLUMNS)
        fence(connection)
        return connection

    async def execute_fn(self, fn: Callable[[sqlite3.Connection], Any]) -> Any:
        """Run `fn` in a thread of Datasette's pool, on that thread's connection."""
        return await asyncio.get_running_loop().run_in_executor(
            self._datasette.executor, lambda: fn(self._connection())
        )

    async def execute(
        self,
        sql: str,
        params: Any = None,
        truncate: bool = False,
        custom_time_limit: int | None = None,
        page_size: int | None = None,
        log_sql_errors: bool = True,  # noqa: ARG002 (Datasette's signature)
    ) -> Results:
        """Datasette's own, with a limit on the bytes of an answer and without errors on stderr."""
        site = self._datasette
        limit_ms: int = min(custom_time_limit or site.sql_time_limit_ms, site.sql_time_limit_ms)
        most: int = site.max_returned_rows + (site.max_returned_rows == (page_size or site.page_size))

        def ask(connection: sqlite3.Connection) -> Results:
            with _utils.sqlite_timelimit(connection, limit_ms):
                try:
                    cursor = connection.execute(sql, params or {})
                    rows, cut = _fetch(cursor, most if truncate else None)
                except sqlite3.Error as error:
                    if error.args == ("interrupted",):
                        raise QueryInterrupted(error, sql, params) from error
                    raise
            if cut and not truncate:
                raise sqlite3.OperationalError("the answer is larger than 16 MB: ask for fewer rows")
            return Results(rows, cut, cursor.description)

        return await self.execute_fn(ask)

    async def foreign_keys_for_table(self, table: str) -> list[dict[str, Any]]:
        """Datasette's own; `REFERENCES other` without a column means the key of the other table."""
        listed = cast("Any", super()).foreign_keys_for_table
        return [
            {**key, "other_column": await self._named(key, "other_column", key["other_table"])}
            for key in await listed(table)
        ]

    async def get_all_foreign_keys(self) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """Datasette's own, with the same column filled in."""
        listed = cast("Any", super()).get_all_foreign_keys
        return {
            table: {
                "incoming": [
                    {**key, "column": await self._named(key, "column", table)} for key in keys["incoming"]
                ],
                "outgoing": [
                    {**key, "other_column": await self._named(key, "other_column", key["other_table"])}
                    for key in keys["outgoing"]
                ],
            }
            for table, keys in (await listed()).items()
        }

    async def _named(self, key: dict[str, Any], part: str, table: str) -> str:
        return key[part] or (await cast("Any", self).primary_keys(table))[0]

    async def table_counts(self, limit: int = 10) -> dict[str, int | None]:  # noqa: ARG002 (Datasette's signature)
        """Rows by table, None for what takes longer to count than a page should."""
        return await cast("Any", super()).table_counts(_COUNT_LIMIT_MS)

    def _connection(self) -> sqlite3.Connection:
        """Of this thread; a new one when another file was put in the place of the old."""
        identity = _identity(self._file)
        if identity is None or getattr(self._of_thread, "identity", None) != identity:
            self._of_thread.connection = self.connect()  # says so where there is no file
            self._of_thread.identity = identity
        connection: sqlite3.Connection = self._of_thread.connection
        return connection


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another of its name; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _fetch(cursor: sqlite3.Cursor, most: int | None) -> tuple[list[Any], bool]:
    """Rows, and whether some were left out: more than `most`, or more bytes than a page can show."""
    rows: list[Any] = []
    size = 0
    for row in cursor:
        if len(rows) == most or size > LARGEST_ANSWER:
            return rows, True
        size += sum(len(value) for value in row if isinstance(value, str | bytes))
        rows.append(row)
    return rows, False
