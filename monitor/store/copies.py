"""Backups that are proved, and putting one in the place of the database: swapped in whole, the old file kept."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from monitor.errors import StoreBusy, StoreDamaged, StoreError
from monitor.store import ledger, maintenance, withdrawn
from monitor.store.database import open_any_version, open_writer
from monitor.store.lock import FileLock
from monitor.units import BlockNumber, UnixTime


class Restored(NamedTuple):
    """What is in place now; `kept` is where the file went that was there before."""

    head: BlockNumber | None
    kept: Path | None
    unsent: int = 0
    """Messages that waited in the backup, and will not be sent."""


def save(source: Path, target: Path, *, audit: bool = True) -> None:
    """Write a copy of the database `source`, in use or not, of any version; an older `target` stays until it is proved.

    Raises StoreDamaged when the copy does not pass the audit, StoreError where it cannot be written.
    """
    maintenance.refuse_itself(source, target)
    named, unproved = f"The backup {target}", target.with_name(target.name + ".unproved")
    try:
        with open_any_version(source) as db:
            maintenance.backup(db, unproved, named)
        if audit:
            with open_any_version(unproved) as copy:
                _refuse(maintenance.integrity_problems(copy), source)
        unproved.replace(target)
    except OSError as error:
        maintenance.remove(unproved)
        raise maintenance.unwritten(named, error, unproved) from error
    finally:
        maintenance.remove(unproved)


def restore(source: Path, target: Path, at: UnixTime, *, replace: bool = False) -> Restored:
    """Make `target` a copy of the backup `source`, migrated to this version.

    Raises StoreBusy while a daemon or any other program has `target` open, StoreDamaged when the
    backup does not pass the audit, StoreError when `target` exists and `replace` is not given.
    Until the last step, a rename, nothing at `target` has changed.
    """
    _check(source, target, replace=replace)
    lock = FileLock(target)
    partial = target.with_name(target.name + ".restoring")
    try:
        with open_any_version(source) as backup:
            maintenance.backup(backup, partial, str(target))
        head, unsent = _prove(partial, source, at)
        kept = _set_aside(target, at)
        partial.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise StoreError(f"{target} cannot be restored ({error.strerror}).") from error
    finally:
        _remove(partial)
        lock.release()
    return Restored(head, kept, unsent)


def _check(source: Path, target: Path, *, replace: bool) -> None:
    if source.absolute() == target.absolute():
        raise StoreError(f"The backup {source} is the database itself. Name another file.")
    if not target.parent.is_dir():
        raise StoreError(f"ETHMON_DB: the folder {target.parent} does not exist. Create it, or name another.")
    if target.exists() and not replace:
        raise StoreError(f"ETHMON_DB: {target} exists. With --replace it is set aside and kept.")


def _prove(copy: Path, named: Path, at: UnixTime) -> tuple[BlockNumber | None, int]:
    with open_writer(copy) as db:  # migrates
        problems = maintenance.integrity_problems(db)
        _refuse(problems, named)
        head = ledger.cursor(db)
        unsent = withdrawn.withdraw(db, at)
    return head.number if head else None, unsent


def _refuse(problems: tuple[str, ...], of: Path) -> None:
    if problems:
        raise StoreDamaged(f"{of} is not sound, and nothing was replaced: {problems[0]}")


def _set_aside(target: Path, at: UnixTime) -> Path | None:
    """Give the file a second name, proved before that nobody has it open.

    A link and not a rename: killed in between, there is still a database under its name, and no
    daemon begins an empty one. A log that could not be closed (a damaged file) goes along.
    """
    if not target.exists():
        return None
    _close_log(target)
    kept = target.with_name(f"{target.name}.before-{at}")
    os.link(target, kept)
    for suffix in ("-wal", "-journal"):
        log = target.with_name(target.name + suffix)
        if log.exists():
            log.replace(kept.with_name(kept.name + suffix))
    target.with_name(target.name + "-shm").unlink(missing_ok=True)
    return kept


def _close_log(target: Path) -> None:
    """Leaving WAL mode needs the file for oneself: it fails while anybody else has it open."""
    try:
        with closing(sqlite3.connect(target, timeout=1)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise StoreBusy(
                f"ETHMON_DB: {target} is open in another program. Stop `ethmon serve` and backfills."
            ) from None
    except sqlite3.DatabaseError:
        return  # damaged, which is why it is replaced: it is kept as it is


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(partial: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal", ".lock"):
        partial.with_name(partial.name + suffix).unlink(missing_ok=True)
