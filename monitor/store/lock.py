"""One daemon per database: an advisory lock on a file beside it.

The lock is not taken on the database itself: closing any descriptor of that file would drop
SQLite's own locks (POSIX). The lock file is never deleted: deleting it would let two processes
hold "the" lock on two files of the same name. The kernel frees the lock when the process ends,
however it ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from monitor.errors import StoreBusy, StoreFull
from monitor.store.faults import SETTING

LOOKS_END_WITHIN_S = (0.0, 0.02, 0.1)
"""Pauses before each try at the lock."""


class FileLock:
    """Held from construction to `release`. Raises `StoreBusy` naming the pid of the holder."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + ".lock")
        try:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreFull(
                f"{SETTING}: {self.path} cannot be written ({error.strerror}). "
                "Make the folder writable, or use another one."
            ) from error
        self._acquire(database)

    def _acquire(self, database: Path) -> None:
        if not _taken(self._descriptor):
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            by = f"process {holder}" if holder.isdigit() else "another process"
            raise StoreBusy(
                f"{SETTING}: {database} is in use by {by}. Stop that ethmon, or use another file."
            )
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Free the lock; the second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _taken(descriptor: int) -> bool:
    """Whether the lock is ours now. Who only looks (`holder`) has it for microseconds: not a daemon yet."""
    for pause in LOOKS_END_WITHIN_S:
        time.sleep(pause)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        return True
    return False


def holder(database: Path) -> str | None:
    """The pid of the process that holds the lock of `database`, "?" where it is not told; None when it is free."""
    try:
        descriptor = os.open(database.with_name(database.name + ".lock"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "?"
    finally:
        os.close(descriptor)
    return None
