"""Real mainnet headers, fee histories and tracer rows against our rules."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.domain import BlobSchedule
from monitor.supply.blobs import (
    GAS_PER_BLOB,
    blob_base_fee_wei,
    excess_blob_gas,
    fake_exponential,
    schedule_at,
)
from monitor.supply.burn import base_burn_wei, burn_of, check_child, next_base_fee_wei
from monitor.supply.forks import MAINNET
from tests.support.block_rows import row_of_header

pytestmark = pytest.mark.shared

HIVE_SCHEDULES = tuple(
    BlobSchedule(*row)
    for row in ((420, 3, 6, 3338477), (450, 6, 9, 5007716), (510, 10, 15, 8346193), (540, 14, 21, 11684671))
)


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def mainnet_row(header: dict[str, Any]) -> Any:
    time = header["timestamp"]
    return row_of_header(
        header, schedule_at(MAINNET.schedules, time if isinstance(time, int) else int(time, 0))
    )


def findings(headers: list[dict[str, Any]]) -> list[Any]:
    """What every neighbour in `headers` breaks, under mainnet's rules."""
    rows = [mainnet_row(header) for header in headers]
    return [
        finding
        for parent, child in itertools.pairwise(rows)
        for finding in check_child(
            parent,
            child,
            schedule_at(MAINNET.schedules, child.timestamp),
            eip7918=MAINNET.is_active("osaka", child.timestamp),
        )
    ]


def test_pairs_at_every_fork_boundary_break_no_rule(shared_data: Path) -> None:
    headers = read(shared_data / "blocks/fork_boundary_headers.json")
    pairs = list(zip(headers[::2], headers[1::2], strict=True))
    assert len(pairs) == 5
    for parent, child in pairs:
        assert child["parentHash"] == parent["hash"]
        assert findings([parent, child]) == []


def test_consecutive_headers_break_no_rule(shared_data: Path) -> None:
    headers = read(shared_data / "blocks/consecutive_18090205_18090218_full_headers.json")
    assert len(headers) == 14
    assert findings(headers) == []


def test_a_changed_header_is_found(shared_data: Path) -> None:
    headers = read(shared_data / "blocks/consecutive_18090205_18090218_full_headers.json")
    headers[5]["gasUsed"] += 21_000
    broken = findings(headers)
    assert [(finding.rule, finding.number) for finding in broken] == [("base_fee", headers[6]["number"])]
    assert broken[0].found == headers[6]["baseFeePerGas"] != broken[0].expected


def test_five_thousand_base_fees_follow_each_other(shared_data: Path) -> None:
    with (shared_data / "blocks/basefee_series_23662367_23667365.csv").open() as lines:
        rows = [row_of_header(line) for line in csv.DictReader(lines)]
    assert len(rows) == 4_999
    for parent, child in itertools.pairwise(rows):
        assert check_child(parent, child, None, eip7918=False) == ()


def test_every_verified_header_has_a_possible_burn(shared_data: Path) -> None:
    """The fee that the schedule of the time gives is in the range that mainnet has seen."""
    with (shared_data / "blocks/headers_verified.csv").open() as lines:
        rows = [mainnet_row(line) for line in csv.DictReader(lines)]
    with_blobs = [row for row in rows if row.excess_blob_gas is not None]
    assert len(with_blobs) > 150
    for row in with_blobs:
        assert 1 <= row.blob_base_fee_wei < 10**12
    for row in rows:
        is_london = row.number >= 12_965_000
        assert (row.base_fee_wei is not None) is is_london
        assert (burn_of(row).total_wei > 0) is (is_london and row.gas_used > 0)


def test_a_stale_fraction_shows_in_every_block_since_bpo2(shared_data: Path) -> None:
    """The commonest bug of the field: with Prague's fraction the blob fee is off by orders of magnitude."""
    with (shared_data / "blocks/headers_verified.csv").open() as lines:
        rows = [mainnet_row(line) for line in csv.DictReader(lines)]
    after = [row for row in rows if MAINNET.is_active("bpo2", row.timestamp) and row.excess_blob_gas > 10**8]
    assert after
    for row in after:
        assert blob_base_fee_wei(row.excess_blob_gas, 5_007_716) > 1_000 * row.blob_base_fee_wei


def test_known_headers_burn_what_is_known_of_them(shared_data: Path) -> None:
    rows = {row.number: row for row in map(mainnet_row, (
        entry["header"] for entry in read(shared_data / "supply/mainnet_headers_forks.json")["headers"]
    ))}  # fmt: skip
    assert base_burn_wei(rows[12_965_000]) == 30_025_257 * 10**9
    first_blob = rows[19_426_589]
    assert burn_of(first_blob).blob_wei == GAS_PER_BLOB * 1
    assert rows[19_426_587].blob_gas_used == 0


