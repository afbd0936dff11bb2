"""Where a window over stored supplies starts, and what a backfill gives it to start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.domain import ListedToken
from monitor.readings import money
from monitor.reports.token_series import token_track
from monitor.reports.tokens import token_view
from monitor.store import ledger, tokens
from monitor.store.database import Database
from monitor.store.tokens import ROW_EVERY_S, UNSEEN_AFTER_S, SupplyRow
from monitor.token_history import EVERY_BLOCKS
from monitor.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, Address, BlockNumber, UnixTime
from monitor.watch.tokens import amount_of
from tests.support.databases import GENESIS_TIME, chain, new_database

TOKEN = ListedToken("USDT", Address("0x" + "11" * 20), "stablecoin", "USD", "a test")
AT = UnixTime(GENESIS_TIME + 100 * SECONDS_PER_DAY)


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return new_database(tmp_path / "ethmon.db")


def store(db: Database, *rows: tuple[int, int | None]) -> None:
    """Supplies of one decimal, or None for "cannot see", by seconds since AT."""
    made = [
        SupplyRow(BlockNumber(10**6 + time // 12), UnixTime(AT + time), TOKEN.address, units, None if units is None else 1, "" if units is not None else "it reverts")
        for time, units in rows
    ]  # fmt: skip
    tokens.add(db, [TOKEN], made)


@pytest.mark.parametrize("window", [SECONDS_PER_HOUR, 30 * SECONDS_PER_DAY])
def test_a_window_starts_with_the_last_supply_before_it_and_no_older_one(db: Database, window: int) -> None:
    oldest = max(2 * SECONDS_PER_HOUR, window // 10)
    store(db, (0, 10), (2 * oldest, 20))

    def start(end: int) -> int | None:
        row = tokens.start_of_window(db, TOKEN.address, UnixTime(AT + end), window)
        return None if row is None else row.units

    assert start(window - 1) is None, "it was not there yet"
    assert start(window) == 10
    assert start(window + oldest) == 10
    assert start(window + oldest + 1) is None
    assert start(window + 2 * oldest) == 20


def test_a_read_that_failed_takes_back_nothing_that_was_seen_before_it(db: Database) -> None:
    store(db, (0, 10), (3_600, None))
    row = tokens.start_of_window(db, TOKEN.address, UnixTime(AT + 3_600 + SECONDS_PER_DAY), SECONDS_PER_DAY)
    assert row is not None
    assert row.units == 10
    assert tokens.seen_at(db, TOKEN.address, UnixTime(AT + 3_600)) is None, "a picture has a hole there"


def test_looks_at_the_past_are_dense_enough_for_every_window_and_picture(db: Database) -> None:
    """A slot in a hundred is missed."""
    step = EVERY_BLOCKS * 1_212 // 100
    assert ROW_EVERY_S < step < UNSEEN_AFTER_S
    store(db, *((time, 10**6 + time) for time in range(0, 9 * SECONDS_PER_DAY, step)))
    for end in range(8 * SECONDS_PER_DAY, 9 * SECONDS_PER_DAY - step, 600):
        for window in (SECONDS_PER_HOUR, SECONDS_PER_DAY, 7 * SECONDS_PER_DAY):
            assert tokens.start_of_window(db, TOKEN.address, UnixTime(AT + end), window) is not None
    assert token_track(db, "7d").holes == []


def test_changes_end_with_what_a_backfill_read_after_the_last_block_that_was_followed(db: Database) -> None:
    head = chain(0, 1)
    ledger.append(db, head, head[-1].ref.timestamp)
    days = range(40)
    store(db, *((day * SECONDS_PER_DAY, 1_000 + day) for day in days))
    view = token_view(db)
    (line,), (group,) = view.lines, view.groups
    week = money.percent_change(money.tokens_of(1_039, 1), money.tokens_of(1_032, 1))
    assert amount_of(line.row) == money.tokens_of(1_039, 1)
    assert line.age_s == 0
    assert line.changes["7d"] == group.changes["7d"] == week
