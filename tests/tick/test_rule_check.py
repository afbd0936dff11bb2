"""A fork that nobody announced: blocks counted by a rule that is gone do not keep their burn."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from monitor.chain.bulk import block_reader
from monitor.chain.connect import adopt_schedule
from monitor.chain.endpoints import Endpoints
from monitor.chain.schedule import BlobFees
from monitor.domain import BlobSchedule, BurnRule, GapKind
from monitor.past.gaps import repair
from monitor.rule_check import check_rules, resume
from monitor.store import gaps, history, ledger, rules
from monitor.store.database import Database
from monitor.supply.blobs import blob_base_fee_wei
from monitor.units import BlobGas, BlockNumber, UnixTime
from monitor.watch.own import own_readings
from tests.support.clock import ManualClock
from tests.support.databases import new_database
from tests.support.recorded_node import RecordedNode, child_of
from tests.support.rpc_server import RpcServer

EXCESS = 182_703_595
OLD, NEW = 11_684_671, 17_000_000
MISMATCH = "fork.gas_rule_mismatch"


@pytest.fixture
def node() -> RecordedNode:
    chain = [child_of(None, timestamp=1_786_618_000, excessBlobGas=EXCESS)]
    return RecordedNode(chain)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with new_database(tmp_path / "ethmon.db") as database:
        yield database


def grow(node: RecordedNode, fraction: int, blocks: int = 6) -> None:
    for _ in range(blocks):
        block = child_of(node.head, excessBlobGas=EXCESS, blobGasUsed=786_432)
        node.add(block)
        node.blob_fees[int(block["number"], 16)] = blob_base_fee_wei(BlobGas(EXCESS), fraction)


def store(db: Database, source: Endpoints, clock: ManualClock) -> None:
    newest, at = source.head().number, ledger.cursor(db)
    first = BlockNumber(0 if at is None else at.number + 1)
    ledger.append(db, [block for block in source.blocks(first, newest) if block], clock.now())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@contextmanager
def daemon(node: RecordedNode, db: Database, clock: ManualClock) -> Generator[Endpoints]:
    """What a process that starts now has: the schedule of today, and the doubts of the last one."""
    with RpcServer(node) as server, Endpoints([server.url], clock=clock) as source:
        adopt_schedule(source, source.head())
        resume(db, source)
        yield source


def test_blocks_since_the_last_look_are_priced_again(
    node: RecordedNode, db: Database, clock: ManualClock
) -> None:
    grow(node, OLD)
    with daemon(node, db, clock) as source:
        store(db, source, clock)
        check_rules(db, source, clock)  # mainnet's table, which agrees
        grow(node, NEW)
        store(db, source, clock)  # with the price of yesterday
        assert history.frame(db).totals.blob_burn_unknown == 0
        check_rules(db, source, clock)
        (record,) = gaps.open_gaps(db)
        assert (record.gap.kind, record.gap.first, record.gap.last) == (GapKind.BLOB_FEE, 7, 12)
        assert (
            history.frame(db).totals.blob_burn_unknown == 6
        )  # at once: in doubt, and no longer a wrong number
        source.blob_fee = BlobFees((BlobSchedule(UnixTime(0), 21, 32, NEW),))
        repair(source, db, clock, gaps.open_gaps(db), cancel=Event())
        assert gaps.open_gaps(db) == ()
        assert fee_of(db, 9) == blob_base_fee_wei(BlobGas(EXCESS), NEW)
        assert fee_of(db, 6) == blob_base_fee_wei(BlobGas(EXCESS), OLD)


def test_a_restart_across_the_fork_prices_what_the_last_process_left(
    node: RecordedNode, db: Database, clock: ManualClock
) -> None:
    grow(node, OLD)
    with daemon(node, db, clock) as source:
        store(db, source, clock)
        check_rules(db, source, clock)
        grow(node, NEW)
        store(db, source, clock)  # and the process ends before its next look
    with daemon(node, db, clock) as source:
        grow(node, NEW)
        store(db, source, clock)
        check_rules(db, source, clock)
        (record,) = gaps.open_gaps(db)
        assert (record.gap.first, record.gap.last) == (7, 12)  # of those after it, following told
        assert history.frame(db).totals.blob_burn_unknown == 12


def test_a_schedule_that_is_known_now_prices_without_a_gap(
    node: RecordedNode, db: Database, clock: ManualClock
) -> None:
    grow(node, OLD)
    with daemon(node, db, clock) as source:
        store(db, source, clock)
        check_rules(db, source, clock)
        grow(node, NEW)
        store(db, source, clock)
    began = int(node.blocks[7]["timestamp"], 16)
    rules_of_today = {"target": 14, "max": 21, "baseFeeUpdateFraction": NEW}
    node.config = {"current": {"activationTime": began, "blobSchedule": rules_of_today, "chainId": "0x1"}}
    with daemon(node, db, clock) as source:
        check_rules(db, source, clock)
        assert gaps.open_gaps(db) == ()
        assert [fee_of(db, number) for number in (6, 7)] == [
            blob_base_fee_wei(BlobGas(EXCESS), OLD),
            blob_base_fee_wei(BlobGas(EXCESS), NEW),
        ]
        assert history.frame(db).totals.blob_burn_wei == sum(
            (row.blob_base_fee_wei or 0) * (row.blob_gas_used or 0)
            for row in history.blocks(db, BlockNumber(0), BlockNumber(12))
        )


def test_a_block_that_may_still_be_replaced_is_looked_at_again(
    node: RecordedNode, db: Database, clock: ManualClock
) -> None:
    grow(node, OLD)
    with daemon(node, db, clock) as source:
        store(db, source, clock)
        ledger.prune(db, BlockNumber(4))
        check_rules(db, source, clock)
        assert rules.checked_to(db) == 4


def test_nothing_is_priced_again_while_the_rules_hold(
    node: RecordedNode, db: Database, clock: ManualClock
) -> None:
    with daemon(node, db, clock) as source:
        for _ in range(3):
            grow(node, OLD)
            before = db.connection.total_changes
            check_rules(db, source, clock)
            assert db.connection.total_changes - before <= 2  # where it looked, and nothing else
            store(db, source, clock)
        assert gaps.open_gaps(db) == ()


def test_base_burn_by_a_rule_that_is_gone_is_not_known(
    node: RecordedNode, db: Database, clock: ManualClock
) -> None:
    grow(node, OLD)
    with daemon(node, db, clock) as source:
        store(db, source, clock)
        check_rules(db, source, clock)
        exact = history.frame(db).totals.burn_wei
        grow(node, OLD)
        without_refunds(node, 7)
        store(db, source, clock)
        assert history.frame(db).totals.burn_unknown == 0
        check_rules(db, source, clock)
        (record,) = gaps.open_gaps(db)
        assert (record.gap.kind, record.gap.first, record.gap.last) == (GapKind.RECEIPTS, 7, 12)
        found = history.frame(db).totals
        assert (found.burn_unknown, found.burn_wei) == (6, exact)
        grow(node, OLD)
        without_refunds(node, 13)
        store(db, source, clock)  # following goes on, and says what it does not know
        assert history.frame(db).totals.burn_unknown == 12
        (told,) = (one for one in own_readings(db, source, clock.now(), "") if one.key == MISMATCH)
        assert (told.value, told.facts[0].label) == (1, "Cause")


def test_a_doubt_survives_a_restart_and_a_repair(
    node: RecordedNode, db: Database, clock: ManualClock
) -> None:
    grow(node, OLD)
    without_refunds(node, 1)
    with daemon(node, db, clock) as source:
        store(db, source, clock)
        check_rules(db, source, clock)
        assert history.frame(db).totals.burn_unknown == 1  # nobody knows what was before the first look
    with daemon(node, db, clock) as source:
        repair(source, db, clock, gaps.open_gaps(db), cancel=Event())
        assert history.frame(db).totals.burn_unknown == 1
        backfilled = block_reader(source, source.blob_fee)(BlockNumber(6), BlockNumber(6))[0]
        assert backfilled is not None
        assert backfilled.row.burn_rule is BurnRule.RECEIPTS
        assert backfilled.row.receipt_gas is None


def test_one_block_that_agrees_does_not_end_the_doubt(
    node: RecordedNode, db: Database, clock: ManualClock
) -> None:
    grow(node, OLD)
    without_refunds(node, 6)
    with daemon(node, db, clock) as source:
        store(db, source, clock)
        check_rules(db, source, clock)
        grow(node, OLD, 4)
        check_rules(db, source, clock)
        assert source.gas_doubt_since is not None
        grow(node, OLD, 1)
        check_rules(db, source, clock)
        assert source.gas_doubt_since is None
        store(db, source, clock)
        repair(source, db, clock, gaps.open_gaps(db), cancel=Event())
        assert gaps.open_gaps(db) == ()
        assert history.frame(db).totals.burn_unknown == 0
        (told,) = (one for one in own_readings(db, source, clock.now(), "") if one.key == MISMATCH)
        assert told.value == 0


def without_refunds(node: RecordedNode, first: int) -> None:
    """From `first` on receipts tell less gas than the header, as after EIP-7778."""
    for number, block in node.blocks.items():
        if number >= first:
            node.receipts[block["hash"]] = [21_000] * len(block["transactions"])


def fee_of(db: Database, number: int) -> int | None:
    row = history.block(db, BlockNumber(number))
    assert row is not None
    return row.blob_base_fee_wei
