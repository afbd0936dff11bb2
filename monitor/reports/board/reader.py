"""Looks at the database again and again, as cheaply as it can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from monitor.errors import StoreError
from monitor.reports.board.content import Board, NetCache, Wishes, gather
from monitor.store import lock
from monitor.store.database import Database, open_reader
from monitor.units import UnixTime

AGAIN_AFTER_S = 30
"""A database that nobody writes is read again after so long: "in 24 h" moves on without it."""


class BoardReader:
    """One read-only connection that holds no transaction between looks, so that the log can be cut."""

    def __init__(self, path: Path, wishes: Callable[[], Wishes]) -> None:
        self._path = path
        self._wishes = wishes
        self._db: Database | None = None
        self._file: tuple[int, int] | None = None
        self._version: int | None = None
        self._kept = NetCache()
        self._last: Board | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next look opens another."""
        if self._db is not None:
            self._db.close()
        self._db = self._last = None

    def look(self, now: UnixTime) -> Board:
        """What is stored now. Raises StoreError; the next call tries anew."""
        try:
            return self._look(self._open(), now)
        except StoreError:
            self.close()
            raise

    def _look(self, db: Database, now: UnixTime) -> Board:
        # Only a commit of another connection moves it. Asked first: a commit in between is seen next time.
        (version,) = db.row("PRAGMA data_version")
        last = self._last
        if last is not None and version == self._version and 0 <= now - last.read_at < AGAIN_AFTER_S:
            return replace(last, status=replace(last.status, daemon_pid=lock.holder(self._path)))
        self._last, self._version = gather(db, now, self._wishes(), self._kept), version
        return self._last

    def _open(self) -> Database:
        """The connection, a new one where another file has come into the place of the old (restore, demo)."""
        file = _identity(self._path)
        if self._db is not None and file != self._file:
            self.close()
        if self._db is None:
            self._db, self._file = open_reader(self._path), file
        return self._db


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
