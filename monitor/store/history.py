"""Questions to the ledger, answered with exact integers. Reads only; any `Database` will do.

Frames and series come with their `Coverage`: a figure without it is a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from monitor.domain import BlockRef, BlockRow, BurnRule, Reorg
from monitor.store.database import Database
from monitor.store.frames import Coverage, Frame, frame, frame_of_blocks
from monitor.store.gaps import GapRecord, all_gaps, open_gaps
from monitor.store.periods import Period
from monitor.store.series import series
from monitor.store.totals import FeeStats, Totals
from monitor.units import BlockNumber, UnixTime, Wei, join_wei

__all__ = [
    "Coverage",
    "FeeStats",
    "Frame",
    "GapRecord",
    "Period",
    "ReorgRecord",
    "Totals",
    "all_gaps",
    "block",
    "blocks",
    "frame",
    "frame_of_blocks",
    "head",
    "open_gaps",
    "recent_blocks",
    "reorgs",
    "series",
]

_BLOCK = f"SELECT {', '.join(BlockRow._fields)} FROM block"


@dataclass(frozen=True, slots=True)
class ReorgRecord:
    """One logged reorg and the burn that it took back (`*_unknown`: blocks whose burn was not known)."""

    at: UnixTime
    reorg: Reorg
    burn_wei: Wei
    burn_unknown: int
    blob_burn_wei: Wei
    blob_burn_unknown: int


def head(db: Database) -> BlockRow | None:
    """The newest stored block."""
    newest = recent_blocks(db, 1)
    return newest[0] if newest else None


def block(db: Database, number: BlockNumber) -> BlockRow | None:
    """One stored block."""
    row = db.row(f"{_BLOCK} WHERE number = ?", number)
    return _read(row) if row else None


def blocks(db: Database, first: BlockNumber, last: BlockNumber) -> tuple[BlockRow, ...]:
    """The stored blocks of `first` to `last` inclusive, ascending; missing ones are left out."""
    return tuple(
        _read(row) for row in db.rows(f"{_BLOCK} WHERE number BETWEEN ? AND ? ORDER BY number", first, last)
    )


def recent_blocks(db: Database, limit: int) -> tuple[BlockRow, ...]:
    """The newest stored blocks, newest first."""
    return tuple(_read(row) for row in db.rows(f"{_BLOCK} ORDER BY number DESC LIMIT ?", limit))


def reorgs(db: Database, limit: int = 100) -> tuple[ReorgRecord, ...]:
    """What the chain took back, newest first."""
    return tuple(_reorg(row) for row in db.rows("SELECT * FROM reorg ORDER BY id DESC LIMIT ?", limit))


def _reorg(row: tuple[Any, ...]) -> ReorgRecord:
    _, at, ancestor, depth, *rest = row
    old, new, burn = rest[:4], rest[4:8], rest[8:]
    return ReorgRecord(
        at=UnixTime(at),
        reorg=Reorg(BlockNumber(ancestor), depth, BlockRef(*old), BlockRef(*new)),
        burn_wei=join_wei(burn[0], burn[1]),
        burn_unknown=burn[2],
        blob_burn_wei=join_wei(burn[3], burn[4]),
        blob_burn_unknown=burn[5],
    )


def _read(row: tuple[Any, ...]) -> BlockRow:
    stored = BlockRow(*row)
    return stored._replace(burn_rule=BurnRule(stored.burn_rule))
