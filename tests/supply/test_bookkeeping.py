"""Issuance by our own ledger: deposit logs over HTTP, rows, withdrawals, and the estimate made of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.chain.endpoints import Endpoints
from monitor.issued import IssuanceSource
from monitor.past.deposits import read_deposit_ranges
from monitor.store import events, flows, identity, issuance, ledger, rollback
from monitor.store.database import Database
from monitor.store.flows import DepositRange
from monitor.supply.consensus import max_issuance_per_epoch
from monitor.supply.deposits import DEPOSIT_COUNT, DEPOSIT_TOPIC
from monitor.supply.forks import MAINNET
from monitor.supply.issuance import ConsensusTotal, Estimated, Method, Unknown
from monitor.units import UnixTime
from tests.support.clock import ManualClock
from tests.support.databases import chain, new_database, ref
from tests.support.recorded_node import RecordedNode, child_of, synthetic
from tests.support.rpc_server import RefusalError, RpcServer

LENGTH = 400
BLOCKS = synthetic(LENGTH)
START = UnixTime(int(BLOCKS[0]["timestamp"], 16))
ETH = 10**9


class DepositNode(RecordedNode):
    """A mainnet node whose deposit contract logged one deposit of 32 ETH in every tenth block."""

    def __init__(self) -> None:
        super().__init__(BLOCKS, chain_id=1)
        self.refuses = False
        self.hides: set[int] = set()
        self.pruned = False

    def _get_logs(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        if self.refuses:
            raise RefusalError(-32005, "query returned more than 10000 results")
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        assert wanted["topics"] == [DEPOSIT_TOPIC]
        numbers = [
            number for number in range(first, last + 1) if number % 10 == 0 and number not in self.hides
        ]
        return [
            {
                "data": "0x" + deposit(number // 10, 32 * ETH).hex(),
                "blockNumber": hex(number),
                "logIndex": "0x0",
                "address": MAINNET.deposit_contract,
            }
            for number in numbers
        ]

    def _call(self, call: dict[str, str], at: Any, overrides: Any = None) -> str:
        assert (call["to"], call["data"]) == (MAINNET.deposit_contract, DEPOSIT_COUNT)
        assert overrides is None
        if self.pruned:
            raise RefusalError(-32000, "missing trie node 0ab1 (path ) state is not available")
        count = int(at, 16) // 10 + 1
        return (
            "0x"
            + (32).to_bytes(32, "big").hex()
            + (8).to_bytes(32, "big").hex()
            + count.to_bytes(8, "little").hex()
            + "00" * 24
        )


def deposit(index: int, gwei: int) -> bytes:
    """DepositEvent's data as the contract encodes it: five bytes fields behind their offsets."""
    fields = (
        b"\x01" * 48,
        b"\x02" * 32,
        gwei.to_bytes(8, "little"),
        b"\x03" * 96,
        index.to_bytes(8, "little"),
    )
    head, tail = b"", b""
    for field in fields:
        head += (160 + len(tail)).to_bytes(32, "big")
        tail += len(field).to_bytes(32, "big") + field + b"\x00" * (-len(field) % 32)
    return head + tail


class World:
    """A node, and our ledger of it up to the head."""

    def __init__(self, node: DepositNode, url: str, db: Database) -> None:
        self.node, self.db, self.clock = node, db, ManualClock(START)
        self.source = Endpoints([url], clock=self.clock)
        identity.bind_chain(db, 1, None, START)
        for first in range(0, LENGTH, 100):
            blocks = self.source.blocks(first, first + 99)
            ledger.append(db, [one for one in blocks if one], START)

    def read(self, most: int = 99) -> int:
        return read_deposit_ranges(self.db, self.source, self.clock, range_blocks=50, most_ranges=most)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    node = DepositNode()
    with RpcServer(node) as server, new_database(tmp_path / "ethmon.db") as db:
        found = World(node, server.url, db)
        yield found
        found.source.close()


def test_whole_finalized_ranges_are_read_once(world: World) -> None:
    assert world.read(3) == 3
    assert world.read() == 4  # 1-50 ... 301-350; 351-400 is not there, let alone finalized
    assert world.read() == 0
    newest = flows.newest(world.db)
    assert newest == (301, 350, 5 * 32 * ETH, 36)


