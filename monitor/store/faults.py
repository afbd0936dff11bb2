"""sqlite3's errors become ours, here and nowhere else."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from monitor.errors import StoreBusy, StoreDamaged, StoreError, StoreFull

SETTING = "ETHMON_DB"

_PRIMARY_CODE = 0xFF


def _full(path: Path) -> StoreError:
    return StoreFull(f"{SETTING}: no space is left to write {path}. Free some; what is stored is safe.")


def _read_only(path: Path) -> StoreError:
    return StoreFull(
        f"{SETTING}: {path} or its folder is read-only. Make both writable, or use another file."
    )


def _busy(path: Path) -> StoreError:
    return StoreBusy(f"{SETTING}: {path} stayed locked by another process. Close what writes to it.")


def damaged(path: Path, why: str) -> StoreDamaged:
    """The error for a file that is not a sound database; the file itself is left as it is."""
    return StoreDamaged(
        f"{SETTING}: {path} is not a sound ethmon database ({why}). It was left as it is: "
        "restore a backup, or move it away to start anew."
    )


def _cannot_open(path: Path) -> StoreError:
    return StoreError(f"{SETTING}: {path} cannot be opened. Check the folder and its permissions.")


def _io(path: Path) -> StoreError:
    return StoreError(
        f"{SETTING}: the disk failed while {path} was in use. Check the disk; nothing was lost."
    )


def translate(error: sqlite3.Error, path: Path) -> StoreError | None:
    """The error for the user, or None where `error` is a fault of our own SQL."""
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return damaged(path, str(error))
    if "unsupported file format" in str(error):  # a damaged header, reported under the general code
        return damaged(path, str(error))
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY_ROLLBACK:
        return StoreError(f"{SETTING}: {path} was cut off while it was made. Start `ethmon run` once.")
    if "integer overflow" in str(error):
        return StoreError("A sum over blocks exceeds 64 bits: these are no figures of a sane chain.")
    makers = {
        sqlite3.SQLITE_FULL: _full,
        sqlite3.SQLITE_READONLY: _read_only,
        sqlite3.SQLITE_BUSY: _busy,
        sqlite3.SQLITE_LOCKED: _busy,
        sqlite3.SQLITE_CANTOPEN: _cannot_open,
        sqlite3.SQLITE_IOERR: _io,
    }
    maker = makers.get(code)
    return maker(path) if maker else None


@contextmanager
def translated(path: Path) -> Generator[None]:
    """Run the body; a sqlite3 error that has a meaning for the user is raised as that."""
    try:
        yield
    except sqlite3.Error as error:
        ours = translate(error, path)
        if ours is None:
            raise
        raise ours from error
