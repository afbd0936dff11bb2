"""The picture in a message: a position's price and where it liquidates, or how ETH moved with another price.

    delivery thread --JSON line--> `monitor.reports.chart_process` --PNG--> the message

Drawn in a process of its own, so that Matplotlib is never loaded into the daemon. The process is
started by the first request and ends by itself; whatever happens to it, the message goes out.
Without the extra (`pip install 'ethmon[charts]'`) messages come without pictures.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import IO

from alerts.model import ChartRequest

LONGEST_S = 30.0
"""A picture that takes longer is given up."""
LARGEST = 5_000_000
REMEMBERED = 4
"""Pictures kept for the next channel that asks for the same."""
ABOUT = {"position": "subject", "correlation": "with"}
"""Kinds of pictures, and the argument that none can do without."""
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "TZ", "MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
"""Of the environment: the settings hold secrets, which a picture does not need."""


def draws_pictures() -> bool:
    """Whether the extra is installed."""
    return find_spec("matplotlib") is not None


class ChartRenderer:
    """Draws what messages ask for from the history in `database`; None where that is not possible.

    Threads may share it: one picture is drawn at a time, and the same one once, also when who asked
    for it first does not wait for it.
    """

    def __init__(self, database: Path, watchlist: Path, timeout_s: float = LONGEST_S) -> None:
        self._paths = {"database": str(database.resolve()), "watchlist": str(watchlist.resolve())}
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._pen = ThreadPoolExecutor(1, "chart")
        self._closed = False
        self._asking = Lock()
        self._pictures: dict[bytes, Future[bytes | None]] = {}

    def __call__(self, request: ChartRequest, within_s: float = LONGEST_S) -> bytes | None:
        """A PNG for a phone; None also where it is not there in time, and then it is drawn for the next who asks."""
        about = request.arguments.get(ABOUT.get(request.kind, ""), "")
        if not about or not draws_pictures():
            return None
        asked = {"kind": request.kind, **request.arguments}
        try:
            return self._picture(json.dumps({**self._paths, **asked}).encode() + b"\n").result(within_s)
        except (TimeoutError, CancelledError, RuntimeError):
            return None  # the last two: it ends

    def _picture(self, line: bytes) -> Future[bytes | None]:
        """The mail wants what the chat was just given."""
        with self._asking:
            if line not in self._pictures:
                drawn = [known for known, picture in self._pictures.items() if picture.done()]
                for known in drawn[: max(len(self._pictures) + 1 - REMEMBERED, 0)]:
                    del self._pictures[known]
                self._pictures[line] = self._pen.submit(self._draw, line)
            return self._pictures[line]

    def _draw(self, line: bytes) -> bytes | None:
        picture = b""
        try:
            picture = self._ask(line, time.monotonic() + self._timeout_s)
        except (OSError, EOFError, ValueError):
            self._end()
        if not picture:
            with self._asking:
                self._pictures.pop(line, None)  # another time it may be there
        return picture or None

    def close(self) -> None:
        """Draw nothing more; what is being drawn is given up."""
        with self._asking:
            self._closed = True
        self._pen.shutdown(wait=False, cancel_futures=True)
        self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _ask(self, line: bytes, end: float) -> bytes:
        """Raises OSError and EOFError (ended, too slow, nonsense)."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line)
        process.stdin.flush()
        size = int.from_bytes(_read(process.stdout, 4, end))
        if size > LARGEST:
            raise EOFError("that is no picture")
        return _read(process.stdout, size, end)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "monitor.reports.chart_process"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=_environment(), start_new_session=True, bufsize=0,
            )  # fmt: skip
        process = self._process
        if self._closed:
            self._end()
            raise EOFError("closed")
        return process


def _read(source: IO[bytes], size: int, end: float) -> bytes:
    found = b""
    while len(found) < size:
        left = end - time.monotonic()
        if left <= 0 or not select.select([source], [], [], left)[0]:
            raise EOFError("too slow")
        part = os.read(source.fileno(), size - len(found))
        if not part:
            raise EOFError("ended")
        found += part
    return found


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[2]), "MPLBACKEND": "agg"}
