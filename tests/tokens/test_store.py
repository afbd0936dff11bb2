"""Supplies in the store: which rows are kept, where a window over them starts, what a backfill gives it to start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.model import BlockStamp, CannotSee
from monitor.domain import ListedToken, TokenSupply
from monitor.past.supplies import EVERY_BLOCKS
from monitor.readings import money
from monitor.reports.token_series import token_track
from monitor.reports.tokens import TokenView, token_view
from monitor.store import ledger, tokens
from monitor.store.database import Database
from monitor.store.tokens import ROW_EVERY_S, UNSEEN_AFTER_S, SupplyRow
from monitor.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, Address, BlockNumber, UnixTime
from monitor.watch.snapshot import Snapshot
from monitor.watch.tokens import TokenWatch, stored_readings
from tests.support.databases import GENESIS_TIME, chain, new_database, ref

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
    track = token_track(db, "7d")
    assert track.holes == []
    newest = tokens.newest_time(db)
    assert track.times[-1] == newest
    assert newest is not None
    assert track.total[-1] == (10**6 + newest - AT) / 10


def test_changes_end_with_what_a_backfill_read_after_the_last_block_that_was_followed(db: Database) -> None:
    head = chain(0, 1)
    ledger.append(db, head, head[-1].ref.timestamp)
    days = range(40)
    store(db, *((day * SECONDS_PER_DAY, 1_000 + day) for day in days))
    view = token_view(db)
    (line,), (group,) = view.lines, view.groups
    week = money.percent_change(money.tokens_of(1_039, 1), money.tokens_of(1_032, 1))
    assert line.row.amount == money.tokens_of(1_039, 1)
    assert line.age_s == 0
    assert line.changes["7d"] == group.changes["7d"] == week


def looked(db: Database, time: int, found: TokenSupply | str) -> None:
    tokens.save(db, ref(0)._replace(timestamp=UnixTime(AT + time)), [TOKEN], {TOKEN.address: found})


def kept(db: Database) -> list[tuple[int, int | None, str]]:
    rows = tokens.rows_of_listed(db, UnixTime(0), UnixTime(2**40))
    return [(row.block_time - AT, row.units, row.cause) for _, row in rows]


def test_a_row_is_news_or_an_hour_after_the_last(db: Database) -> None:
    looked(db, 0, TokenSupply(10, 6, "USDT"))
    looked(db, 3_599, TokenSupply(10, 6, "USDT"))
    looked(db, 3_600, TokenSupply(10, 6, "USDT"))
    looked(db, 3_900, TokenSupply(10, 18, "USDT"))
    looked(db, 4_200, "it reverts")
    looked(db, 4_500, "it reverts")
    looked(db, 4_800, "it answers nothing")
    looked(db, 5_100, TokenSupply(10, 18, "USDT"))
    assert kept(db) == [
        (0, 10, ""), (3_600, 10, ""), (3_900, 10, ""), (4_200, None, "it reverts"), (4_800, None, "it answers nothing"), (5_100, 10, ""),
    ]  # fmt: skip


def test_what_a_contract_calls_itself_outlives_a_read_that_failed(db: Database) -> None:
    looked(db, 0, TokenSupply(10, 6, "USD Coin"))
    looked(db, 300, "it reverts")
    assert [one.symbol for one in tokens.listed(db)] == ["USD Coin"]


def test_what_held_in_the_past_ends_where_the_next_row_came_too_late(db: Database) -> None:
    store(db, (0, 10), (7_200, 20), (7_200 + 7_201, 30))

    def held(time: int) -> int | None:
        row = tokens.held_at(db, TOKEN.address, UnixTime(AT + time), 7_200)
        return None if row is None else row.units

    assert [held(time) for time in (-1, 0, 1, 7_199, 7_200, 7_201, 14_400, 14_401)] == [
        None, 10, 10, 10, 20, None, None, 30,
    ]  # fmt: skip
    assert held(14_401 + 7_200) == 30, "the last row holds as long as a token that is seen may be silent"
    assert held(14_401 + 7_201) is None


def test_a_rollback_makes_due_what_was_read_above_the_ancestor_alone(db: Database) -> None:
    watch = TokenWatch([TOKEN])
    at = ref(100)
    found = {TOKEN.address: TokenSupply(10, 6, "USDT")}
    watch.write(db, Snapshot(at, (), "", {}, (), {}, found), (), BlockStamp(at.number, at.hash, at.timestamp))
    assert watch.due(ref(101)) == ()
    watch.forget_above(at.number)
    assert watch.due(ref(101)) == ()
    watch.forget_above(BlockNumber(at.number - 1))
    assert watch.due(ref(101)) == [TOKEN.address]


def test_a_token_that_nobody_looks_at_is_not_read_for_it(db: Database) -> None:
    """Whoever replays a time before it was listed, or after, hears nothing of it."""
    looked(db, 0, TokenSupply(10**7, 6, "USDT"))

    def values(time: int) -> list[object]:
        at = BlockStamp(10**6, "0x", UnixTime(AT + time))
        return [one.value for one in stored_readings(db, [TOKEN], (), at)]

    assert values(-1) == []
    assert values(UNSEEN_AFTER_S) == [10, 10], "its own, and that of all dollars"
    assert values(UNSEEN_AFTER_S + 1) == []


def test_a_figure_that_is_old_says_so_and_stands_in_no_sum(db: Database) -> None:
    heads = iter(chain(0, 1))

    def view(age: int) -> TokenView:
        head = next(heads)
        at = head.ref._replace(timestamp=UnixTime(AT + age))
        ledger.append(db, [head._replace(ref=at, row=head.row._replace(timestamp=at.timestamp))], AT)
        return token_view(db)

    looked(db, 0, TokenSupply(10**7, 6, "USDT"))
    fresh, old = view(UNSEEN_AFTER_S), view(UNSEEN_AFTER_S + 1)
    assert (fresh.lines[0].remarks, fresh.groups[0].total) == ([], 10)
    assert old.lines[0].remarks == ["not read for 2 h: it may have changed"]
    assert isinstance(old.groups[0].total, CannotSee)
