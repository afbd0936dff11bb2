"""Where burn meets issuance, and what a frame of time is."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import UsageError
from monitor.supply.barrier import (
    AtPeak,
    BackIn,
    NeverAtThisPace,
    barrier,
    blob_share,
    equilibrium,
    growth_per_year,
    hours_of_issuance,
    streak,
    time_to_peak,
)
from monitor.supply.blobs import GAS_PER_BLOB, blob_base_fee_wei, excess_blob_gas
from monitor.supply.forks import MAINNET, SEPOLIA
from monitor.supply.frames import FORKS, ROLLING, parse, standard, to_date
from monitor.supply.offload import offload
from tests.support.block_rows import block_row

ETH = 10**18
BPO2 = MAINNET.schedules[-1]
gas = st.integers(1, 10**9)


@given(st.integers(0, 10**18), gas, st.integers(0, 42 * GAS_PER_BLOB))
def test_at_the_barrier_burn_covers_issuance_and_one_wei_below_it_does_not(
    issued: int, used: int, blobs: int
) -> None:
    found = barrier(issued, used, blobs, BPO2)
    assert found.base_alone * used >= issued
    assert found.base_with_blobs * (used + Decimal(blobs) / 16) >= issued
    if issued:
        assert (found.base_alone - 1) * used < issued
        assert (found.base_with_blobs - 1) * (used + Decimal(blobs) / 16) < issued
    assert found.base_with_blobs <= found.base_alone
    assert found.blob_alone * 14 * GAS_PER_BLOB >= issued


def test_the_blob_barrier_follows_the_schedule() -> None:
    """A constant Cancun target would put it 4.7 times too high since BPO2."""
    old, new = (barrier(10**17, 10**7, 0, schedule).blob_alone for schedule in (MAINNET.schedules[0], BPO2))
    assert old / new == pytest.approx(14 / 3, rel=1e-6)


def test_without_gas_there_is_no_barrier() -> None:
    assert barrier(1, 0, 0, BPO2).base_alone is None
    assert barrier(1, 0, 0, BPO2).base_with_blobs is None


def test_the_reserve_price_is_where_the_blob_fee_settles() -> None:
    """Drive the real rule with target blobs at a steady base fee: it ends at a sixteenth."""
    base_fee, excess = 10**9, 10 * BPO2.base_fee_update_fraction
    for _ in range(3_000):
        excess = excess_blob_gas(excess, BPO2.target * GAS_PER_BLOB, base_fee, BPO2, eip7918=True)
    fee = blob_base_fee_wei(excess, BPO2.base_fee_update_fraction)
    assert base_fee / 16 <= fee < base_fee / 16 * 1.12


@given(st.lists(st.integers(0, 20), min_size=1, max_size=30), st.integers(0, 20))
def test_a_streak_is_the_longest_run_at_the_end(fees: list[int], level: int) -> None:
    rows = [block_row(number, number * 12, base_fee_wei=fee) for number, fee in enumerate(fees)]
    run = streak(reversed(rows), level)
    side = fees[-1] >= level
    length = next((n for n, fee in enumerate(reversed(fees)) if (fee >= level) is not side), len(fees))
    assert run == (side, length, len(fees) - length, (len(fees) - length) * 12)


def test_a_streak_ends_at_a_gap_and_at_what_is_not_known() -> None:
    rows = [block_row(n, n, base_fee_wei=5) for n in (9, 8, 6)]
    assert streak(rows, 1).blocks == 2
    assert streak([block_row(1, 1)], 1) is None
    assert streak([], 1) is None


def test_time_back_to_the_peak() -> None:
    assert time_to_peak(100, 100, 5, 10) == AtPeak()
    assert time_to_peak(90, 100, 0, 10) == NeverAtThisPace()
    assert time_to_peak(90, 100, -1, 10) == NeverAtThisPace()
    assert time_to_peak(90, 100, 3, 10) == BackIn(34)


def test_the_equilibrium_is_where_burn_meets_issuance() -> None:
    point = equilibrium(120_000_000 * ETH, 36_000_000 * ETH, 970_000 * ETH, 500_000 * ETH)
    unstaked = point.supply_wei - 36_000_000 * ETH
    assert float(unstaked * point.burn_share) == pytest.approx(970_000 * ETH)
    assert point.after(120_000_000 * ETH, Decimal(0)) == 120_000_000 * ETH
    year = point.after(120_000_000 * ETH, Decimal(1)) - 120_000_000 * ETH
    assert 0.99 * 470_000 * ETH < year < 470_000 * ETH
    assert abs(point.after(120_000_000 * ETH, Decimal(5_000)) - point.supply_wei) < ETH
    assert equilibrium(10, 10, 1, 1) is None
    assert equilibrium(10, 1, 1, 0) is None


def test_ratios() -> None:
    assert hours_of_issuance(300, 100, 7_200) == 6
    assert hours_of_issuance(300, 0, 7_200) is None
    assert growth_per_year(1, 1_000, 31_536_000) == Decimal("0.001")
    assert blob_share(75, 25) == Decimal("0.25")
    assert blob_share(0, 0) is None


# ---------------------------------------------------------------- frames

NOW = int(datetime(2026, 11, 22, 15, 30, 7, tzinfo=UTC).timestamp())


def unix(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("5m", NOW - 300, NOW),
        ("90 min", NOW - 5_400, NOW),
        ("24H", NOW - 86_400, NOW),
        ("2w", NOW - 14 * 86_400, NOW),
        ("1y", NOW - 365 * 86_400, NOW),
        ("merge", 1_663_224_178, NOW),
        ("since Paris", 1_663_224_178, NOW),
        ("since london", 1_628_166_821, NOW),
        ("today", unix(2026, 11, 22) - 1, NOW),
        ("month", unix(2026, 11, 1) - 1, NOW),
        ("quarter", unix(2026, 10, 1) - 1, NOW),
        ("year", unix(2026, 1, 1) - 1, NOW),
        ("2025", unix(2025, 1, 1) - 1, unix(2026, 1, 1) - 1),
        ("2025-Q4", unix(2025, 10, 1) - 1, unix(2026, 1, 1) - 1),
        ("2025-02", unix(2025, 2, 1) - 1, unix(2025, 3, 1) - 1),
        ("2026", unix(2026, 1, 1) - 1, NOW),
        ("2026-11", unix(2026, 11, 1) - 1, NOW),
        ("2024-02-29", unix(2024, 2, 29) - 1, NOW),
        ("2025-03-01..2025-04-01", unix(2025, 3, 1) - 1, unix(2025, 4, 1) - 1),
        ("2025-q1..2025-q2", unix(2025, 1, 1) - 1, unix(2025, 7, 1) - 1),
        ("dencun..pectra", 1_710_338_134, 1_746_612_310),
        ("7d..1d", NOW - 7 * 86_400, NOW - 86_400),
        ("merge..now", 1_663_224_178, NOW),
        ("2026-01-01..2027-01-01", unix(2026, 1, 1) - 1, NOW),
        ("999999y", -1, NOW),
        ("0001..2025-02", -1, unix(2025, 3, 1) - 1),
    ],
)
def test_frames_as_people_name_them(text: str, start: int, end: int) -> None:
    frame = parse(text, MAINNET, NOW)
    assert (frame.start, frame.end) == (start, end)
    assert frame.seconds == end - start


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2025-13", "2025-02-30", "2025-Q5", "0m", "glamsterdam", "2030", "now", "1d..7d", "..", "0000",
     "2025-01-01..", "2026-12-01..2026-12-02", "9" * 30 + "d", "'; drop table"],
)  # fmt: skip
def test_what_is_no_frame_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text, MAINNET, NOW)
    told = str(refused.value)
    assert any(repr(part) in told for part in (text, *text.split("..")))


def test_a_frame_is_refused_as_it_was_typed_and_named_as_people_write_it() -> None:
    with pytest.raises(UsageError, match="'2025-Q5' is not"):
        parse("Since 2025-Q5", MAINNET, NOW)
    with pytest.raises(UsageError, match="'Mergee' is not"):
        parse("Mergee..NOW", MAINNET, NOW)
    assert parse("2025-q3", MAINNET, NOW).name == "2025-Q3"
    assert parse("Since Merge", MAINNET, NOW) == parse("merge", MAINNET, NOW)
    assert parse("7D", MAINNET, NOW).name == "7d"


def test_a_fork_without_a_known_time_asks_for_a_date() -> None:
    with pytest.raises(UsageError, match="Use a date"):
        parse("merge", SEPOLIA, NOW)


def test_the_standard_view() -> None:
    frames = standard(MAINNET, NOW)
    names = [frame.name for frame in frames]
    assert names[: len(ROLLING)] == list(ROLLING)
    assert "since merge" in names
    assert "since glamsterdam" not in names
    assert names[-3:] == ["this month", "this quarter", "this year"]
    assert all(frame.start < frame.end == NOW for frame in frames)
    assert len(standard(None, NOW)) == len(frames) - len(FORKS) + 1


@given(st.integers(unix(2021, 8, 5), unix(2099, 1, 1)))
def test_calendar_frames_hold_their_first_second_and_nest(now: int) -> None:
    month, quarter, year = (to_date(unit, now) for unit in ("month", "quarter", "year"))
    assert year.start <= quarter.start <= month.start < now
    first = datetime.fromtimestamp(month.start + 1, UTC)
    assert (first.day, first.hour, first.minute, first.second) == (1, 0, 0, 0)
    assert datetime.fromtimestamp(quarter.start + 1, UTC).month in {1, 4, 7, 10}


# ---------------------------------------------------------------- offloading


def test_offloading_in_figures() -> None:
    blobs = {"blob_gas_used": 7 * GAS_PER_BLOB, "excess_blob_gas": 0}
    rows = [
        (block_row(1, 12, gas_limit=100, gas_used=40, base_fee_wei=160, blob_base_fee_wei=10, **blobs), BPO2),
        (block_row(2, 24, gas_limit=100, gas_used=60, base_fee_wei=160, blob_base_fee_wei=11, **blobs), BPO2),
        (block_row(3, 36, gas_limit=100, gas_used=50), None),
    ]
    seen = offload(rows)
    assert (seen.blobs, seen.blob_target, seen.at_blob_floor) == (14, 28, 1)
    assert seen.gas_share == Decimal("0.5")
    assert seen.blob_fill == Decimal("0.5")
    assert seen.burn.blob_wei == 7 * GAS_PER_BLOB * 21
    assert seen.burn.base_wei == 16_000
    assert seen.burn_per_blob_wei == GAS_PER_BLOB * 21 // 2
    assert seen.blob_share == Decimal(seen.burn.blob_wei) / seen.burn.known_wei
    nothing = offload([])
    assert (nothing.blob_share, nothing.gas_share, nothing.blob_fill, nothing.burn_per_blob_wei) == (
        None,
    ) * 4
