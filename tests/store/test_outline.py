"""The outline of a position's history: thinned, but nothing that a picture shows is lost."""

from __future__ import annotations

import random
from collections.abc import Sequence

from monitor.store import outline as outlines
from monitor.store import positions
from monitor.store.database import Database
from monitor.store.outline import ALL_UP_TO, SLICES, outline
from monitor.store.positions import StoredPosition
from monitor.units import UnixTime
from tests.support.databases import GENESIS_TIME
from tests.support.position_rows import KEY, save_track

START = UnixTime(GENESIS_TIME)
END = UnixTime(GENESIS_TIME + 10**9)
SILENCE_S = 900


def saved(db: Database, count: int, skip: tuple[int, ...] = ()) -> tuple[StoredPosition, ...]:
    """A walk with peaks, a row every five minutes."""
    walk = random.Random(count)
    prices = [walk.choice((1_900, 2_000, 2_400, 3_000)) + walk.randrange(300) for _ in range(count)]
    prices[count // 3] = 1_500
    save_track(db, name="Whale", prices=prices, skip=skip)
    return positions.history(db, KEY, START)


def test_few_rows_are_kept_as_they_are(db: Database) -> None:
    rows = saved(db, 200)
    assert tuple(outline(db, KEY, START, END, SILENCE_S).rows) == rows
    assert tuple(outline(db, KEY, rows[50].block_time, rows[90].block_time, SILENCE_S).rows) == rows[50:90]


def test_many_rows_keep_peaks_outcomes_and_both_ends(db: Database) -> None:
    rows = saved(db, 6_000)
    found = outline(db, KEY, START, END, SILENCE_S).rows
    assert len(rows) > ALL_UP_TO > len(found) > SLICES
    assert {row.block_number for row in found} <= {row.block_number for row in rows}
    assert list(found) == sorted(found, key=lambda row: row.block_number)
    assert (found[0], found[-1]) == (rows[0], rows[-1])
    assert [row.outcome for row in rows if row.outcome == "already"] == ["already"]
    assert [row.price_usd for row in found if row.outcome == "already"] == [1_500]
    length = (rows[-1].block_time - rows[0].block_time) // SLICES + 1
    assert extremes(found, length) == extremes(rows, length)


def extremes(rows: Sequence[StoredPosition], length: int) -> dict[int, tuple[float, float]]:
    """Lowest and highest price by slice."""
    slices: dict[int, list[float]] = {}
    for row in rows:
        slices.setdefault(row.block_time // length, []).append(row.price_usd or 0)
    return {at: (min(known), max(known)) for at, known in slices.items()}


def test_a_silence_is_told_and_its_ends_stay(db: Database) -> None:
    rows = saved(db, 5_000, skip=tuple(range(2_000, 2_100)))
    found = outline(db, KEY, START, END, SILENCE_S)
    ends = (rows[1_999].block_time, rows[2_000].block_time)
    assert found.silences == [ends]
    assert set(ends) <= {row.block_time for row in found.rows}


def test_one_index_answers_for_all_rows(db: Database) -> None:
    asked = list[str]()
    db.connection.set_trace_callback(asked.append)
    outlines.outline(db, KEY, START, END, SILENCE_S)
    db.connection.set_trace_callback(None)
    scan = next(sql for sql in asked if "price_usd, liquidation_usd, coalesce" in sql)
    plan = " ".join(row[3] for row in db.rows(f"EXPLAIN QUERY PLAN {scan}"))
    assert "COVERING INDEX position_by_time" in plan
    assert "TEMP B-TREE" not in plan
