"""The demo's database at one moment, read while the daemon writes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from monitor.cli import demo_positions
from monitor.cli.demo_positions import Danger
from monitor.domain import BlockRow
from monitor.errors import StoreError
from monitor.store import history, told
from monitor.store.database import Database, open_reader
from monitor.store.history import ReorgRecord, Totals
from monitor.store.told import SentMessage

SHOWN_FEES = 60


@dataclass(frozen=True, slots=True)
class Seen:
    """The database at one moment."""

    blocks: tuple[BlockRow, ...]
    """The newest, newest first."""
    totals: Totals
    missing: int
    """Blocks between the first and the last that are not stored."""
    reorgs: tuple[ReorgRecord, ...]
    """Newest first."""
    danger: Danger

    @property
    def head(self) -> int | None:
        """The number of the newest stored block."""
        return self.blocks[0].number if self.blocks else None


class Window:
    """Looks into the database while the daemon writes it; sees nothing until it exists."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: Database | None = None

    def look(self) -> Seen | None:
        """What is stored now."""
        db = self._open()
        if db is None:
            return None
        with db.snapshot():
            frame = history.frame(db)
            return Seen(
                blocks=history.recent_blocks(db, SHOWN_FEES),
                totals=frame.totals,
                missing=frame.coverage.missing,
                reorgs=history.reorgs(db),
                danger=demo_positions.look(db),
            )

    def head(self) -> int | None:
        """The number of the newest stored block."""
        db = self._open()
        newest = history.head(db) if db is not None else None
        return None if newest is None else newest.number

    def messages(self) -> tuple[SentMessage, ...]:
        """What was sent, oldest first."""
        db = self._open()
        return told.messages(db) if db is not None else ()

    def is_delivering(self) -> bool:
        """Whether a message is on its way."""
        return any(one.missed for one in self.messages())

    def awaits_pictures(self) -> bool:
        """Whether a message in the chat has not got its picture yet."""
        db = self._open()
        return db is not None and told.awaits_pictures(db, "telegram")

    def close(self) -> None:
        """Close the connection."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _open(self) -> Database | None:
        if self._db is None:
            try:
                self._db = open_reader(self._path)
            except StoreError:
                return None
        return self._db
