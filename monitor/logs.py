"""Log lines, one per event, in text or JSON, without secrets.

Every record passes through `scrub` after formatting, exception text included, so a secret that a
library put into a message is taken out whatever its origin.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable

Scrub = Callable[[str], str]

_NOISY = ("apscheduler", "urllib3", "web3", "websockets", "asyncio")
"""Libraries whose info lines are not news to an operator."""


class TextFormatter(logging.Formatter):
    """`2026-02-04T11:23:45Z INFO block 24,380,112 ...`."""

    converter = time.gmtime

    def __init__(self, scrub: Scrub) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        self._scrub = scrub

    def format(self, record: logging.LogRecord) -> str:
        """The line, scrubbed; control characters of outside texts cannot forge another line."""
        return _one_record(self._scrub(super().format(record)), keep_lines=record.exc_info is not None)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, exception."""

    converter = time.gmtime

    def __init__(self, scrub: Scrub) -> None:
        super().__init__(datefmt="%Y-%m-%dT%H:%M:%SZ")
        self._scrub = scrub

    def format(self, record: logging.LogRecord) -> str:
        """The object as text."""
        entry = {
            "time": self.formatTime(record, self.datefmt),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._scrub(record.getMessage()),
        }
        if record.exc_info:
            entry["exception"] = self._scrub(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


def configure(level: str, shape: str, scrub: Scrub, *, debug: bool = False) -> None:
    """Send all logs to stderr. `shape` is text or json."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(scrub) if shape == "json" else TextFormatter(scrub))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if debug else level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _one_record(line: str, *, keep_lines: bool) -> str:
    allowed = "\n\t" if keep_lines else "\t"
    return "".join(char if char.isprintable() or char in allowed else " " for char in line)
