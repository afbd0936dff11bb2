"""Moves of a liquidation price go from one stored row to the next, also over a rollback."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from monitor.domain import BlockRef
from monitor.lending.position import Cause, Model, Position
from monitor.units import TICKS_PER_USD
from monitor.watch.history import PositionHistory
from monitor.watch.snapshot import Snapshot
from tests.support.databases import new_database, ref
from tests.support.position_rows import whale


@dataclass(frozen=True)
class Owned:
    """A position that nothing moves but its owner."""

    price: int

    def tick(self) -> int:
        return self.price

    def replaced(self, cause: Cause, other: Model) -> Model:
        return other if cause is Cause.OWNER else self


def at_limit(limit_usd: int) -> Position:
    return replace(whale(3_000, limit=limit_usd * TICKS_PER_USD), model=Owned(limit_usd))


def look(at: BlockRef, position: Position) -> Snapshot:
    return Snapshot(at, [position], "", {}, (), {})


def test_after_a_rollback_moves_start_at_the_last_row_that_is_left(tmp_path: Path) -> None:
    """Told from a row of the branch that is gone, the parts did not add up to what is stored."""
    with new_database(tmp_path / "ethmon.db") as db:
        history = PositionHistory()
        history.save(db, look(ref(1), at_limit(1_500)), {})
        history.save(db, look(ref(30), at_limit(1_700)), {})
        history.forget_above(20)
        history.save(db, look(ref(31), at_limit(1_600)), {})
        moves = db.rows("SELECT before, after, cause FROM position_move ORDER BY block_number")
        assert moves == [("1500", "1700", "owner action"), ("1500", "1600", "owner action")]
        history.forget_above(0)
        history.save(db, look(ref(32), at_limit(1_650)), {})
        assert len(db.rows("SELECT 1 FROM position_move")) == 2
