"""Frames, series and what they say about what they could not see."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.domain import Block, BlockRef, BlockRow, BurnRule
from monitor.store import events, history, identity, ledger
from monitor.store.database import Database
from monitor.store.periods import Period, end_of, start_of
from monitor.units import BlobGas, BlockHash, BlockNumber, Gas, UnixTime, Wei
from tests.support.databases import GENESIS_TIME, block, chain
from tests.support.ledger_model import totals_of

AT = UnixTime(1_800_000_000)


def at(number: int) -> UnixTime:
    return UnixTime(GENESIS_TIME + 12 * number)


def edges(db: Database, start: int | None, end: int | None) -> tuple[object, ...]:
    seen = history.frame(
        db, None if start is None else UnixTime(start), None if end is None else UnixTime(end)
    ).coverage
    return (seen.first, seen.last, seen.missing, seen.maybe_missing, seen.starts_late, seen.ends_early)


def test_an_empty_ledger_sees_nothing(db: Database) -> None:
    for frame in (history.frame(db), history.frame(db, at(0), at(9))):
        assert frame.totals.blocks == 0
        assert not frame.coverage.complete
    assert history.series(db, None, None, Period.DAY) == ()
    assert history.head(db) is None
    assert history.frame_of_blocks(db, BlockNumber(0), BlockNumber(9)).coverage.ends_early


def test_a_frame_says_what_it_misses(db: Database) -> None:
    ledger.append(db, [*chain(100, 199), *chain(250, 299), *chain(320, 399)], AT)
    assert edges(db, None, None) == (100, 399, 70, 0, False, False)
    assert edges(db, at(100), at(400)) == (100, 399, 70, 0, False, True)
    assert edges(db, at(100), at(399) + 1) == (100, 399, 70, 0, False, False)
    assert edges(db, at(99), at(150)) == (100, 149, 0, 0, True, False)
    assert edges(db, at(120), at(130)) == (120, 129, 0, 0, False, False)
    assert edges(db, at(120), at(220)) == (120, 199, 0, 50, False, False)
    assert edges(db, at(220), at(260)) == (250, 259, 0, 50, False, False)
    assert edges(db, at(210), at(310)) == (250, 299, 0, 70, False, False)
    assert edges(db, at(210), at(220)) == (None, None, 0, 50, False, False)
    assert edges(db, at(150), at(350)) == (150, 349, 70, 0, False, False)
    assert edges(db, at(0), at(50)) == (None, None, 0, 0, True, False)
    assert edges(db, at(500), at(600)) == (None, None, 0, 0, False, True)


def test_an_edge_exactly_at_a_block_leaves_no_doubt(db: Database) -> None:
    """Block times rise, so nothing of the hole below block 250 can be of a frame that begins with it."""
    ledger.append(db, [*chain(100, 199), *chain(250, 299)], AT)
    assert history.frame(db, at(250), at(270)).coverage.complete
    assert history.frame(db, at(150), UnixTime(at(199) + 1)).coverage.complete
    assert not history.frame(db, UnixTime(at(250) - 1), at(270)).coverage.complete


def test_a_ledger_from_genesis_on_starts_in_time(db: Database) -> None:
    ledger.append(db, chain(0, 50), AT)
    frame = history.frame(db, UnixTime(0), UnixTime(at(50) + 1))
    assert frame.coverage.complete


def test_a_frame_of_blocks_counts_what_is_missing_in_it(db: Database) -> None:
    ledger.append(db, [*chain(100, 199), *chain(250, 299)], AT)
    frame = history.frame_of_blocks(db, BlockNumber(90), BlockNumber(260))
    assert (frame.coverage.first, frame.coverage.last) == (100, 260)
    assert (frame.coverage.stored, frame.coverage.missing) == (111, 60)
    assert (frame.start, frame.end) == (at(100), at(260) + 1)
    assert not frame.coverage.complete
    ahead = history.frame_of_blocks(db, BlockNumber(290), BlockNumber(400)).coverage
    assert (ahead.stored, ahead.missing, ahead.ends_early) == (10, 0, True)
    hole = history.frame_of_blocks(db, BlockNumber(200), BlockNumber(249))
    assert (hole.totals.blocks, hole.coverage.missing, hole.start) == (0, 50, None)


def test_a_series_shows_the_periods_it_cannot_see(db: Database) -> None:
    """Three days of blocks, the second one missing."""
    per_day = 7_200
    ledger.append(db, [*chain(0, per_day), *chain(2 * per_day, 3 * per_day)], AT)
    days = history.series(db, None, None, Period.DAY)
    assert [(part.start or 0) % 86_400 for part in days[1:]] == [0] * (len(days) - 1)
    assert sum(part.totals.blocks for part in days) == 2 * per_day + 2
    incomplete = [part for part in days if not part.coverage.complete]
    assert len(incomplete) == 2
    hours = history.series(db, None, None, Period.HOUR)
    empty = [part for part in hours if part.totals.blocks == 0]
    assert len(empty) == 23
    assert all(part.coverage.maybe_missing == per_day - 1 for part in empty)


def test_months_and_weeks_are_made_of_days(db: Database) -> None:
    blocks = chain(0, 2_000, seconds=3_000)
    ledger.append(db, blocks, AT)
    for period in (Period.WEEK, Period.MONTH):
        parts = history.series(db, None, None, period)
        assert len(parts) > 2
        for part in parts:
            assert part.start is not None
            assert part.end is not None
            inside = [b.row for b in blocks if part.start <= b.row.timestamp < part.end]
            assert part.totals == totals_of(inside)
        assert all(part.coverage.complete for part in parts)


@pytest.mark.parametrize("period", Period)
def test_periods_agree_with_the_calendar(period: Period) -> None:
    for day in range(0, 25_000, 37):
        time = UnixTime(day * 86_400 + day * 977 % 86_400)
        start = start_of(period, time)
        after = end_of(period, start)
        assert start <= time < after
        assert start_of(period, after) == after
        assert start_of(period, UnixTime(after - 1)) == start
        begin = datetime.fromtimestamp(start, UTC)
        if period is Period.MONTH:
            assert (begin.day, begin.hour, begin.minute, begin.second) == (1, 0, 0, 0)
        if period is Period.WEEK:
            assert (begin.isoweekday(), begin.hour) == (1, 0)


def test_the_mean_is_exact_to_the_nearest_wei(db: Database) -> None:
    fees = [10**18 + 1, 10**18 + 2, 10**18 + 2]
    blocks = [
        item._replace(row=item.row._replace(base_fee_wei=Wei(fee), gas_used=Gas(1)))
        for item, fee in zip(chain(0, 2), fees, strict=True)
    ]
    ledger.append(db, blocks, AT)
    stats = history.frame(db).totals.base_fee
    assert stats is not None
    assert (stats.mean_wei, stats.sum_wei) == (10**18 + 2, sum(fees))
    assert (stats.min_wei, stats.min_block, stats.max_wei, stats.max_block) == (fees[0], 0, fees[1], 1)


@pytest.mark.shared
def test_real_headers_give_the_burn_computed_by_hand(db: Database, shared_data: Path) -> None:
    """14 consecutive mainnet headers through the ledger, against plain products."""
    headers = json.loads(
        (shared_data / "blocks" / "consecutive_18090205_18090218_full_headers.json").read_text()
    )
    headers = (
        headers if isinstance(headers, list) else next(v for v in headers.values() if isinstance(v, list))
    )
    blocks = [_header(item) for item in headers]
    ledger.append(db, blocks, AT)
    expected = sum((b.row.base_fee_wei or 0) * b.row.gas_used for b in blocks)
    frame = history.frame(db)
    assert (frame.totals.burn_wei, frame.totals.blocks) == (expected, 14)
    assert frame.coverage.complete


def _header(item: dict[str, str]) -> Block:
    def number(name: str) -> int:
        value = item[name]
        return int(value, 16) if isinstance(value, str) and value.startswith("0x") else int(value)

    at_time = UnixTime(number("timestamp"))
    place = BlockRef(
        BlockNumber(number("number")), BlockHash(item["hash"]), BlockHash(item["parentHash"]), at_time
    )
    row = BlockRow(
        number=place.number,
        timestamp=at_time,
        gas_limit=Gas(number("gasLimit")),
        gas_used=Gas(number("gasUsed")),
        base_fee_wei=Wei(number("baseFeePerGas")),
        burn_rule=BurnRule.HEADER,
        receipt_gas=None,
        blob_gas_used=None,
        excess_blob_gas=None,
        blob_base_fee_wei=None,
        tx_count=None,
        withdrawal_count=None,
        withdrawals_gwei=None,
    )
    return Block(place, row)


def test_views_print_exact_amounts_and_utc(db: Database) -> None:
    item = block(7)
    row = item.row._replace(
        base_fee_wei=Wei(1_000_000_007),
        gas_used=Gas(30_000_001),
        blob_base_fee_wei=Wei(3),
        blob_gas_used=BlobGas(131_072),
    )
    ledger.append(db, [item._replace(row=row)], AT)
    shown = db.row("SELECT number, time_utc, base_fee_gwei, burn_eth, blobs, blob_burn_eth FROM v_block")
    assert shown == (
        7,
        "2023-11-14T22:14:44Z",
        "1.000000007",
        "0.030000001210000007",
        1,
        "0.000000000000393216",
    )
    for view in ("v_burn_hour", "v_burn_day"):
        total, mean, start = db.row(f"SELECT total_burn_eth, base_fee_mean_gwei, start_utc FROM {view}")
        assert (total, mean) == ("0.030000001210393223", "1.000000007")
        assert start.endswith(":00:00Z")
    for view in ("v_gap", "v_reorg"):
        assert db.rows(f"SELECT * FROM {view}") == []


def test_views_leave_unknown_amounts_empty(db: Database) -> None:
    item = block(7)
    row = item.row._replace(burn_rule=BurnRule.RECEIPTS, receipt_gas=None, blob_base_fee_wei=None)
    ledger.append(db, [item._replace(row=row)], AT)
    assert db.row("SELECT burn_eth, blob_burn_eth, blob_base_fee_gwei FROM v_block") == (None, None, None)
    assert db.row("SELECT burn_unknown, blob_burn_unknown, blob_fee_mean_gwei FROM v_burn_day") == (
        1,
        1,
        None,
    )


def test_a_file_belongs_to_one_chain(db: Database) -> None:
    genesis, other = BlockHash("0xaa"), BlockHash("0xbb")
    assert identity.chain_id(db) is None
    identity.bind_chain(db, 1, None, AT)
    identity.bind_chain(db, 1, genesis, AT)
    identity.bind_chain(db, 1, genesis, AT)
    identity.bind_chain(db, 1, None, AT)
    assert identity.chain_id(db) == 1
    with pytest.raises(identity.StoreOtherChain, match="holds chain 1, the node follows chain 5"):
        identity.bind_chain(db, 5, genesis, AT)
    with pytest.raises(identity.StoreOtherChain, match="another chain with the id 1"):
        identity.bind_chain(db, 1, other, AT)


def test_endpoints_and_events_leave_a_history(db: Database) -> None:
    for time, state in ((1, "up"), (2, "up"), (3, "behind"), (4, "up")):
        events.record_endpoint(db, UnixTime(time), "one", state, "why")
    events.record_endpoint(db, UnixTime(9), "two", "up")
    assert [(e.at, e.state) for e in events.endpoint_events(db) if e.endpoint == "one"] == [
        (4, "up"),
        (3, "behind"),
        (1, "up"),
    ]
    assert [(e.endpoint, e.at, e.state) for e in events.endpoint_states(db)] == [
        ("one", 4, "up"),
        ("two", 9, "up"),
    ]
    events.record_event(db, AT, "start", "0.1.0")
    assert events.events(db) == (events.Event(AT, "start", "0.1.0"),)