def test_a_range_waits_until_its_last_block_is_final(world: World) -> None:
    world.node.finality = LENGTH - 1 - 149
    assert world.read() == 2
    world.node.finality = LENGTH - 1 - 150
    assert world.read() == 1
    assert flows.newest(world.db).last == 150


def test_parts_have_the_deposits_and_withdrawals_of_their_blocks(world: World) -> None:
    world.read()
    (part,) = flows.parts(world.db, START)
    assert (part.start, part.end) == (START, START + 12 * 350)
    assert part.deposits_gwei == 35 * 32 * ETH
    assert part.withdrawals_gwei == 350 * 0x1234


def test_a_missing_log_is_an_event_and_no_row(world: World) -> None:
    world.read(1)
    world.node.hides = {70}
    assert world.read() == 0
    assert flows.newest(world.db).last == 50
    assert events.events(world.db, 1)[0].kind == "deposits_failed"
    world.node.hides = set()
    assert world.read() == 6


@pytest.mark.parametrize("hidden", [{100}, {350}, {340, 350, 360}, {350, 360}, set(range(300, 370))])
@pytest.mark.parametrize("pruned", [False, True])
def test_logs_hidden_at_the_end_of_a_range_are_an_event_and_no_number(
    world: World, hidden: set[int], pruned: bool
) -> None:
    """Nothing after them has a number in their place: another range has, or the contract's own count."""
    world.node.hides, world.node.pruned = hidden, pruned
    undetectable = (
        pruned and 360 in hidden
    )  # neither a later log nor a count: until the next block with a deposit
    world.read()
    failed = [one for one in events.events(world.db, 5) if one.kind == "deposits_failed"]
    assert bool(failed) is not undetectable
    if not undetectable:
        saved = world.db.rows("SELECT first_block, last_block, deposits_gwei FROM deposit_range")
        assert all(gwei == 5 * 32 * ETH for _, _, gwei in saved)
        assert not any(first <= number <= last for first, last, _ in saved for number in hidden)
    world.node.hides = set()
    if not undetectable:
        world.read()
        assert flows.newest(world.db) == (301, 350, 5 * 32 * ETH, 36)


def test_a_node_without_old_state_is_read_as_far_as_before(world: World) -> None:
    world.node.pruned = True
    assert world.read(3) == 3
    assert world.read() == 4


def test_a_node_that_refuses_logs_leaves_the_estimate_by_drift(world: World) -> None:
    world.node.refuses = True
    assert world.read() == 0
    found = IssuanceSource(world.db, (36_000_000, START)).issued(START, UnixTime(START + 3_600))
    assert isinstance(found, Estimated)
    assert found.method is Method.DRIFT


def test_a_reorg_below_takes_ranges_back(world: World) -> None:
    world.read()
    with world.db.transaction():
        rollback.empty_above(world.db, 210)
    assert flows.newest(world.db).last == 200


def test_two_months_of_bookkeeping_are_narrower_than_drift(tmp_path: Path) -> None:
    """A block an hour for sixty days, 32 ETH entering in each: what left is seen, so less can have left."""
    hours = 60 * 24
    with new_database(tmp_path / "x.db") as db:
        identity.bind_chain(db, 1, None, START)
        ledger.append(db, chain(0, hours, seconds=3_600), START)
        first, last = (ref(number, seconds=3_600).timestamp for number in (0, hours))
        drift = IssuanceSource(db, (36_000_000, first)).issued(first, last)
        for day in range(60):
            flows.save(db, DepositRange(24 * day + 1, 24 * day + 24, 24 * 32 * ETH, None))
        found = IssuanceSource(db, (36_000_000, first)).issued(first, last)
    assert isinstance(drift, Estimated)
    assert isinstance(found, Estimated)
    assert (drift.method, found.method) == (Method.DRIFT, Method.BOOKKEEPING)
    assert (found.high_gwei - found.low_gwei) * 4 < (drift.high_gwei - drift.low_gwei) * 3
    # Little left and the queue is short: the stake is about what it was, less what compounds.
    truth = max_issuance_per_epoch(36_000_000 * ETH) * (last - first) // 384 * 98 // 100
    assert found.low_gwei < truth < found.high_gwei


