"""The store equals the canonical chain after anything, and repair closes what it reads."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from threading import Event

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from monitor.chain.follower import SKIP_AFTER
from monitor.chain.incomplete import NO_GAS
from monitor.domain import Block, BlockRef, BurnRule, Gap, GapKind
from monitor.errors import BadAnswer, NodeError, NodeUnavailable
from monitor.past.gaps import due, repair
from monitor.store import gaps, history, ledger, maintenance
from monitor.store.database import Database, open_writer
from monitor.supply.burn import total_burn
from monitor.tick import Tick
from monitor.units import BlockNumber, UnixTime
from tests.support.clock import ManualClock
from tests.support.databases import new_database
from tests.support.simulated_node import SimulatedNode, make_block


class LedgerMachine(RuleBasedStateMachine):
    """Any order of mining, reorgs above finality, lag, outages, restarts and ticks on a real file."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.node = SimulatedNode(finality=20)
        self.clock = ManualClock()
        self.db = new_database(self.folder / "ethmon.db")
        self.tick = self._new_tick()
        self.salt = 1

    def _new_tick(self) -> Tick:
        return Tick(self.node, self.db, self.clock, start_blocks=0)

    @rule(count=st.integers(1, 8), slots=st.integers(1, 400))
    def mine(self, count: int, slots: int) -> None:
        for _ in range(count):
            self.salt += 1
            self.node.mine(self.salt, slots)

    @rule(depth=st.integers(1, 19), extra=st.integers(-3, 5))
    def reorg(self, depth: int, extra: int) -> None:
        self.salt += 100
        self.node.reorg(depth, max(1, depth + extra), self.salt)

    @rule(lag=st.integers(0, 5))
    def lag(self, lag: int) -> None:
        self.node.lag = lag

    @rule(calls=st.integers(0, 6))
    def tick_and_lose_the_node(self, calls: int) -> None:
        self.node.fail_after = calls
        with contextlib.suppress(NodeError):
            self.tick.run()
        self.node.fail_after = None

    @rule()
    def look(self) -> None:
        self.tick.run()

    @rule()
    def restart(self) -> None:
        self.db.close()
        self.db = open_writer(self.folder / "ethmon.db")
        self.tick = self._new_tick()

    @invariant()
    def rollups_are_the_rows(self) -> None:
        assert maintenance.rollup_problems(self.db) == ()

    def teardown(self) -> None:
        try:
            self._ends_equal()
        finally:
            self.db.close()
            shutil.rmtree(self.folder)

    def _ends_equal(self) -> None:
        self.node.lag = 0
        cursor = ledger.cursor(self.db)
        while cursor and len(self.node.chain) <= cursor.number + 1:
            self.salt += 1
            self.node.mine(self.salt)
        for _ in range(3):
            self.tick.run()
        found = history.blocks(self.db, BlockNumber(0), BlockNumber(len(self.node.chain)))
        rows = [block.row for block in self.node.chain[found[0].number :]]
        assert list(found) == rows
        kept = {ref.number: ref for ref in ledger.recent_refs(self.db)}
        assert all(self.node.chain[number].ref == ref for number, ref in kept.items())
        totals = history.frame(self.db).totals
        expected = total_burn(rows)
        assert (totals.burn_wei, totals.blob_burn_wei) == (expected.base_wei, expected.blob_wei)


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def db(tmp_path: Path) -> Database:
    with new_database(tmp_path / "ethmon.db") as database:
        yield database


def followed(node: SimulatedNode, db: Database, clock: ManualClock, looks: int = 1) -> Tick:
    tick = Tick(node, db, clock, start_blocks=0)
    for _ in range(looks):
        with contextlib.suppress(BadAnswer):
            tick.run()
    return tick


