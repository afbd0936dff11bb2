"""After any sequence of blocks, reorgs, lags and failures the known chain equals the node's."""

from __future__ import annotations

import contextlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from monitor.chain.follower import CHUNK, SKIP_AFTER, Advance, Follower, Standstill, Wait
from monitor.chain.incomplete import gaps_in
from monitor.domain import Block, BlockRef, BurnRule, GapKind
from monitor.errors import BadAnswer, ChainError, NodeError
from monitor.units import BlockNumber
from tests.support.simulated_node import SimulatedNode, make_block


class Memory:
    """A `KnownChain` in memory that applies an `Advance` the way the store must."""

    def __init__(self) -> None:
        self.blocks: dict[int, Block] = {}
        self.gaps: list[tuple[int, int]] = []
        self._finalized: BlockNumber | None = None

    def cursor(self) -> BlockRef | None:
        return self.blocks[max(self.blocks)].ref if self.blocks else None

    def ref(self, number: BlockNumber) -> BlockRef | None:
        block = self.blocks.get(number)
        return block.ref if block else None

    def finalized(self) -> BlockNumber | None:
        return self._finalized

    def apply(self, step: Advance) -> None:
        if step.reorg:
            for number in [n for n in self.blocks if n > step.reorg.ancestor]:
                del self.blocks[number]
        for block in step.blocks:
            assert block.row.number not in self.blocks
            self.blocks[block.row.number] = block
        self.gaps += [(gap.first, gap.last) for gap in step.gaps]
        if step.finalized:
            self._finalized = step.finalized.number

    def follow(self, follower: Follower, looks: int = 1) -> Advance | Standstill:
        step: Advance | Standstill
        for _ in range(looks):
            step = follower.advance()
            if isinstance(step, Advance):
                self.apply(step)
        return step


class ChainMachine(RuleBasedStateMachine):
    """Any order of mining, reorgs above finality, lag, outages, restarts and looks."""

    def __init__(self) -> None:
        super().__init__()
        self.node = SimulatedNode(finality=20)
        self.memory = Memory()
        self.follower = Follower(self.node, self.memory)
        self.salt = 1
        self.highest = 0

    @rule(count=st.integers(1, 12), slots=st.integers(1, 3))
    def mine(self, count: int, slots: int) -> None:
        for _ in range(count):
            self.salt += 1
            self.node.mine(self.salt, slots)

    @rule(depth=st.integers(1, 19), extra=st.integers(-5, 5))
    def reorg(self, depth: int, extra: int) -> None:
        self.salt += 100
        self.node.reorg(depth, max(1, depth + extra), self.salt)

    @rule(lag=st.integers(0, 8))
    def lag(self, lag: int) -> None:
        self.node.lag = lag

    @rule(down=st.booleans())
    def outage(self, down: bool) -> None:
        self.node.down = down

    @rule(calls=st.integers(0, 6))
    def look_and_lose_the_node(self, calls: int) -> None:
        self.node.fail_after = calls
        with contextlib.suppress(NodeError):
            self.memory.follow(self.follower)
        self.node.fail_after = None

    @rule()
    def look_at_broken_links(self) -> None:
        self.node.broken_links = True
        with contextlib.suppress(NodeError):
            self.memory.follow(self.follower)
        self.node.broken_links = False

    @precondition(lambda self: not self.node.down)
    @rule()
    def look(self) -> None:
        self.memory.follow(self.follower)

    @rule()
    def restart(self) -> None:
        self.follower = Follower(self.node, self.memory)

    @invariant()
    def stored_blocks_are_linked(self) -> None:
        numbers = sorted(self.memory.blocks)
        for low, high in pairwise(numbers):
            assert high == low + 1
            assert self.memory.blocks[high].ref.parent_hash == self.memory.blocks[low].ref.hash

    @invariant()
    def the_cursor_never_goes_back(self) -> None:
        cursor = self.memory.cursor()
        height = cursor.number if cursor else 0
        assert height >= self.highest
        self.highest = height

    def teardown(self) -> None:
        """Once the node is well and its chain has grown past ours, ours is its chain."""
        self.node.down, self.node.lag = False, 0
        while len(self.node.chain) <= self.highest + 1:
            self.salt += 1
            self.node.mine(self.salt)
        for _ in range(3):
            self.memory.follow(self.follower)
        first = min(self.memory.blocks)
        assert list(self.memory.blocks.values()) == self.node.chain[first:]


TestChainMachine = ChainMachine.TestCase
TestChainMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def started(blocks: int = 10, **options: int) -> tuple[SimulatedNode, Memory, Follower]:
    node, memory = SimulatedNode(**options), Memory()
    for salt in range(blocks):
        node.mine(salt)
    follower = Follower(node, memory, start_blocks=100)
    memory.follow(follower)
    return node, memory, follower


