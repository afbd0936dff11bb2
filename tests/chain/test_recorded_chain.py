"""Real mainnet blocks go through the code of live blocks: node, endpoints, checks, rows, burn."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from monitor.chain.blocks import BLOCK, to_blocks
from monitor.chain.endpoints import Endpoints
from monitor.chain.rpc import Call
from monitor.chain.schedule import BlobFees
from monitor.domain import BlobSchedule, Block
from monitor.errors import BadAnswer
from monitor.supply.burn import burn_of, check_child
from monitor.supply.forks import MAINNET
from monitor.units import BlockHash, BlockNumber, UnixTime
from tests.support.clock import ManualClock
from tests.support.recorded_node import JsonBlock, RecordedNode, from_record, recorded
from tests.support.rpc_server import RpcServer

pytestmark = pytest.mark.shared

FULL_HEADERS = (
    "blocks/fork_boundary_headers.json",
    "blocks/consecutive_18090205_18090218_full_headers.json",
    "supply/mainnet_headers_forks.json",
)


@contextmanager
def serve(blocks: list[JsonBlock]) -> Iterator[Endpoints]:
    with RpcServer(RecordedNode(blocks)) as server:
        fees = BlobFees(MAINNET.schedules)
        with Endpoints([server.url], clock=ManualClock(), chain_id=1, blob_fee=fees) as pool:
            yield pool


def live(pool: Endpoints, number: int) -> Block:
    block = pool.blocks(BlockNumber(number), BlockNumber(number))[0]
    assert block is not None
    return block


def numbers(blocks: list[JsonBlock]) -> list[int]:
    return [int(block["number"], 16) for block in blocks]


@pytest.mark.parametrize("name", FULL_HEADERS)
def test_every_recorded_block_is_under_its_hash_and_read_exactly(shared_data: Path, name: str) -> None:
    blocks = recorded(shared_data / name)
    assert len(blocks) >= 8
    with serve(blocks) as pool:
        for json_block in blocks:
            block = live(pool, int(json_block["number"], 16))
            assert block == pool.block_by_hash(BlockHash(json_block["hash"]))
            row = block.row
            for field, value in (
                ("gasUsed", row.gas_used),
                ("gasLimit", row.gas_limit),
                ("timestamp", row.timestamp),
                ("baseFeePerGas", row.base_fee_wei),
                ("blobGasUsed", row.blob_gas_used),
                ("excessBlobGas", row.excess_blob_gas),
            ):
                assert value == (int(json_block[field], 16) if field in json_block else None)
            expected = (row.base_fee_wei or 0) * row.gas_used
            assert burn_of(row).base_wei == expected


def test_the_london_block_burned_what_the_record_says(shared_data: Path) -> None:
    with serve(recorded(shared_data / "supply/mainnet_headers_forks.json")) as pool:
        assert burn_of(live(pool, 12_965_000).row).base_wei == 30_025_257 * 10**9  # 0.030025257 ETH
        first_blob = live(pool, 19_426_589).row
        assert (first_blob.blob_gas_used, first_blob.blob_base_fee_wei) == (131_072, 1)


def test_neighbours_link_and_follow_the_fee_rules(shared_data: Path) -> None:
    boundary = recorded(shared_data / FULL_HEADERS[0])
    consecutive = recorded(shared_data / FULL_HEADERS[1])
    checked = 0
    with serve([*boundary, *consecutive]) as pool:
        known = sorted(numbers([*boundary, *consecutive]))
        for first, second in itertools.pairwise(known):
            if second != first + 1:
                continue
            parent, child = live(pool, first), live(pool, second)
            assert child.ref.parent_hash == parent.ref.hash
            schedule = next(
                (s for s in reversed(MAINNET.schedules) if s.activation_time <= child.ref.timestamp), None
            )
            osaka = MAINNET.is_active("osaka", child.ref.timestamp)
            assert list(check_child(parent.row, child.row, schedule, eip7918=osaka)) == []
            checked += 1
    assert checked == 5 + 13


def test_one_wrong_digit_in_a_recorded_header_is_refused(shared_data: Path) -> None:
    blocks = recorded(shared_data / FULL_HEADERS[1])
    for name in ("gasUsed", "baseFeePerGas", "timestamp", "stateRoot", "parentHash"):
        digit = "1" if blocks[3][name][-1] != "1" else "2"
        with serve([{**blocks[3], name: blocks[3][name][:-1] + digit}]) as pool, pytest.raises(BadAnswer):
            live(pool, int(blocks[3]["number"], 16))


def test_385_headers_of_all_forks_become_the_rows_of_the_record(shared_data: Path) -> None:
    with (shared_data / "blocks" / "headers_verified.csv").open() as file:
        rows = list(csv.DictReader(file))
    with serve([_from_csv(row) for row in rows]) as pool:
        calls = [Call("eth_getBlockByNumber", [hex(int(row["number"])), False]) for row in rows]
        answers = pool.batch(calls, BLOCK)
        for row, answer in zip(rows, answers, strict=True):
            block = to_blocks([answer], int(row["number"]), pool.blob_fee, "node")[0]
            assert block is not None
            read = block.row
            assert block.ref.parent_hash == row["parentHash"]
            assert [read.gas_used, read.base_fee_wei, read.excess_blob_gas] == [
                _number(row[name]) for name in ("gasUsed", "baseFeePerGas", "excessBlobGas")
            ]
            if row["n_tx"]:
                assert read.tx_count == int(row["n_tx"])
            if row["n_withdrawals"]:
                assert (read.withdrawal_count, read.withdrawals_gwei) == (
                    int(row["n_withdrawals"]),
                    int(row["withdrawals_gwei"]),
                )
            assert (read.blob_base_fee_wei is None) == (row["excessBlobGas"] == "")


def _number(text: str) -> int | None:
    return int(text) if text else None


def _from_csv(row: dict[str, str]) -> JsonBlock:
    header: dict[str, Any] = {
        "number": int(row["number"]),
        "timestamp": int(row["timestamp"]),
        "gasUsed": int(row["gasUsed"]),
        "gasLimit": int(row["gasLimit"]),
        "hash": row["hash"],
        "parentHash": row["parentHash"],
        "n_tx": int(row["n_tx"] or 0),
    }
    header |= {
        name: int(row[name]) for name in ("baseFeePerGas", "blobGasUsed", "excessBlobGas") if row[name]
    }
    if row["withdrawalsRoot"]:
        count, total = int(row["n_withdrawals"] or 0), int(row["withdrawals_gwei"] or 0)
        shares = [total - (count - 1)] + [1] * (count - 1) if count else []
        header |= {
            "withdrawalsRoot": row["withdrawalsRoot"],
            "withdrawals": [(0, 0, "0x" + "00" * 20, gwei) for gwei in shares],
        }
    return from_record(header)


def test_the_burn_of_a_chain_with_every_fork_from_london_to_bpo2(shared_data: Path) -> None:
    """The clients' own test chain: 54 blocks, a fork every few of them; headers without all fields."""
    record = json.loads((shared_data / "supply" / "hive_chain_supply.json").read_text())
    times = (
        (420, 3, 6, 3_338_477),
        (450, 6, 9, 5_007_716),
        (510, 10, 15, 8_346_193),
        (540, 14, 21, 11_684_671),
    )
    fees = BlobFees(tuple(BlobSchedule(UnixTime(time), *rest) for time, *rest in times))
    parent = "0x" + "00" * 32
    blocks: list[JsonBlock] = []
    for row in record["blocks"]:
        block = from_record({**row, "parentHash": parent, "n_tx": row["txs"]})
        blocks.append(block)
        parent = row["hash"]
    with serve(blocks) as pool:
        calls = [Call("eth_getBlockByNumber", [block["number"], False]) for block in blocks]
        read = to_blocks(pool.batch(calls, BLOCK), 1, fees, "node")
    blob_burns = 0
    for block, row in zip(read, record["blocks"], strict=True):
        assert block is not None
        burn = burn_of(block.row)
        assert (burn.base_wei, burn.blob_wei) == (int(row["burn1559_wei"]), int(row["burn_blob_wei"]))
        assert block.row.tx_count == row["txs"]
        blob_burns += burn.blob_wei > 0
    assert blob_burns > 3