def test_an_unreadable_block_is_a_gap_until_it_can_be_read(db: Database, clock: ManualClock) -> None:
    node = SimulatedNode()
    for salt in range(10):
        node.mine(salt)
    tick = followed(node, db, clock)
    for salt in range(5):
        node.mine(salt)
    node.unreadable = {12}
    for _ in range(SKIP_AFTER + 1):
        with contextlib.suppress(BadAnswer):
            tick.run()
    tick.run()
    (record,) = gaps.open_gaps(db)
    assert record.gap == Gap(GapKind.BLOCKS, BlockNumber(12), BlockNumber(12), "gasUsed is missing")
    assert ledger.cursor(db) == node.chain[-1].ref

    repair(node, db, clock, gaps.open_gaps(db), cancel=Event())
    assert gaps.open_gaps(db)[0].attempts == 1

    node.unreadable = set()
    result = repair(node, db, clock, gaps.open_gaps(db), cancel=Event())
    assert (result.asked, result.closed) == (1, 1)
    assert gaps.open_gaps(db) == ()
    assert list(history.blocks(db, BlockNumber(0), BlockNumber(15))) == [block.row for block in node.chain]


def test_doubtful_blob_fees_are_mended_by_reading_again(db: Database, clock: ManualClock) -> None:
    node = SimulatedNode()
    for salt in range(6):
        node.mine(salt)
    sound = list(node.chain)
    node.chain = [Block(block.ref, block.row._replace(blob_base_fee_wei=None)) for block in sound]
    followed(node, db, clock)
    (record,) = gaps.open_gaps(db, GapKind.BLOB_FEE)
    assert (record.gap.first, record.gap.last) == (0, 6)
    assert history.frame(db).totals.blob_burn_unknown == 7
    node.chain = sound
    assert repair(node, db, clock, gaps.open_gaps(db), cancel=Event()).closed == 7
    assert history.frame(db).totals.blob_burn_unknown == 0


def test_one_bad_block_does_not_hide_its_neighbours(db: Database, clock: ManualClock) -> None:
    node = SimulatedNode()
    for salt in range(40):
        node.mine(salt)
    followed(node, db, clock)
    gaps.open_gap(db, Gap(GapKind.BLOCKS, BlockNumber(41), BlockNumber(60), "was down"), clock.now())
    for salt in range(25):
        node.mine(salt)
    node.unreadable = {50}
    repair(node, db, clock, gaps.open_gaps(db), cancel=Event())
    left = [(record.gap.first, record.gap.last) for record in gaps.open_gaps(db)]
    assert left == [(50, 50)]


def test_what_is_left_of_a_gap_waits_longer(db: Database, clock: ManualClock) -> None:
    node = SimulatedNode()
    for salt in range(3):
        node.mine(salt)
    followed(node, db, clock)
    gaps.open_gap(db, Gap(GapKind.BLOCKS, BlockNumber(4), BlockNumber(250), "was down"), clock.now())
    for salt in range(260):
        node.mine(salt)
    node.unreadable = {50, 120}
    clock.advance(60)
    repair(node, db, clock, gaps.open_gaps(db), cancel=Event())
    found = [(one.gap.first, one.gap.cause, one.attempts) for one in gaps.open_gaps(db)]
    assert found == [(50, "gasUsed is missing", 1), (120, "gasUsed is missing", 1)]
    assert due(db, clock) == ()
    closed = [one for one in gaps.all_gaps(db) if one.closed_at is not None]
    assert {(one.gap.cause, one.attempts) for one in closed} == {("was down", 0)}


def test_blocks_without_receipts_stay_a_gap_that_waits(db: Database, clock: ManualClock) -> None:
    node = SimulatedNode()
    for salt in range(8):
        node.mine(salt)
    node.chain = [
        Block(block.ref, block.row._replace(burn_rule=BurnRule.RECEIPTS))
        if 3 <= block.ref.number <= 5
        else block
        for block in node.chain
    ]
    node.unreadable = {4}
    gaps.open_gap(db, Gap(GapKind.BLOCKS, BlockNumber(3), BlockNumber(5), "was down"), clock.now())
    ledger.append(db, [*node.chain[:3], *node.chain[6:]], clock.now())
    node.unreadable = set()
    repair(node, db, clock, gaps.open_gaps(db), cancel=Event())
    (record,) = gaps.open_gaps(db)
    assert record.gap == Gap(GapKind.RECEIPTS, BlockNumber(3), BlockNumber(5), NO_GAS)
    clock.advance(60)
    repair(node, db, clock, due(db, clock), cancel=Event())
    assert gaps.open_gaps(db)[0].attempts == 1
    assert due(db, clock) == ()