def test_the_first_look_starts_a_little_before_the_head() -> None:
    _, memory, follower = started(blocks=150)
    assert sorted(memory.blocks) == list(range(50, 151))
    assert memory.follow(follower) == Standstill(memory.blocks[150].ref, Wait.UP_TO_DATE)


def test_a_long_absence_is_caught_up_in_chunks() -> None:
    node, memory, follower = started()
    for salt in range(CHUNK + 3):
        node.mine(salt)
    first = follower.advance()
    assert isinstance(first, Advance)
    assert len(first.blocks) == CHUNK
    assert not first.complete
    memory.apply(first)
    second = follower.advance()
    assert isinstance(second, Advance)
    assert second.complete


def test_a_lagging_node_is_waited_for() -> None:
    node, memory, follower = started()
    node.lag = 3
    step = memory.follow(follower)
    assert isinstance(step, Standstill)
    assert step.why is Wait.LAGGING
    assert memory.cursor() == node.chain[-1].ref


def test_an_orphan_of_the_same_height_and_an_earlier_slot_is_not_adopted() -> None:
    node, memory, follower = started()
    ours = memory.cursor()
    node.chain[-1] = make_block(node.chain[-2].ref, 77, slots=0)
    step = memory.follow(follower)
    assert isinstance(step, Standstill)
    assert step.why is Wait.OTHER_BRANCH
    assert memory.cursor() == ours


def test_a_later_block_of_the_same_height_replaces_ours() -> None:
    node, memory, follower = started()
    old = node.chain[-1].ref
    node.chain[-1] = make_block(node.chain[-2].ref, 77, slots=2)
    step = memory.follow(follower)
    assert isinstance(step, Advance)
    assert step.reorg is not None
    assert (step.reorg.depth, step.reorg.old_head, step.reorg.new_head) == (1, old, node.chain[-1].ref)


@pytest.mark.parametrize("depth", [1, 3, 64])
def test_a_branch_is_replaced_from_the_common_ancestor(depth: int) -> None:
    node, memory, follower = started(blocks=100)
    memory.follow(follower)
    for salt in range(90):
        node.mine(salt)
        memory.follow(follower)
    node.reorg(depth, depth + 1, 5_000)
    step = memory.follow(follower)
    assert isinstance(step, Advance)
    assert step.reorg is not None
    assert step.reorg.depth == depth
    assert memory.cursor() == node.chain[-1].ref


def test_a_reorg_below_finalized_is_refused() -> None:
    node, memory, follower = started(blocks=30, finality=4)
    for salt in range(5):
        node.mine(salt)
        memory.follow(follower)
    before = dict(memory.blocks)
    node.reorg(10, 12, 900, break_finality=True)
    with pytest.raises(ChainError, match="finalized"):
        follower.advance()
    assert memory.blocks == before


def test_another_chain_altogether_is_refused() -> None:
    node, memory, follower = started(blocks=30, finality=1000)
    node.chain = SimulatedNode(genesis_slots=1).chain
    node.chain[0] = make_block(None, 4242)
    for salt in range(40):
        node.mine(salt)
    with pytest.raises(ChainError, match="shares no block"):
        follower.advance()
    assert memory.cursor() is not None


def test_one_unreadable_block_becomes_a_gap_and_the_head_goes_on() -> None:
    node, memory, follower = started()
    for salt in range(3):
        node.mine(salt)
    node.unreadable = {11, 12}
    for _ in range(SKIP_AFTER - 1):
        with pytest.raises(BadAnswer):
            follower.advance()
    memory.follow(follower)
    assert memory.gaps == [(11, 12)]
    assert memory.cursor() == node.chain[13].ref


def test_an_unreadable_head_is_not_given_up() -> None:
    node, _, follower = started()
    node.mine(1)
    node.unreadable = {11}
    for _ in range(SKIP_AFTER * 2):
        with pytest.raises(BadAnswer):
            follower.advance()


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30))
def test_every_unknown_part_of_a_block_is_in_exactly_one_gap(parts: list[tuple[bool, bool]]) -> None:
    parent, blocks = None, []
    for no_receipts, no_blob_fee in parts:
        block = make_block(parent, 1)
        row = block.row._replace(
            burn_rule=BurnRule.RECEIPTS,
            receipt_gas=None if no_receipts else block.row.gas_used,
            blob_base_fee_wei=None if no_blob_fee else block.row.blob_base_fee_wei,
        )
        blocks.append(Block(block.ref, row))
        parent = block.ref
    found = [(gap.kind, n) for gap in gaps_in(blocks) for n in range(gap.first, gap.last + 1)]
    expected = [(GapKind.RECEIPTS, n) for n, (missing, _) in enumerate(parts) if missing]
    expected += [(GapKind.BLOB_FEE, n) for n, (_, missing) in enumerate(parts) if missing]
    assert sorted(found) == sorted(expected)
