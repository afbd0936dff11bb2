"""`watchlist.toml` while the daemon runs: taken up when it changed, kept as it was when it is broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alerts.compose import notice
from alerts.model import Message, Severity
from alerts.telling import digest
from monitor.errors import ConfigError
from monitor.units import UnixTime
from monitor.watchlist import Watchlist, load_watchlist

_Mark = tuple[int, int, int] | None
"""Inode, size and time of change; None where there is no file."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The file is not used: the list of before stays in force."""

    problem: str

    def message(self, now: UnixTime) -> Message:
        """For the channels: who edited the file may not be looking at the log."""
        return notice(
            digest("watchlist", self.problem, now),
            "The edited watchlist is not used",
            f"{self.problem} What was watched before goes on being watched.",
            Severity.WARNING,
            now,
        )


@dataclass
class WatchlistFile:
    """The file, and the state of it that is in force or was refused. To be made before that list is loaded."""

    path: Path
    channels: Sequence[str]
    _known: _Mark = field(init=False)
    _coming: _Mark = field(init=False)

    def __post_init__(self) -> None:
        self._known = self._coming = self._mark()

    def look(self, *, at_once: bool = False) -> Watchlist | Refused | None:
        """The new list, or why it is refused, once for each change; None where nothing changed.

        A change is looked at when it is the same twice (a file that is being written is not), or `at_once`.
        """
        mark = self._mark()
        settled, self._coming = mark == self._coming, mark
        if mark == self._known or not (settled or at_once):
            return None
        found = Refused(f"{self.path} is gone.") if mark is None else self._load()
        if self._mark() != mark:
            return None  # it was written, or went away, while it was read: no file at all is an empty list
        self._known = mark
        return found

    def _load(self) -> Watchlist | Refused:
        try:
            return load_watchlist(self.path, self.channels)
        except ConfigError as error:
            return Refused(str(error))

    def _mark(self) -> _Mark:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns
