"""`ethmon` as a user runs it: a process with its own folder, environment and exit code."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")
_KEPT = ("PATH", "HOME", "LANG", "XDG_CACHE_HOME", "ETHMON_CACHE", "TMPDIR")


def ethmon(
    folder: Path, *arguments: str, timeout: float = 60, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in `folder`."""
    return subprocess.run(
        _command(arguments), cwd=folder, env=_environment(environment), capture_output=True, text=True,
        timeout=timeout, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@contextmanager
def started(folder: Path, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A command in the background, killed at the end if it has not ended by itself."""
    log = folder / "stderr.log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            _command(arguments),
            cwd=folder,
            env=_environment(environment),
            stdout=output,
            stderr=output,
            text=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def stop(process: subprocess.Popen[str], by: signal.Signals = signal.SIGTERM) -> int:
    """Ask it to end; its exit code. Fails when it takes more than the promised 10 s."""
    process.send_signal(by)
    return process.wait(timeout=10)


def eventually(look: Callable[[], T], timeout: float = 30) -> T:
    """The first true value of `look`; an AssertionError with its last value after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        value = look()
        if value:
            return value
        assert time.monotonic() < end, f"still {value!r} after {timeout} s"
        time.sleep(0.05)


def rows(database: Path, sql: str, *parameters: object) -> list[tuple[object, ...]]:
    """What a user's SQL shell would see; nothing while the file is not there."""
    if not database.exists():
        return []
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return connection.execute(sql, parameters).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error) or "locked" in str(error):
            return []
        raise
    finally:
        connection.close()


def _command(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "monitor", *arguments]


def _environment(given: dict[str, str]) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "120", **given}
