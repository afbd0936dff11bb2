"""Old rows of drift go, and what is promised of the rest holds: no change, no silence, no nearest hour is lost."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rules import parse_rules
from monitor.domain import BlockRef
from monitor.lending.attribution import Contribution
from monitor.lending.position import Cause, Position
from monitor.readings.catalogue import CATALOGUE
from monitor.replay import Replayed, replay, stored_moments
from monitor.reports.charts.track import Track, track
from monitor.store import ledger, positions
from monitor.store.database import Database, open_writer
from monitor.store.positions import SAMPLE_EVERY_S, UNSEEN_AFTER_S, StoredPosition
from monitor.store.thinning import OldRow
from monitor.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, BlockNumber, UnixTime
from monitor.watch.history import PositionHistory
from monitor.watch.snapshot import Snapshot
from monitor.watch.thinning import kept, seen_until, thin
from monitor.watchlist import Watchlist
from tests.support.databases import GENESIS_TIME, block, new_database
from tests.support.position_rows import KEY, LIMIT, whale

EVERY = 25
"""Blocks of 12 s: five minutes."""
ROWS = 4 * SECONDS_PER_DAY // SAMPLE_EVERY_S
SILENT = range(400, 410)
GREW = 600
"""From this row on there is a third more ETH."""
OLD = UnixTime(GENESIS_TIME + 3 * SECONDS_PER_DAY)
NAMES = {KEY.account: "Whale"}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four days as the daemon writes them: a walk of the price, a silence, a deposit, interest."""
    path = tmp_path_factory.mktemp("thinning") / "lived.db"
    walk, price, history = random.Random(7), 2_400, PositionHistory()
    with new_database(path) as db, db.transaction():
        blocks = [block(1 + EVERY * index) for index in range(ROWS)]
        ledger.append(db, blocks, blocks[-1].ref.timestamp)
        for index, one in enumerate(blocks):
            price += walk.choice((-3, -1, 0, 0, 1, 3)) - (price - 2_100) // 400
            if index not in SILENT:
                eth = 60_000 if index < GREW else 80_000
                look(db, history, one.ref, whale(price, limit=LIMIT + index * 10**5, eth=eth))
    return path


def look(db: Database, history: PositionHistory, at: BlockRef, position: Position) -> None:
    history.save(db, Snapshot(at, [position], "", {}, (), {}), NAMES)
    parts = [Contribution(cause, LIMIT, LIMIT + at.number) for cause in (Cause.INTEREST, Cause.OWNER)]
    positions.save_moves(db, at, KEY, [*parts, Contribution(Cause.RATIO, None, LIMIT)])
    positions.save_now(db, at, [position], NAMES)


@pytest.fixture
def db(tmp_path: Path, lived: Path) -> Iterator[Database]:
    shutil.copy(lived, tmp_path / "ethmon.db")
    with open_writer(tmp_path / "ethmon.db") as db:
        yield db


def everything(db: Database) -> tuple[StoredPosition, ...]:
    return positions.history(db, KEY, UnixTime(0))


def test_a_tenth_is_left_and_nothing_young_is_touched(db: Database) -> None:
    before = everything(db)
    gone = thin(db, OLD)
    after = everything(db)
    end = OLD // SECONDS_PER_DAY * SECONDS_PER_DAY
    young = [row for row in before if row.block_time >= end]
    assert [row for row in after if row.block_time >= end] == young
    assert set(map(repr, after)) <= set(map(repr, before))
    assert len(before) - len(after) == gone
    assert len(after) - len(young) < (len(before) - len(young)) / 8
    assert thin(db, OLD) == 0
    assert everything(db) == after


def test_the_row_of_a_change_stays_with_its_legs(db: Database) -> None:
    (change,) = [row for row in everything(db) if row.block_number == 1 + EVERY * GREW]
    thin(db, OLD)
    assert change in everything(db)
    assert change.detail["collaterals"][0]["amount"] == str(80_000 * 10**18)


def test_a_chart_has_the_same_holes_and_ends(db: Database) -> None:
    before = a_track(db)
    thin(db, OLD)
    after = a_track(db)
    assert len(before.holes) == 1
    assert after.holes == before.holes
    assert (after.points[0], after.points[-1]) == (before.points[0], before.points[-1])
    assert spans(after) == spans(before)


def a_track(db: Database) -> Track:
    return track(db, positions.current(db)[0], UnixTime(0))


