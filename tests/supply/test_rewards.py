"""Rewards before the Merge through the whole path: a node's answers, the store, net change, total supply."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.chain.endpoints import Endpoints
from monitor.domain import Block, BlockRef
from monitor.errors import NodeError
from monitor.issued import IssuanceSource
from monitor.past.rewards import read_rewards
from monitor.store import frames, identity, ledger, rewards
from monitor.store.database import Database
from monitor.supply.burn import BurnTotal
from monitor.supply.forks import MAINNET, SEPOLIA
from monitor.supply.issuance import Measured
from monitor.supply.pow import block_reward_wei
from monitor.supply.total import SupplyAnchor, TotalSupply, net_change, total_supply
from monitor.units import BlockNumber, Wei
from tests.support.block_rows import row_of_header
from tests.support.clock import ManualClock
from tests.support.databases import chain, new_database
from tests.support.recorded_node import RecordedNode, from_record
from tests.support.rpc_server import RpcServer

LAST_POW = 35
ETH = 10**18
ZERO = "0x" + "00" * 32


class UncleNode(RecordedNode):
    """The hive chain's node, uncles included."""

    def __init__(self, blocks: list[dict[str, Any]]) -> None:
        super().__init__([_as_node_gives_it(one) for one in blocks], chain_id=1337)
        self.uncles = {one["number"]: one["uncle_numbers"] for one in blocks}

    def _get_uncle_count_by_block_number(self, number: str) -> str:
        return hex(len(self.uncles[int(number, 16)]))

    def _get_uncle_by_block_number_and_index(self, number: str, index: str) -> dict[str, str]:
        return {"number": hex(self.uncles[int(number, 16)][int(index, 16)])}


def _as_node_gives_it(one: dict[str, Any]) -> dict[str, Any]:
    return from_record({**one, "parentHash": ZERO, "n_tx": one["txs"]})


def hive_reward(number: BlockNumber) -> Wei:
    return block_reward_wei(number, byzantium=9, constantinople=12)


@pytest.fixture(scope="module")
def hive(shared_data: Path) -> dict[str, Any]:
    return json.loads((shared_data / "supply/hive_chain_supply.json").read_text())


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with new_database(tmp_path / "ethmon.db") as database:
        yield database


def test_missing_rewards_are_the_holes(db: Database) -> None:
    assert rewards.missing(db, 5, 9) == [(5, 9)]
    rewards.save(db, [(n, 0, 2 * ETH) for n in (1, 2, 5, 8, 9, 12)])
    assert rewards.missing(db, 1, 14) == [(3, 4), (6, 7), (10, 11), (13, 14)]
    assert rewards.missing(db, 5, 9) == [(6, 7)]
    assert rewards.missing(db, 3, 9) == [(3, 4), (6, 7)]
    assert rewards.missing(db, 8, 9) == []
    assert rewards.missing(db, 9, 8) == []


def test_a_reorg_takes_rewards_back(db: Database) -> None:
    blocks = chain(1, 20)
    ledger.append(db, blocks, 1)
    rewards.save(db, [(n, 0, 2 * ETH) for n in range(1, 21)])
    new = chain(16, 21, branch="b", parent_branch="")
    ledger.replace_branch(db, blocks[14].ref, new, 2)
    assert rewards.total(db, 1, 99).blocks == 15


def test_a_mined_block_has_the_reward_of_its_own_chain() -> None:
    edges = (1, 4_369_999, 4_370_000, 7_279_999, 7_280_000, 15_537_393)
    assert [MAINNET.mined_wei(BlockNumber(number)) // ETH for number in edges] == [5, 5, 3, 3, 2, 2]
    assert SEPOLIA.mined_wei(BlockNumber(1)) == 2 * ETH  # all forks were there from the first block on


def test_a_reward_is_whole_gwei_or_refused(db: Database) -> None:
    with pytest.raises(ValueError, match="whole gwei"):
        rewards.save(db, [(1, 0, ETH + 1)])


@pytest.mark.shared
def test_the_hive_chains_rewards_and_supply_are_exact_through_node_and_store(
    hive: dict[str, Any], db: Database
) -> None:
    """Real blocks by geth, Frontier to BPO2: read over HTTP, stored, summed."""
    blocks = hive["blocks"]
    with RpcServer(UncleNode(blocks)) as server:
        source = Endpoints([server.url], clock=ManualClock())
        done = read_rewards(source, db, 1, LAST_POW, cancel=threading.Event(), reward=hive_reward)
        source.close()
    assert done == LAST_POW
    found = rewards.total(db, 1, LAST_POW)
    assert found.uncles == 18
    assert found.issued_wei == sum(int(one["reward_wei"]) for one in blocks)

    identity.bind_chain(db, 1337, None, 1)
    ledger.append(db, _linked(blocks), 1)
    stored = frames.frame_of_blocks(db, 1, blocks[-1]["number"]).totals
    pow_wei = IssuanceSource(db, None).pow_wei(1, blocks[-1]["number"])
    # The chain's blob fees are in the record; rows of its headers have none.
    blob = sum(int(one["burn_blob_wei"]) for one in blocks)
    burn = BurnTotal(stored.burn_wei, Wei(blob), stored.blocks, 0, 0)
    paid_out = sum(int(one["withdrawals_wei"]) for one in blocks) // 10**9
    change = net_change(Measured(paid_out), burn, pow_wei)
    supply = total_supply(SupplyAnchor(0, 0, int(hive["genesis_alloc_wei"]), 0, "genesis"), [change])
    assert isinstance(supply, TotalSupply)
    assert supply.low_wei == supply.high_wei == int(hive["final_expected_wei_excl_selfdestruct"])


def _linked(blocks: list[dict[str, Any]]) -> list[Block]:
    linked: list[Block] = []
    parent = ZERO
    for one in blocks:
        row = row_of_header({**one, "blobGasUsed": None, "excessBlobGas": None})
        linked.append(Block(BlockRef(row.number, one["hash"], parent, row.timestamp), row))
        parent = one["hash"]
    return linked


@pytest.mark.shared
def test_reading_goes_on_where_it_was_stopped(hive: dict[str, Any], db: Database) -> None:
    node = UncleNode(hive["blocks"])
    with RpcServer(node) as server:
        source = Endpoints([server.url], clock=ManualClock())
        cancel = threading.Event()
        cancel.set()
        assert read_rewards(source, db, 1, LAST_POW, cancel=cancel, reward=hive_reward) == 0
        assert read_rewards(source, db, 10, 20, cancel=threading.Event(), reward=hive_reward) == 11
        node.uncles[30] = [30]
        with pytest.raises(NodeError):
            read_rewards(source, db, 1, LAST_POW, cancel=threading.Event(), reward=hive_reward)
        assert rewards.missing(db, 1, LAST_POW) == [(21, LAST_POW)]  # what came before the lie is kept
        source.close()
