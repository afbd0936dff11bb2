"""A fork that nobody announced: blocks priced by the old schedule do not keep their price."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from monitor.chain.endpoints import Endpoints
from monitor.chain.schedule import BlobFees
from monitor.domain import BlobSchedule, GapKind
from monitor.repair import repair
from monitor.rule_check import RuleCheck
from monitor.store import gaps, history, ledger
from monitor.store.database import Database
from monitor.supply.blobs import blob_base_fee_wei
from monitor.units import BlobGas, BlockNumber, UnixTime
from tests.support.clock import ManualClock
from tests.support.databases import new_database
from tests.support.recorded_node import RecordedNode, child_of
from tests.support.rpc_server import RpcServer

EXCESS = 182_703_595
OLD, NEW = 11_684_671, 17_000_000


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


def test_blocks_since_the_last_look_are_priced_again(node: RecordedNode, db: Database) -> None:
    clock, rules = ManualClock(), RuleCheck()
    grow(node, OLD)
    with RpcServer(node) as server, Endpoints([server.url], clock=clock) as source:
        rules.run(db, source, clock)  # mainnet's table, which agrees
        store(db, source, clock)
        grow(node, NEW)
        store(db, source, clock)  # with the price of yesterday
        assert history.frame(db).totals.blob_burn_unknown == 0
        rules.run(db, source, clock)
        (record,) = gaps.open_gaps(db)
        assert (record.gap.kind, record.gap.first, record.gap.last) == (GapKind.BLOB_FEE, 7, 12)
        repair(source, db, clock, gaps.open_gaps(db), cancel=Event())
        assert history.frame(db).totals.blob_burn_unknown == 6  # in doubt, and no longer a wrong number
        source.blob_fee = BlobFees((BlobSchedule(UnixTime(0), 21, 32, NEW),))
        repair(source, db, clock, gaps.open_gaps(db), cancel=Event())
        assert gaps.open_gaps(db) == ()
        assert history.block(db, BlockNumber(9)).blob_base_fee_wei == blob_base_fee_wei(BlobGas(EXCESS), NEW)
        assert history.block(db, BlockNumber(6)).blob_base_fee_wei == blob_base_fee_wei(BlobGas(EXCESS), OLD)


def test_nothing_is_priced_again_while_the_schedule_holds(node: RecordedNode, db: Database) -> None:
    clock, rules = ManualClock(), RuleCheck()
    with RpcServer(node) as server, Endpoints([server.url], clock=clock) as source:
        for _ in range(3):
            grow(node, OLD)
            rules.run(db, source, clock)
            store(db, source, clock)
        assert gaps.open_gaps(db) == ()