@pytest.mark.parametrize(
    "name",
    [
        "mainnet_13090575_2blocks_london",
        "mainnet_14185379_4blocks_london",
        "mainnet_20491231_10blocks_dencun",
        "mainnet_22367938_4blocks_dencun_36M",
    ],
)
def test_fee_histories_follow_the_rules(shared_data: Path, name: str) -> None:
    history = read(shared_data / f"fee_history/{name}.json")
    result = history["result"]
    fees = [int(fee, 16) for fee in result["baseFeePerGas"]]
    for fee, following, (limit, used), ratio in zip(
        fees, fees[1:], history["check"]["recovered_gasLimit_gasUsed"], result["gasUsedRatio"], strict=False
    ):
        assert used / limit == ratio
        assert next_base_fee_wei(limit, used, fee) == following
    if "dencun" in name:
        check_blob_history(history)


def check_blob_history(history: dict[str, Any]) -> None:
    schedule = MAINNET.schedules[0]
    result = history["result"]
    fees = [int(fee, 16) for fee in result["baseFeePerBlobGas"]]
    intervals = history["check"]["excessBlobGas_interval"]
    for fee, following, ratio, (low, high) in zip(
        fees, fees[1:], result["blobGasUsedRatio"], intervals, strict=False
    ):
        used = round(ratio * schedule.max) * GAS_PER_BLOB
        excesses = {
            excess_blob_gas(low, used, 0, schedule, eip7918=False),
            excess_blob_gas(high, used, 0, schedule, eip7918=False),
        }
        assert blob_base_fee_wei(low, schedule.base_fee_update_fraction) == fee
        assert blob_base_fee_wei(high, schedule.base_fee_update_fraction) == fee
        assert following in {
            blob_base_fee_wei(excess, schedule.base_fee_update_fraction) for excess in excesses
        }


def test_the_geth_tracer_burned_what_our_rules_say(shared_data: Path) -> None:
    """83 linked rows of geth's own supply tracer, without their headers.

    A row is base fee times gas, and each base fee follows from the one before: of all divisors of
    the first row exactly one base fee explains all the others, to the wei.
    """
    rows = read(shared_data / "beacon/geth_supply_tracer_17675xxx.json")
    burns = [int(row["burn"]["1559"], 16) for row in rows]
    assert all(child["parentHash"] == parent["hash"] for parent, child in itertools.pairwise(rows))
    gas = np.arange(21_000, 30_000_001, dtype=np.int64)
    starts = [burns[0] // int(used) for used in gas[burns[0] % gas == 0]]
    assert len(starts) == 6
    assert [start for start in starts if explains(start, burns)] == [13_959_756_589]


def explains(base_fee: int, burns: list[int]) -> bool:
    limit = 30_000_000
    for burn in burns:
        used, rest = divmod(burn, base_fee)
        if rest or used > limit:
            return False
        base_fee = next_base_fee_wei(limit, used, base_fee)
    return True


def test_published_blob_vectors(shared_data: Path) -> None:
    vectors = read(shared_data / "supply/blob_fee_vectors.json")
    fake = vectors["fake_exponential [factor,numerator,denominator,want]"]
    assert len(fake) == 15
    for factor, numerator, denominator, want in fake:
        assert fake_exponential(factor, numerator, denominator) == want
    for key, fraction in (
        ("cancun_blob_base_fee [excess,wei] fraction 3338477", 3_338_477),
        ("prague [excess,wei] fraction 5007716", 5_007_716),
        ("bpo2_real_mainnet [excess,wei] fraction 11684671", 11_684_671),
    ):
        for excess, want in vectors[key]:
            assert blob_base_fee_wei(excess, fraction) == want
    for case in vectors["calc_excess_blob_gas"]:
        parent, schedule = case["parent"], case["schedule"]
        assert case["want_excess"] == excess_blob_gas(
            parent["excessBlobGas"],
            parent["blobGasUsed"],
            parent["baseFeePerGas"],
            BlobSchedule(0, schedule["target"], schedule["max"], schedule["fraction"]),
            eip7918=case["osaka"],
        )


def test_the_published_mainnet_schedule_is_ours(shared_data: Path) -> None:
    for entry in read(shared_data / "supply/blob_schedule_mainnet.json")["mainnet"]:
        schedule = schedule_at(MAINNET.schedules, entry["time"])
        assert MAINNET.time_of(entry["name"]) == entry["time"]
        assert (schedule.target, schedule.max) == (entry["target"], entry["max"])
        assert schedule.base_fee_update_fraction == entry["baseFeeUpdateFraction"]


def test_the_hive_chain_from_frontier_to_bpo2(shared_data: Path) -> None:
    """Every rule and every burn of 54 real client-made blocks that cross all forks."""
    blocks = read(shared_data / "supply/hive_chain_supply.json")["blocks"]
    rows = [row_of_header(block, schedule_at(HIVE_SCHEDULES, block["timestamp"])) for block in blocks]
    for block, row in zip(blocks, rows, strict=True):
        assert burn_of(row) == (int(block["burn1559_wei"]), int(block["burn_blob_wei"]))
    for parent, child in itertools.pairwise(rows):
        schedule = schedule_at(HIVE_SCHEDULES, child.timestamp)
        assert check_child(parent, child, schedule, eip7918=child.timestamp >= 480) == ()
