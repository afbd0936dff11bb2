"""Opening the file: checks before anything is written, pragmas on every connection, transactions.

    open_writer   lock -> sound? ours? which version? -> migrate in a child -> connection
    open_reader   mode=ro + query_only: sees committed states only, never blocks the writer

One `Database` belongs to one thread. The daemon that is up to date never imports sqlite-utils
(which loads pandas where that is installed, 61 MB): `PRAGMA user_version` says whether a migration
is due, and only then a short-lived child process (`monitor.store.migrate`) is started.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from monitor import errors
from monitor.errors import StoreDamaged, StoreError, StoreFull, StoreNewer
from monitor.store import faults
from monitor.store.faults import SETTING
from monitor.store.lock import FileLock
from monitor.store.schema import APPLICATION_ID, VERSION

BUSY_TIMEOUT_MS = 5_000
JOURNAL_SIZE_LIMIT = 64 * 1024 * 1024
_MIGRATION_TIMEOUT_S = 3_600


class Synchronous(StrEnum):
    """What a commit survives: NORMAL a crash of the process, FULL a loss of power too."""

    NORMAL = "NORMAL"
    FULL = "FULL"


class Database:
    """One connection with its path; a context manager that closes it (and frees the lock)."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: FileLock | None = None) -> None:
        self.path = path
        self.connection = connection
        self._lock = lock
        self._only_reading = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the lock goes last."""
        self.connection.close()
        if self._lock is not None:
            self._lock.release()

    def rows(self, sql: str, *parameters: Any) -> list[Any]:
        """All rows of one statement, with sqlite3's errors translated."""
        with faults.translated(self.path):
            return self.connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, *parameters: Any) -> Any:
        """The first row, or None."""
        with faults.translated(self.path):
            return self.connection.execute(sql, parameters).fetchone()

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """All or nothing. Inside another transaction: a savepoint of it, all or nothing as well.

        BEGIN IMMEDIATE: a deferred transaction that reads before it writes fails at once, whatever
        the busy timeout, when another connection wrote in between.
        """
        if self._only_reading:
            raise RuntimeError("a snapshot is for reading: what is written in it would be undone at its end")
        nested = self.connection.in_transaction
        begin, commit, undo = (
            ("SAVEPOINT part", "RELEASE part", ("ROLLBACK TO part", "RELEASE part"))
            if nested
            else ("BEGIN IMMEDIATE", "COMMIT", ("ROLLBACK",))
        )
        with faults.translated(self.path):
            self.connection.execute(begin)
            try:
                yield self.connection
                self.connection.execute(commit)
            except BaseException:
                self._undo(undo)
                raise

    @contextmanager
    def snapshot(self) -> Generator[None]:
        """One consistent view for several reads; inside a transaction that view is already given."""
        if self.connection.in_transaction:
            yield
            return
        with faults.translated(self.path):
            self.connection.execute("BEGIN")
            self._only_reading = True
            try:
                yield
            finally:
                self._only_reading = False
                self._undo(("ROLLBACK",))

    def _undo(self, statements: tuple[str, ...]) -> None:
        """Roll back, where SQLite has not done it by itself already (as it does on a full disk)."""
        for statement in statements:
            if self.connection.in_transaction:
                self.connection.execute(statement)

    def sibling(self, synchronous: Synchronous = Synchronous.FULL) -> Database:
        """A second write connection under the lock of this one, for another thread of this process.

        Call it in the thread that will use it; close it before this one.
        """
        return Database(self.path, _connect(self.path, "rw", synchronous))


def open_writer(path: Path, *, synchronous: Synchronous = Synchronous.NORMAL) -> Database:
    """The one writer of `path`, created when absent and migrated when due.

    Raises `StoreBusy` (another daemon), `StoreDamaged` (never overwritten), `StoreNewer`,
    `StoreFull` (no space, read-only) or `StoreError`.
    """
    _check_place(path)
    lock = FileLock(path)
    try:
        # A first start that was killed leaves a journal, which only a writer can undo.
        cut_off = path.with_name(path.name + "-journal").exists()
        version = _version(path, "rw" if cut_off else "ro") if path.exists() else 0
        if version < VERSION:
            _migrate(path)
        connection = _connect(path, "rw", synchronous)
    except BaseException:
        lock.release()
        raise
    return _proved_writable(Database(path, connection, lock))


def open_beside(path: Path, *, synchronous: Synchronous = Synchronous.NORMAL) -> Database:
    """A write connection next to a daemon that may own the file: for backfill, repair, acknowledgements.

    Its transactions must be short. Raises as `open_reader`: it neither creates nor migrates.
    """
    open_reader(path).close()
    return _proved_writable(Database(path, _connect(path, "rw", synchronous)))