def spans(of: Track) -> list[tuple[int, int]]:
    """Lowest and highest price by day."""
    days = groupby(of.points, lambda point: point.time // SECONDS_PER_DAY)
    prices = [[point.price or 0 for point in day] for _, day in days]
    return [(min(found), max(found)) for found in prices]


def test_a_replay_reaches_the_same_levels_in_the_same_hours(db: Database) -> None:
    before = replayed(db)
    thin(db, OLD)
    after = replayed(db)
    assert len({one.alert.level for one in before.told}) > 2
    assert worst(after) == worst(before)


def replayed(db: Database) -> Replayed:
    rules = parse_rules(
        {
            "rule": [
                {"reading": "position.distance", "below": [25, 24.5, 24, 23.5, 23, 22.5], "cool_down": "0s"}
            ]
        },
        CATALOGUE,
    )
    watched = Watchlist((), (), (), tuple(rules))
    last = BlockNumber(1 + EVERY * ROWS)
    return replay(rules, stored_moments(db, watched, BlockNumber(1), last))


def worst(of: Replayed) -> dict[int, int]:
    """By level, the hour in which it was first told."""
    found: dict[int, int] = {}
    for one in of.told:
        found.setdefault(one.alert.level, one.time // SECONDS_PER_HOUR)
    return found


def test_moves_by_drift_are_joined_and_sums_by_cause_stay(db: Database) -> None:
    before, sums = moves(db), positions.moves_since(db, KEY, UnixTime(0))
    thin(db, OLD)
    after = moves(db)
    assert positions.moves_since(db, KEY, UnixTime(0)) == sums
    assert len(before[Cause.INTEREST]) - len(after[Cause.INTEREST]) > 1.9 * ROWS / 4
    assert after[Cause.OWNER] == before[Cause.OWNER]
    assert after[Cause.RATIO] == before[Cause.RATIO], "a price that appeared moved by no number"


def moves(db: Database) -> dict[str, list[tuple[int, str, str]]]:
    found: dict[str, list[tuple[int, str, str]]] = {}
    for cause, *row in db.rows("SELECT cause, block_number, before, after FROM position_move ORDER BY id"):
        found.setdefault(cause, []).append(tuple(row))
    return found


def test_a_day_that_was_cut_short_is_finished_by_the_next_run(db: Database) -> None:
    thin(db, OLD)
    whole = everything(db)
    db.connection.execute("DELETE FROM setting")
    thin(db, OLD)
    again = everything(db)
    assert set(map(repr, again)) == set(map(repr, whole))


STATES = st.sampled_from([("below",), ("already",)])
STEPS = st.sampled_from([12, 60, 300, 300, 300, UNSEEN_AFTER_S, UNSEEN_AFTER_S + 1, 4_000])


@st.composite
def days(draw: st.DrawFn) -> list[OldRow]:
    rows, time = list[OldRow](), draw(st.integers(0, 4_000))
    for id_ in range(1, draw(st.integers(1, 60)) + 1):
        price, limit = (
            draw(st.one_of(st.none(), st.floats(1, 4))),
            draw(st.one_of(st.none(), st.floats(1, 4))),
        )
        distance = draw(st.one_of(st.none(), st.floats(0, 1)))
        legs = (("0x01", draw(st.sampled_from([10_000, 10_000, 10_000, 10_009, 11_000]))),)
        rows.append(OldRow(id_, UnixTime(time), UnixTime(time), draw(STATES), price, limit, distance, legs))
        time += draw(STEPS)
    return rows


@given(days())
def test_what_is_left_tells_the_same_day(rows: list[OldRow]) -> None:
    stay = set(kept(rows))
    until = seen_until(rows, stay)
    left = [row._replace(until=until.get(row.id, row.until)) for row in rows if row.id in stay]
    assert silences(left) == silences(rows)
    assert nearest(left) == nearest(rows)
    assert extremes(left) == extremes(rows)
    assert states(left) == states(rows)
    for before, row in pairwise(rows):
        assert row.id in stay or row.legs[0][1] * 1_000 <= before.legs[0][1] * 1_001


def silences(rows: Sequence[OldRow]) -> list[tuple[int, int]]:
    return [(one.until, two.time) for one, two in pairwise(rows) if two.time - one.until > UNSEEN_AFTER_S]


def nearest(rows: Sequence[OldRow]) -> dict[object, float]:
    found: dict[object, float] = {}
    for row in rows:
        if row.distance is not None:
            where = (row.time // SECONDS_PER_HOUR, row.state)
            found[where] = min(found.get(where, row.distance), row.distance)
    return found


def extremes(rows: Sequence[OldRow]) -> list[tuple[float | None, float | None]]:
    columns = [[row.price for row in rows], [row.limit for row in rows]]
    known = [[value for value in column if value is not None] for column in columns]
    return [(min(column, default=None), max(column, default=None)) for column in known]


def states(rows: Sequence[OldRow]) -> list[object]:
    return [state for state, _ in groupby(rows, lambda row: row.state)]
