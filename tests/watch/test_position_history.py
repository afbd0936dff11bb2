"""What is stored of a position: rows without what did not change, and moves that go from one row to the next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from monitor.domain import BlockRef
from monitor.lending.outcome import Range
from monitor.lending.position import Cause, EventKind, Model, Position, PositionEvent
from monitor.store import positions
from monitor.store.position_events import EventAt
from monitor.units import TICKS_PER_USD, UnixTime
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


def test_a_row_of_drift_leaves_out_what_did_not_change(tmp_path: Path) -> None:
    """Legs, terms and remedy are most of a row: they come with a change, an event, and once a day."""
    event = PositionEvent(whale(3_000).key, EventKind.OTHER)
    with new_database(tmp_path / "ethmon.db") as db:
        history = PositionHistory()
        for number, eth in (
            (1, 60_000),
            (26, 60_000),
            (51, 70_000),
            (76, 70_000),
            (7_251, 70_000),
            (7_276, 70_000),
        ):
            history.save(db, look(ref(number), whale(3_000, eth=eth)), {})
        touched = look(ref(7_280), whale(3_000, eth=70_000))
        history.save(db, replace(touched, events=(EventAt(ref(7_280), 0, "0x", event),)), {})
        rows = positions.history(db, whale(3_000).key, UnixTime(0))
    assert [row.block_number for row in rows if row.detail] == [1, 51, 7_251, 7_280]
    assert [row.block_number for row in rows] == [1, 26, 51, 76, 7_251, 7_276, 7_280]


def test_the_lower_end_of_a_range_is_in_every_row(tmp_path: Path) -> None:
    soft = replace(whale(3_000), outcome=Range(2_000 * TICKS_PER_USD, 1_500 * TICKS_PER_USD))
    with new_database(tmp_path / "ethmon.db") as db:
        history = PositionHistory()
        for number in (1, 26):
            history.save(db, look(ref(number), soft), {})
        rows = positions.history(db, soft.key, UnixTime(0))
    assert [row.detail["outcome"]["lower"] for row in rows] == [str(1_500 * TICKS_PER_USD)] * 2
    assert "collaterals" not in rows[1].detail
