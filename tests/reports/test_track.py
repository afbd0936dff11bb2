"""The history of a position on a chart: the stored integers, holes where it was not seen, alert levels."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from math import isnan
from pathlib import Path

import pytest

from monitor.errors import UsageError
from monitor.readings.positions import subject_of
from monitor.reports.charts.position import _lines
from monitor.reports.charts.style import days
from monitor.reports.charts.track import UNSEEN_AFTER_S, Track, of_subject, since_of, track, wanted
from monitor.store import positions
from monitor.store.database import Database
from monitor.units import TICKS_PER_USD, UnixTime
from monitor.watchlist import parse_watchlist
from tests.support.commands import rows
from tests.support.databases import GENESIS_TIME, new_database, ref
from tests.support.position_rows import ACCOUNT, KEY, LIMIT, save_track

PRICES = [2_000, 1_990, 1_900, 1_850, 1_700, 1_800]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ethmon.db"


@pytest.fixture
def db(path: Path) -> Iterator[Database]:
    with new_database(path) as db:
        yield db


def the_track(db: Database, rules: object = ()) -> Track:
    now = of_subject(db, subject_of(KEY))
    assert now is not None
    return track(db, now, UnixTime(GENESIS_TIME), rules)  # type: ignore[arg-type]


def test_points_are_the_stored_rows(db: Database, path: Path) -> None:
    save_track(db, name="Whale", prices=PRICES)
    stored = rows(path, "SELECT block_number, price, liquidation_price FROM position ORDER BY id")
    found = the_track(db)
    assert [
        (one.block, str(one.price), None if one.liquidation is None else str(one.liquidation))
        for one in found.points
    ] == stored
    assert [one.price for one in found.points] == [price * TICKS_PER_USD for price in PRICES]
    assert [one.outcome for one in found.points] == ["below"] * 4 + ["already", "below"]
    assert {one.liquidation for one in found.points} == {LIMIT, None}
    assert not found.holes


def test_the_newest_state_is_on_the_chart_also_without_a_row(db: Database) -> None:
    save_track(db, name="Whale", prices=PRICES, skip=[5])
    assert [one.price for one in the_track(db).points][-1] == PRICES[-1] * TICKS_PER_USD


def test_the_picture_of_an_old_message_ends_at_its_block(db: Database) -> None:
    save_track(db, name="Whale", prices=PRICES)
    for block, count in ((1 + 25 * 3, 4), (1 + 25 * 3 + 7, 4), (1 + 25 * 4, 5), (10_000, 6)):
        then = of_subject(db, subject_of(KEY), block)
        assert then is not None
        found = track(db, then, UnixTime(GENESIS_TIME))
        assert [one.price for one in found.points] == [price * TICKS_PER_USD for price in PRICES[:count]]
    assert of_subject(db, subject_of(KEY), 0) is None


def test_silence_is_a_hole_in_every_line(db: Database) -> None:
    save_track(db, name="Whale", prices=[2_000 - n for n in range(12)], skip=[5, 6, 7, 8])
    found = the_track(db)
    start, end = GENESIS_TIME + 12 * (1 + 25 * 4), GENESIS_TIME + 12 * (1 + 25 * 9)
    assert found.holes == [(start, end)]
    assert end - start > UNSEEN_AFTER_S
    lines = _lines(found)
    inside = [
        (price, limit)
        for time, price, limit in zip(lines.times, lines.price, lines.limit, strict=True)
        if days(start) <= time < days(end)
    ]
    assert isnan(inside[-1][0])
    assert isnan(inside[-1][1])


def test_while_it_is_liquidatable_there_is_no_liquidation_price_to_draw(db: Database) -> None:
    save_track(db, name="Whale", prices=PRICES)
    lines = _lines(the_track(db))
    assert sum(isnan(value) for value in lines.price) == 0
    assert sum(isnan(value) for value in lines.limit) == 2  # its row, and the end of that row's step


def test_alert_levels_are_those_of_this_wallet(db: Database) -> None:
    save_track(db, name="Whale", prices=PRICES)
    wallets = [
        {"name": "Whale", "address": ACCOUNT, "alert_at": ["20%", "5%"]},
        {"name": "Other", "address": "0x" + "cd" * 20, "alert_at": ["7%"]},
    ]
    found = the_track(db, parse_watchlist({"wallet": wallets}).rules)
    assert sorted(level.distance for level in found.levels) == [Decimal("0.05"), Decimal("0.2")]


@pytest.mark.parametrize(
    "name", ["Whale", "whale", ACCOUNT, ACCOUNT.upper().replace("0X", "0x"), subject_of(KEY)]
)
def test_a_position_is_found_by_name_address_and_identity(db: Database, name: str) -> None:
    save_track(db, name="Whale", prices=PRICES)
    assert [row.key for row in wanted(db, name)] == [KEY]


def test_the_beginning_of_one_name_is_enough(db: Database) -> None:
    save_track(db, name="Whale: 60,000 WETH against USDT", prices=PRICES)
    assert [row.key for row in wanted(db, "whale")] == [KEY]
    for other in ("", "60,000", "Whale: 61"):
        with pytest.raises(UsageError, match="No position is named"):
            wanted(db, other)


def test_a_closed_position_is_found_in_the_history(db: Database) -> None:
    save_track(db, name="Whale", prices=PRICES)
    positions.save_now(db, ref(500), [], {})
    assert of_subject(db, subject_of(KEY)) is None
    closed = wanted(db, "Whale")
    assert [row.block_number for row in closed] == [1 + 25 * 5]
    assert len(track(db, closed[0], since_of(db, "7d", closed[0])).points) == len(PRICES)


def test_an_unknown_name_is_refused_with_those_that_there_are(db: Database) -> None:
    save_track(db, name="Whale", prices=PRICES)
    with pytest.raises(UsageError, match=r"No position is named 'Wahle'. There are: Whale\."):
        wanted(db, "Wahle")
