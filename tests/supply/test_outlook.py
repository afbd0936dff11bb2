"""Total supply, growth, peak, records and offloading: what the reports say against a plain recount."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.issued import IssuanceSource
from monitor.reports.offload import offload_series, offload_view
from monitor.reports.records import stored_records
from monitor.reports.supply import supply_view
from monitor.store import history, identity, issuance, ledger, rewards
from monitor.store.database import Database
from monitor.store.periods import Period
from monitor.supply.barrier import AtPeak, BackIn
from monitor.supply.burn import burn_of
from monitor.supply.forks import MAINNET
from monitor.supply.issuance import ConsensusTotal, Measured, Unknown
from monitor.supply.offload import offload
from monitor.supply.total import NetChange, TotalSupply
from monitor.units import UnixTime
from tests.support.commands import ethmon
from tests.support.databases import GENESIS_TIME, block, block_hash, chain, new_database

LAST = 16_000
ETH = 10**18
ANCHOR = (120_000_000 * ETH, 0, 100)
CHAIN = chain(0, LAST)
PRIVATE = 1337


def time_of(number: int) -> UnixTime:
    return UnixTime(GENESIS_TIME + 12 * number)


def sampled(db: Database, per_step_gwei: int, *, every: int = 300, last: int = LAST) -> None:
    """Balances measured at blocks 100, 400, ...; the newest one at the head."""
    for place, number in enumerate([*range(100, last, every), last]):
        total = ConsensusTotal(
            number, number, block_hash(number), time_of(number), number, 34_000_000 * 10**9, 0, 0, finalized=True
        )  # fmt: skip
        issuance.save(db, total, Measured(per_step_gwei) if place else Unknown("first"), None)


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with new_database(tmp_path_factory.mktemp("outlook") / "ethmon.db") as database:
        identity.bind_chain(database, PRIVATE, None, time_of(LAST))
        ledger.append(database, CHAIN, time_of(LAST))
        yield database


@pytest.fixture
def measured(db: Database) -> Iterator[Database]:
    sampled(db, 90_000 * 10**9)
    yield db
    db.connection.execute("DELETE FROM issuance_sample")


def burned(first: int, last: int) -> int:
    return sum(burn_of(one.row).total_wei or 0 for one in CHAIN[first : last + 1])


def test_total_supply_is_the_anchor_plus_issuance_less_burn_to_the_wei(measured: Database) -> None:
    view = supply_view(measured, "24h", None, ANCHOR)
    steps = len(issuance.samples(measured)) - 1
    total = view.outlook.total
    assert isinstance(total, TotalSupply)
    assert total.low_wei == total.high_wei == ANCHOR[0] + steps * 90_000 * ETH - burned(101, LAST)
    assert view.outlook.base_wei == total.low_wei


def test_slack_of_the_anchor_is_slack_of_the_total(measured: Database) -> None:
    total = supply_view(measured, "24h", None, (ANCHOR[0], 7, 100)).outlook.total
    assert isinstance(total, TotalSupply)
    assert total.high_wei - total.low_wei == 14


def test_a_frame_with_a_hole_has_no_net_change(tmp_path: Path) -> None:
    """Its burn is a lower bound: less issuance than burn could look like more."""
    with new_database(tmp_path / "x.db") as db:
        identity.bind_chain(db, PRIVATE, None, time_of(LAST))
        ledger.append(db, [*CHAIN[:9_000], *CHAIN[9_001:]], time_of(LAST))
        sampled(db, 90_000 * 10**9)
        frames = {one.burn.name: one for one in supply_view(db, None, None, ANCHOR).frames}
    assert isinstance(frames["1h"].net, NetChange)
    assert frames["24h"].net == frames["7d"].net == Unknown("blocks of the frame are missing")


def test_rates_are_the_net_change_a_year(measured: Database) -> None:
    view = supply_view(measured, "24h", None, ANCHOR)
    (frame,) = view.frames
    assert isinstance(frame.net, NetChange)
    assert frame.net_per_year_wei == (frame.net.low_wei * 365, frame.net.high_wei * 365)
    low, high = frame.growth(view.outlook.base_wei)
    assert float(low) == pytest.approx(frame.net.low_wei * 365 / view.outlook.base_wei)
    assert low <= high


def test_growing_supply_is_at_its_peak(measured: Database) -> None:
    assert isinstance(supply_view(measured, "24h", None, ANCHOR).outlook.peak.reached, AtPeak)


def test_after_a_fall_the_peak_is_as_far_as_the_pace_says(db: Database) -> None:
    """Issuance stops, burn goes on, then issuance comes back: the anchor's figure is the peak."""
    sampled(db, 0, last=LAST - 7200)
    for number in (LAST - 3600, LAST):
        total = ConsensusTotal(
            number, number, block_hash(number), time_of(number), number, 34_000_000 * 10**9, 0, 0, finalized=True
        )  # fmt: skip
        issuance.save(db, total, Measured(burned(LAST - 7199, LAST) // 2 // 10**9 + 10**9), None)
    outlook = supply_view(db, "24h", None, ANCHOR).outlook
    db.connection.execute("DELETE FROM issuance_sample")
    assert isinstance(outlook.total, TotalSupply)
    peak = outlook.peak
    assert peak.supply_wei == ANCHOR[0]
    assert isinstance(peak.reached, BackIn)
    net = outlook.pace.net.low_wei
    assert net > 0
    assert abs(peak.reached.seconds - (ANCHOR[0] - outlook.total.low_wei) * 86_400 // net) <= 1


def test_equilibrium_lies_where_burn_equals_issuance(measured: Database) -> None:
    outlook = supply_view(measured, "24h", None, ANCHOR).outlook
    found = outlook.equilibrium
    low, high = outlook.pace.issued_per_year_wei
    unstaked = found.supply_wei - 34_000_000 * ETH
    assert float(found.burn_share * unstaked) == pytest.approx((low + high) / 2, rel=1e-9)


@pytest.mark.parametrize(
    ("anchor", "words"),
    [
        (None, "ETHMON_SUPPLY_ANCHOR"),
        ((ETH, 0, LAST + 5), "not stored"),
    ],
)
def test_without_an_anchor_there_is_no_total(
    measured: Database, anchor: tuple[int, int, int] | None, words: str
) -> None:
    outlook = supply_view(measured, "24h", None, anchor).outlook
    assert words in outlook.total.cause
    assert isinstance(outlook.peak, Unknown)
    assert isinstance(outlook.equilibrium, Unknown)


def test_missing_blocks_since_the_anchor_are_named_with_the_way_out(tmp_path: Path) -> None:
    with new_database(tmp_path / "x.db") as db:
        identity.bind_chain(db, PRIVATE, None, 1)
        ledger.append(db, chain(100, 200), time_of(200))
        ledger.append(db, chain(300, 400), time_of(400))
        total = supply_view(db, "1h", None, ANCHOR).outlook.total
    assert isinstance(total, Unknown)
    assert "99 blocks" in total.cause
    assert "ethmon backfill --from 101" in total.cause


def test_records_are_what_a_full_search_finds(db: Database) -> None:
    found = stored_records(db)
    best = max(CHAIN, key=lambda one: (burn_of(one.row).total_wei, -one.ref.number))
    assert (found.block.first_block, found.block.burned_wei) == (best.ref.number, burn_of(best.row).total_wei)
    for record, period, seconds in ((found.hour, Period.HOUR, 3600), (found.day, Period.DAY, 86_400)):
        sums: dict[int, int] = {}
        for one in CHAIN:
            start = one.ref.timestamp - one.ref.timestamp % seconds
            sums[start] = sums.get(start, 0) + burn_of(one.row).total_wei
        running = max(sums)
        start = max((start for start in sums if start != running), key=lambda start: sums[start])
        assert (record.start, record.burned_wei) == (start, sums[start]), period
    assert found.base_fee.max_wei == max(one.row.base_fee_wei for one in CHAIN)


def test_a_short_block_of_high_fee_is_found_in_a_quiet_hour(tmp_path: Path) -> None:
    """The bound by which hours are skipped must hold where one block stands alone."""
    rows = list(chain(0, 2_000))
    quiet = [one._replace(row=one.row._replace(base_fee_wei=7, blob_base_fee_wei=1)) for one in rows]
    high = quiet[777].row._replace(base_fee_wei=500 * 10**9, gas_used=36_000_000)
    busy = [
        one._replace(row=one.row._replace(base_fee_wei=60 * 10**9))
        if 1_200 <= one.ref.number < 1_500
        else one
        for one in quiet
    ]
    busy[777] = busy[777]._replace(row=high)
    with new_database(tmp_path / "x.db") as db:
        ledger.append(db, busy, time_of(2_000))
        assert stored_records(db).block.first_block == 777


def test_offloading_from_rollups_is_that_of_the_rows(db: Database) -> None:
    identity_chain = db.row("SELECT chain_id FROM chain")[0]
    assert identity_chain == PRIVATE
    view = offload_view(db, "24h")
    rows = [(one.row, None) for one in CHAIN if view.frames[0].burn.start < one.ref.timestamp]
    assert view.frames[0].offload == offload(rows)
    days = offload_series(db, "24h", Period.HOUR)
    assert sum(one.offload.blobs for one in days) == view.frames[0].offload.blobs
    assert sum(one.offload.at_blob_floor for one in days) == view.frames[0].offload.at_blob_floor


def test_targets_follow_the_schedules(tmp_path: Path) -> None:
    """Blocks on both sides of BPO1: each counts with the target of its own time."""
    start = MAINNET.time_of("bpo1") - 12 * 50
    rows = [one._replace(
        ref=one.ref._replace(timestamp=start + 12 * one.ref.number),
        row=one.row._replace(timestamp=start + 12 * one.ref.number),
    ) for one in chain(0, 99)]  # fmt: skip
    with new_database(tmp_path / "x.db") as db:
        identity.bind_chain(db, 1, None, 1)
        ledger.append(db, rows, start)
        assert offload_view(db, "1h").frames[0].offload.blob_target == 50 * 6 + 50 * 10


def test_rewards_before_the_merge_are_known_in_full_or_not_at_all(tmp_path: Path) -> None:
    merge = MAINNET.fork("merge").block
    with new_database(tmp_path / "x.db") as db:
        identity.bind_chain(db, 1, None, 1)
        source = IssuanceSource(db, None)
        assert source.pow_wei(merge, merge + 5) == 0
        assert source.pow_wei(merge - 2, merge + 5) is None
        rewards.save(db, [(merge - 1, 0, 2 * ETH)])
        assert source.pow_wei(merge - 2, merge + 5) is None
        rewards.save(db, [(merge - 2, 1, 2 * ETH + ETH // 16)])
        assert source.pow_wei(merge - 2, merge + 5) == 4 * ETH + ETH // 16
        assert isinstance(source.issued(time_of(0) - 10**8, time_of(0)), Unknown)


def test_series_and_head_agree(measured: Database) -> None:
    """The last of the days' ends is the total: the peak's path and the total are one sum."""
    outlook = supply_view(measured, "24h", None, ANCHOR).outlook
    assert outlook.peak.supply_wei == outlook.total.low_wei
    assert history.head(measured).number == block(LAST).ref.number


def test_frames_in_any_order_read_as_much_of_the_samples_as_they_need(measured: Database) -> None:
    """A source that has read a week and is asked for a month reads on; the answers are those of one that read all."""
    ends = [LAST, LAST - 150, 9_000, 700, 100]
    frames = [(time_of(first), time_of(last)) for last in ends for first in ends[::-1] if first < last]
    for wanted in (frames, frames[::-1]):
        source = IssuanceSource(measured, None)
        for start, end in wanted:
            whole = IssuanceSource(measured, None)
            whole.issued(time_of(0), end)
            found = source.issued(start, end)
            assert found == whole.issued(start, end)
            assert not isinstance(found, Unknown)


def test_a_frame_after_the_newest_sample_goes_on_at_its_pace(db: Database) -> None:
    """Samples are an hour apart: five minutes behind them are no reason to fall back to an anchor."""
    sampled(db, 3_600 * 10**9, last=LAST - 100)
    source = IssuanceSource(db, None)
    end = UnixTime(time_of(LAST - 100) + 1_200)
    found = source.issued(UnixTime(end - 300), end)
    none = source.issued(UnixTime(end + 7_000), UnixTime(end + 7_300))
    db.connection.execute("DELETE FROM issuance_sample")
    assert found.low_gwei < 300 * 10**9 < found.high_gwei
    assert found.low_gwei * 10 >= 300 * 10**9 * 9 - 10
    assert "20 min after the newest sample" in found.assumption
    assert isinstance(none, Unknown)


def test_the_command_line_prints_exact_strings_in_every_shape(measured: Database) -> None:
    """What a program reads: wei as strings, what is not known as null with its cause."""
    folder = measured.path.parent
    setting = {"ETHMON_SUPPLY_ANCHOR": "120000000.000000000000000000@100"}
    shown = json.loads(ethmon(folder, "supply", "--since", "24h", "--json", **setting).stdout)
    steps = len(issuance.samples(measured)) - 1
    total = str(ANCHOR[0] + steps * 90_000 * ETH - burned(101, LAST))
    assert (shown["total_supply"]["low_wei"], shown["total_supply"]["high_wei"]) == (total, total)
    assert shown["peak"]["is_now"] is True
    assert len(shown["total_supply"]["not_counted"]) >= 3
    (row,) = csv.DictReader(
        ethmon(folder, "supply", "--since", "24h", "--csv", **setting).stdout.splitlines()
    )
    assert (row["total_supply_low_wei"], row["total_supply_high_wei"]) == (total, total)
    assert row["peak_supply_wei"] == shown["peak"]["supply_wei"]
    assert (row["total_supply_unknown"], row["equilibrium_supply_wei"]) == (
        "",
        shown["equilibrium"]["supply_wei"],
    )
    without = json.loads(ethmon(folder, "supply", "--since", "24h", "--json").stdout)
    assert without["total_supply"]["low_wei"] is None
    assert "ETHMON_SUPPLY_ANCHOR" in without["total_supply"]["unknown"]
    best = max(burn_of(one.row).total_wei for one in CHAIN)
    record = next(iter(csv.DictReader(ethmon(folder, "supply", "--records", "--csv").stdout.splitlines())))
    assert (record["record"], record["value"]) == ("most burned in a block", str(best))
    days = json.loads(ethmon(folder, "supply", "--blobs", "--since", "7d", "--by", "day", "--json").stdout)
    assert sum(int(one["blob_burn_wei"]) for one in days) == sum(burn_of(one.row).blob_wei for one in CHAIN)
    table = ethmon(folder, "supply", **setting).stdout
    assert "Total supply:" in table
    assert "not counted" in table