def open_reader(path: Path) -> Database:
    """A read-only connection that works while the daemon writes. Raises as `open_writer`."""
    if not path.is_file():
        raise StoreError(f"{SETTING}: {path} does not exist. `ethmon run` creates it; or name another file.")
    version = schema_version(path)
    if version < VERSION:
        raise StoreError(
            f"{SETTING}: {path} has schema {version} and this ethmon needs {VERSION}. "
            "Start `ethmon run` once to migrate it."
        )
    return Database(path, _connect(path, "ro", Synchronous.NORMAL))


def open_any_version(path: Path) -> Database:
    """A read-only connection to a file whose schema may be older than ours: to copy it, not to ask it.

    Raises StoreError where there is none or it is empty, and as `open_writer`.
    """
    if not path.exists():
        raise StoreError(f"{path} does not exist.")
    if not path.is_file() or not schema_version(path):
        raise StoreError(f"{path} is not a file with an ethmon database.")
    return Database(path, _connect(path, "ro", Synchronous.NORMAL))


def schema_version(path: Path) -> int:
    """Of an existing file; 0 for an empty one. Raises StoreDamaged or StoreNewer."""
    return _version(path, "ro")


def _check_place(path: Path) -> None:
    if not path.parent.is_dir():
        raise StoreError(f"{SETTING}: the folder {path.parent} does not exist. Create it, or name another.")
    if path.exists() and not path.is_file():
        raise StoreError(f"{SETTING}: {path} is not a file. Name a file in an existing folder.")
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size and not (path.exists() and path.stat().st_size):
        # SQLite would delete this log, and with it perhaps the only copy of what was stored.
        raise faults.damaged(path, f"it is empty or gone, but its write-ahead log {log.name} is not")


def _connect(path: Path, mode: str, synchronous: Synchronous) -> sqlite3.Connection:
    with faults.translated(path):
        connection = _open(path, mode)
        try:
            _set_pragmas(connection, mode, synchronous)
        except BaseException:
            connection.close()
            raise
    return connection


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        isolation_level=None,
        timeout=BUSY_TIMEOUT_MS / 1000,
        cached_statements=512,
    )


def _set_pragmas(connection: sqlite3.Connection, mode: str, synchronous: Synchronous) -> None:
    """SQLite keeps none of these but the journal mode: they belong to each connection."""
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    if mode == "ro":
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT count(*) FROM sqlite_schema")  # a file that cannot be read fails here
        return
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_SIZE_LIMIT}")


def _version(path: Path, mode: str) -> int:
    """The schema version of an existing file, 0 for an empty one; it is only read.

    Raises `StoreDamaged` for what is not our database and `StoreNewer` for a later version.
    """
    if path.stat().st_size == 0:
        return 0
    with faults.translated(path), closing(_open(path, mode)) as connection:
        application: int = connection.execute("PRAGMA application_id").fetchone()[0]
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        tables: int = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application != APPLICATION_ID and (application or version or tables):
        raise faults.damaged(path, "another program wrote it")
    if version > VERSION:
        raise StoreNewer(
            f"{SETTING}: {path} has schema {version}, this ethmon knows {VERSION}. "
            "Install the newer ethmon, or use another file."
        )
    return version


def _proved_writable(database: Database) -> Database:
    """A read-only file or folder is told now, not at the first block.

    BEGIN IMMEDIATE alone does not: on a read-only file SQLite makes it a read transaction.
    """
    try:
        with database.transaction() as connection:
            connection.execute("DELETE FROM setting WHERE FALSE")
    except BaseException:
        database.close()
        raise
    return database


def _migrate(path: Path) -> None:
    """Bring the file to `VERSION` in a child process; its one line of error becomes ours."""
    child = subprocess.run(  # noqa: S603 (our own interpreter and module)
        [sys.executable, "-m", "monitor.store.migrate", str(path.absolute())],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=_MIGRATION_TIMEOUT_S,
        check=False,
    )
    if child.returncode == 0:
        return
    last = (child.stderr.strip().splitlines() or [f"exit code {child.returncode}"])[-1]
    name, _, message = last.partition(": ")
    known = {kind.__name__: kind for kind in (StoreFull, StoreDamaged, StoreError, errors.StoreBusy)}
    if name in known:
        raise known[name](message)
    raise StoreError(f"{SETTING}: {path} could not be migrated ({last}). It is as it was before.")