def test_a_long_gap_does_not_hold_up_the_head(db: Database, clock: ManualClock) -> None:
    node = SimulatedNode()
    for salt in range(1_200):
        node.mine(salt)
    ledger.append(db, [node.chain[0], *node.chain[1_150:]], clock.now())
    gaps.open_gap(db, Gap(GapKind.BLOCKS, BlockNumber(1), BlockNumber(1_149), "was down"), clock.now())
    result = repair(node, db, clock, gaps.open_gaps(db), cancel=Event(), most_blocks=500)
    assert (result.asked, result.closed) == (500, 500)
    assert [(one.gap.last, one.attempts) for one in due(db, clock)] == []
    clock.advance(30)
    assert [(one.gap.last, one.attempts) for one in due(db, clock)] == [(649, 0)]
    node.unreadable = set(range(1_200))
    assert repair(node, db, clock, due(db, clock), cancel=Event(), most_blocks=500).asked == 100
    assert gaps.open_gaps(db)[0].attempts == 1


def test_an_outage_says_nothing_about_a_gap(db: Database, clock: ManualClock) -> None:
    node = SimulatedNode()
    node.mine(1)
    followed(node, db, clock)
    gaps.open_gap(db, Gap(GapKind.BLOCKS, BlockNumber(5), BlockNumber(6), "x"), clock.now())
    node.down = True
    with pytest.raises(NodeUnavailable):
        repair(node, db, clock, gaps.open_gaps(db), cancel=Event())
    assert gaps.open_gaps(db)[0].attempts == 0


def test_repairs_are_tried_less_and_less_often(db: Database, clock: ManualClock) -> None:
    gaps.open_gap(db, Gap(GapKind.BLOCKS, BlockNumber(5), BlockNumber(6), "x"), clock.now())
    waits: list[int] = []
    for _ in range(12):
        since = clock.now()
        while not due(db, clock):
            clock.advance(10)
        waits.append(clock.now() - since)
        (record,) = due(db, clock)
        gaps.record_attempt(db, record, clock.now(), "still")
    assert waits[0] == 30
    assert waits == sorted(waits)
    assert waits[-1] == 3_600


@pytest.mark.parametrize("number", [2, 10**9], ids=["ours is another", "far ahead"])
def test_a_finalized_block_of_another_chain_does_not_bind_us(
    db: Database, clock: ManualClock, number: int
) -> None:
    class Confused(SimulatedNode):
        def finalized(self) -> BlockRef | None:
            return make_block(None, 99).ref._replace(number=BlockNumber(number))

    node = Confused()
    for salt in range(6):
        node.mine(salt)
    followed(node, db, clock)
    node.reorg(5, 6, 50)
    followed(node, db, clock)
    assert ledger.cursor(db) == node.chain[-1].ref


def test_nothing_is_written_when_the_decision_fails(db: Database, clock: ManualClock) -> None:
    node = SimulatedNode()
    node.mine(1)

    def refuse(_: object) -> None:
        raise BadAnswer("node", "positions could not be read")

    with pytest.raises(BadAnswer):
        Tick(node, db, clock, start_blocks=0, decide=refuse).run()
    assert ledger.cursor(db) is None

    def write_and_fail(_: object) -> object:
        def write(inside: Database) -> None:
            inside.connection.execute("INSERT INTO event (at, kind, detail) VALUES (1, 'x', '')")
            raise BadAnswer("node", "half way")

        return write

    with pytest.raises(BadAnswer):
        Tick(node, db, clock, start_blocks=0, decide=write_and_fail).run()
    assert ledger.cursor(db) is None
    assert db.rows("SELECT * FROM event") == []
    assert UnixTime(0) < clock.now()