def test_after_the_last_sample_its_balances_are_the_anchor(world: World) -> None:
    """A beacon node that went away hours ago: its last word is carried on by the ledger."""
    sample = world.source.ref(10)
    total = ConsensusTotal(
        10, 10, sample.hash, sample.timestamp, 10, 36_000_000 * ETH, 0, 0, finalized=True
    )  # fmt: skip
    issuance.save(world.db, total, Unknown("the first sample"), None)
    assert world.read() == 7
    assert flows.parts(world.db, sample.timestamp)[0].start == sample.timestamp
    start, end = UnixTime(sample.timestamp + 600), UnixTime(START + 12 * (LENGTH - 1))
    found = IssuanceSource(world.db, None).issued(start, end)
    assert isinstance(found, Estimated)
    assert "beacon balances" in found.anchor
    perfect = max_issuance_per_epoch(36_000_000 * ETH) * (end - start) // 384
    assert found.low_gwei < perfect * 98 // 100 < found.high_gwei
    assert found.spread_gwei * 100 < found.middle_gwei * 6


RATE = 30_000
"""Gwei a second that each validator earns."""
SWEPT = 160


def swept_blocks(length: int) -> list[dict[str, Any]]:
    """Sixteen payouts a block to validators in turn, each of what it earned since its last one."""
    rows: list[dict[str, Any]] = []
    for number in range(length):
        turn = [64 * ((16 * number + place) % SWEPT) + place % 2 for place in range(16)]
        paid = [
            {
                "index": "0x1",
                "validatorIndex": hex(index),
                "address": "0x" + "22" * 20,
                "amount": hex(120 * RATE),
            }
            for index in turn
        ]
        rows.append(child_of(rows[-1] if rows else None, withdrawals=paid))
    return rows


def test_the_sweep_is_a_second_estimate_from_stored_payouts(tmp_path: Path) -> None:
    """Half of the payouts are to validators of the sample; the rate that they show is the truth."""
    node = DepositNode()
    blocks = swept_blocks(340)
    for one in blocks:
        node.add(one)
    for number in range(340, LENGTH):
        del node.blocks[number]
    with RpcServer(node) as server, new_database(tmp_path / "ethmon.db") as db:
        source = Endpoints([server.url], clock=ManualClock(START))
        identity.bind_chain(db, 1, None, START)
        ledger.append(
            db,
            [
                one
                for first in (0, 100, 200, 300)
                for one in source.blocks(first, min(first + 99, 319))
                if one
            ],
            START,
        )
        assert read_deposit_ranges(db, source, ManualClock(START), range_blocks=50) == 6
        source.close()
        assert db.row("SELECT count(*), count(DISTINCT validator_index) FROM payout") == (300 * 8, SWEPT // 2)
        known = IssuanceSource(db, (36_000_000, START))
        start, end = UnixTime(START + 600), UnixTime(START + 3_500)
        found = known.by_sweep(start, end)
        early = known.by_sweep(START, end)
    assert isinstance(found, Estimated)
    assert found.method is Method.SWEEP
    truth = RATE * 36_000_000 * ETH * (end - start) // (32 * ETH)
    assert found.low_gwei <= truth <= found.high_gwei
    assert found.spread_gwei * 20 < found.middle_gwei
    assert isinstance(early, Unknown)
    with new_database(tmp_path / "y.db") as empty:
        identity.bind_chain(empty, 1, None, START)
        assert isinstance(IssuanceSource(empty, (36_000_000, START)).by_sweep(start, end), Unknown)


def test_withdrawals_of_a_block_known_by_its_header_alone_are_not_known(tmp_path: Path) -> None:
    """Counted as none they would make issuance too low; before Shanghai there were none."""
    blocks = chain(10, 19)
    header = blocks[4]._replace(
        row=blocks[4].row._replace(tx_count=None, withdrawal_count=None, withdrawals_gwei=None)
    )
    early = blocks[5]._replace(row=blocks[5].row._replace(withdrawal_count=None, withdrawals_gwei=None))
    with new_database(tmp_path / "x.db") as db:
        ledger.append(db, [*blocks[:4], header, early, *blocks[6:]], START)
        paid = [one.row.withdrawals_gwei or 0 for one in blocks]
        assert issuance.withdrawn(db, blocks[0].ref.number, blocks[3].ref.number) == sum(paid[:4])
        assert issuance.withdrawn(db, blocks[3].ref.number, blocks[4].ref.number) is None
        assert issuance.withdrawn(db, blocks[5].ref.number, blocks[6].ref.number) == paid[6]
        assert issuance.withdrawn(db, blocks[6].ref.number, blocks[9].ref.number + 1) is None
