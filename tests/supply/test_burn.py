"""What a block burns, and what is not known, is never mixed up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain import BurnRule
from monitor.errors import ScheduleInDoubt
from monitor.supply.blobs import BlobSchedule, blob_base_fee_wei, schedule_at, schedule_doubt
from monitor.supply.burn import (
    BurnTotal,
    HeaderRule,
    base_burn_wei,
    blob_burn_wei,
    burn_of,
    check_child,
    next_base_fee_wei,
    per_year_wei,
    total_burn,
)
from monitor.supply.forks import CHAINS, HOODI, MAINNET, SEPOLIA, fork_id
from monitor.units import MAX_INT64, SECONDS_PER_YEAR, join_wei, split_wei
from tests.support.block_rows import block_row

uint63 = st.integers(0, MAX_INT64)
maybe = st.none() | uint63
rows = st.builds(
    block_row,
    gas_used=uint63,
    base_fee_wei=maybe,
    burn_rule=st.sampled_from(BurnRule),
    receipt_gas=maybe,
    blob_gas_used=maybe,
    blob_base_fee_wei=maybe,
)


def test_receipts_decide_where_the_header_no_longer_does() -> None:
    row = block_row(gas_used=30_000, base_fee_wei=7, burn_rule=BurnRule.RECEIPTS)
    assert base_burn_wei(row) is None
    assert base_burn_wei(row._replace(receipt_gas=21_000)) == 147_000
    assert base_burn_wei(row._replace(receipt_gas=0)) == 0
    assert base_burn_wei(row._replace(burn_rule=BurnRule.HEADER, receipt_gas=21_000)) == 210_000


def test_an_unknown_blob_fee_is_not_a_burn_of_nothing() -> None:
    row = block_row(base_fee_wei=7, gas_used=10, blob_gas_used=131_072)
    assert blob_burn_wei(row) is None
    assert burn_of(row).total_wei is None
    assert blob_burn_wei(row._replace(blob_gas_used=0)) == 0
    assert burn_of(row._replace(blob_base_fee_wei=3)) == (70, 393_216)


@given(st.lists(rows, max_size=30), st.integers(0, 30))
def test_a_total_is_the_sum_of_its_parts_and_counts_what_it_lacks(blocks: list, cut: int) -> None:
    whole = total_burn(blocks)
    assert total_burn(blocks[:cut]) + total_burn(blocks[cut:]) == whole
    assert whole.base_wei == sum(burn_of(row).base_wei or 0 for row in blocks)
    assert whole.is_complete is all(burn_of(row).total_wei is not None for row in blocks)
    assert whole.blocks == len(blocks)


@given(st.lists(rows.filter(lambda row: burn_of(row).total_wei is not None)))
def test_pairs_of_gwei_and_wei_sum_to_the_same(blocks: list) -> None:
    """The store keeps amounts split: summing the halves loses nothing."""
    pairs = [split_wei(burn_of(row).total_wei) for row in blocks]
    assert join_wei(sum(p[0] for p in pairs), sum(p[1] for p in pairs)) == total_burn(blocks).known_wei
    assert all(0 <= rest < 10**9 for _, rest in pairs)


def test_an_empty_total_is_complete() -> None:
    assert total_burn([]) == BurnTotal(0, 0, 0, 0, 0)
    assert total_burn([]).is_complete


@given(st.integers(0, 10**30), st.integers(1, 10**10))
def test_a_rate_times_its_time_gives_the_amount_back(amount: int, seconds: int) -> None:
    rate = per_year_wei(amount, seconds)
    assert rate * seconds <= amount * SECONDS_PER_YEAR < (rate + 1) * seconds


@given(st.integers(1, 10**9), st.integers(0, 10**9), st.integers(0, 10**18))
def test_the_base_fee_moves_by_an_eighth_at_most(limit: int, used: int, fee: int) -> None:
    used = min(used, limit)
    following = next_base_fee_wei(limit, used, fee)
    if limit // 2:
        # An odd limit lets a full block be a little over twice the target.
        assert fee - fee // 8 <= following
        assert following <= fee + max((fee * (limit - limit // 2) // (limit // 2)) // 8, 1)


def test_the_london_block_starts_at_one_gwei() -> None:
    assert next_base_fee_wei(15_000_000, 15_000_000, None) == 10**9
    parent = block_row(1, 12, gas_limit=15_000_000, gas_used=15_000_000)
    child = block_row(2, 24, gas_limit=30_000_000, base_fee_wei=10**9)
    assert check_child(parent, child, None, eip7918=False) == ()
    late = child._replace(gas_limit=15_000_000)
    assert [finding.rule for finding in check_child(parent, late, None, eip7918=False)] == [
        HeaderRule.GAS_LIMIT
    ]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"number": 3}, HeaderRule.NUMBER),
        ({"timestamp": 12}, HeaderRule.TIMESTAMP),
        ({"gas_limit": 30_029_296}, HeaderRule.GAS_LIMIT),
        ({"gas_used": 30_000_001}, HeaderRule.GAS_USED),
        ({"base_fee_wei": 876}, HeaderRule.BASE_FEE),
        ({"base_fee_wei": None}, HeaderRule.BASE_FEE),
        ({"blob_gas_used": 131_073}, HeaderRule.BLOB_GAS_USED),
        ({"blob_gas_used": 22 * 131_072}, HeaderRule.BLOB_GAS_USED),
        ({"excess_blob_gas": 1}, HeaderRule.EXCESS_BLOB_GAS),
        ({"excess_blob_gas": 2**60}, HeaderRule.EXCESS_BLOB_GAS),
        ({"blob_base_fee_wei": 2}, HeaderRule.BLOB_BASE_FEE),
    ],
)
def test_each_broken_rule_is_named(change: dict, rule: HeaderRule) -> None:
    blobs = {"blob_gas_used": 0, "excess_blob_gas": 0, "blob_base_fee_wei": 1}
    parent = block_row(1, 12, base_fee_wei=1000, **blobs)
    child = block_row(2, 24, base_fee_wei=875, **blobs)
    schedule = MAINNET.schedules[-1]
    assert check_child(parent, child, schedule, eip7918=True) == ()
    broken = check_child(parent, child._replace(**change), schedule, eip7918=True)
    assert [finding.rule for finding in broken] == [rule]


@given(st.integers(-(2**70), 2**70), st.integers(-1, 2**40))
def test_hostile_blob_headers_end_at_once(excess: int, fraction: int) -> None:
    try:
        fee = blob_base_fee_wei(excess, fraction)
    except ScheduleInDoubt:
        assert fraction <= 0 or not 0 <= excess <= 44 * fraction
    else:
        assert 1 <= fee < 2**64


@given(st.integers(0, 10**9), st.integers(10**6, 10**8))
def test_the_blob_fee_never_falls_with_more_excess(excess: int, fraction: int) -> None:
    if excess + 131_072 <= 44 * fraction:
        assert blob_base_fee_wei(excess, fraction) <= blob_base_fee_wei(excess + 131_072, fraction)


def test_each_schedule_holds_from_its_second_on() -> None:
    for chain in CHAINS.values():
        assert schedule_at(chain.schedules, chain.schedules[0].activation_time - 1) is None
        for earlier, later in zip(chain.schedules, chain.schedules[1:], strict=False):
            assert schedule_at(chain.schedules, later.activation_time - 1) == earlier
            assert schedule_at(chain.schedules, later.activation_time) == later


def test_a_schedule_that_fits_nothing_is_doubted() -> None:
    for chain in CHAINS.values():
        for schedule in chain.schedules:
            assert schedule_doubt(schedule) is None
            for other in chain.schedules:
                stale = BlobSchedule(0, schedule.target, schedule.max, other.base_fee_update_fraction)
                same = other.base_fee_update_fraction == schedule.base_fee_update_fraction
                assert (schedule_doubt(stale) is None) is same
    # Defaults that geth carries for later blob-parameter forks, and the example of EIP-7892.
    for target, limit, fraction in ((21, 32, 20_609_697), (14, 21, 13_739_630), (9, 14, 8_832_827)):
        assert schedule_doubt(BlobSchedule(0, target, limit, fraction)) is None
    for target, limit, fraction in ((0, 6, 3_338_477), (9, 6, 3_338_477), (3, 6, 0), (3, 6, -1)):
        assert schedule_doubt(BlobSchedule(0, target, limit, fraction)) is not None


def test_fork_ids_are_those_that_clients_announce() -> None:
    """EIP-2124 hashes cover every fork number, so an equal hash proves the whole table."""
    far = 2**40
    assert fork_id(MAINNET, far) == "0x07c9462e"
    assert fork_id(MAINNET, MAINNET.time_of("cancun")) == "0x9f3d2254"
    assert fork_id(SEPOLIA, far) == "0x6c1d9423"
    assert fork_id(SEPOLIA, SEPOLIA.time_of("bpo2")) == "0x268956b6"
    assert fork_id(HOODI, HOODI.time_of("prague")) == "0x0929e24e"
    assert fork_id(HOODI, far) == "0x23aa1351"


def test_forks_are_found_under_all_their_names() -> None:
    for names in (
        ("merge", "Paris"),
        ("DENCUN", "cancun"),
        ("pectra", "Electra"),
        ("fusaka", "osaka", "fulu"),
    ):
        assert len({MAINNET.fork(name) for name in names} - {None}) == 1
    assert MAINNET.fork("nonsense") is None
    assert MAINNET.fork("glamsterdam") is None
    assert SEPOLIA.time_of("glamsterdam") == 1_791_294_816
    for chain in CHAINS.values():
        names = [name for fork in chain.forks for name in (fork.name, *fork.aliases)]
        assert len(names) == len(set(names))
        times = [fork.time for fork in chain.forks if fork.time is not None]
        assert times == sorted(times)
