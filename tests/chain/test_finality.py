"""What a node calls final is remembered for ever, so a wrong claim must not be believed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from monitor.chain.endpoints import Endpoints
from monitor.chain.follower import Advance
from monitor.store import identity, ledger
from monitor.tick import Tick
from tests.support.clock import ManualClock
from tests.support.databases import new_database
from tests.support.recorded_node import JsonBlock, RecordedNode, child_of, synthetic
from tests.support.rpc_server import RpcServer

BLOCKS = synthetic(120)


@pytest.fixture
def running() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def pool_of(running: ExitStack, *nodes: RecordedNode) -> Endpoints:
    urls = [running.enter_context(RpcServer(node)).url for node in nodes]
    return running.enter_context(Endpoints(urls, clock=ManualClock()))


@pytest.mark.parametrize(("behind", "believed"), [(0, None), (1, None), (31, None), (32, 87), (64, 55)])
def test_no_block_of_the_newest_epoch_is_final(
    running: ExitStack, caplog: pytest.LogCaptureFixture, behind: int, believed: int | None
) -> None:
    node = RecordedNode(BLOCKS)
    node.finality = behind
    pool = pool_of(running, node)
    for _ in range(3):
        found = pool.finalized()
        assert (found.number if found else None) == believed
    assert caplog.text.count("finality is not believed") == (believed is None)  # said once


def test_a_private_chain_may_be_final_at_once(running: ExitStack) -> None:
    node = RecordedNode(BLOCKS, chain_id=1_337)
    node.finality = 1
    found = pool_of(running, node).finalized()
    assert found is not None
    assert found.number == 118


@pytest.mark.parametrize("behind", [0, 1])
def test_a_node_that_calls_its_head_final_does_not_stop_following_at_the_next_reorg(
    running: ExitStack, tmp_path: Path, behind: int
) -> None:
    node, clock = RecordedNode(BLOCKS), ManualClock()
    node.finality = behind
    pool = pool_of(running, node)
    db = running.enter_context(new_database(tmp_path / "ethmon.db"))
    identity.bind_chain(db, 1, None, clock.now())
    tick = Tick(pool, db, clock, start_blocks=0)
    tick.run()
    for block in replaced(node, 3):
        node.add(block)
    step = tick.run()
    assert isinstance(step, Advance)
    assert step.reorg is not None
    assert ledger.cursor(db) == pool.head()
    assert ledger.finalized(db) is None


def test_what_another_endpoint_does_not_have_is_not_final(running: ExitStack) -> None:
    honest, orphan = RecordedNode(BLOCKS), RecordedNode(BLOCKS)
    for block in replaced(orphan, 40):
        orphan.add(block)
    pool = pool_of(running, orphan, honest)
    pool.head()
    assert pool.finalized() is None
    for block in BLOCKS[80:]:
        orphan.add(block)
    orphan.blocks.pop(120)
    found = pool.finalized()
    assert found is not None
    assert found.hash == BLOCKS[87]["hash"]


def test_one_endpoint_is_enough_while_the_other_does_not_answer(running: ExitStack) -> None:
    node, away = RecordedNode(BLOCKS), RecordedNode(BLOCKS)
    away.missing |= {"eth_getBlockByNumber", "eth_chainId"}
    found = pool_of(running, node, away).finalized()
    assert found is not None
    assert found.number == 87


def test_finality_that_goes_back_takes_nothing_back(running: ExitStack, tmp_path: Path) -> None:
    node, clock = RecordedNode(BLOCKS), ManualClock()
    pool = pool_of(running, node)
    db = running.enter_context(new_database(tmp_path / "ethmon.db"))
    tick = Tick(pool, db, clock, start_blocks=0)
    for behind, final in ((32, 87), (90, 87), (32, 89)):
        node.finality = behind
        tick.run()
        assert ledger.finalized(db) == final
        node.add(child_of(node.head))


def replaced(node: RecordedNode, depth: int) -> list[JsonBlock]:
    """A branch that is a block longer than the newest `depth` blocks that it replaces."""
    parent = node.blocks[int(node.head["number"], 16) - depth]
    branch: list[JsonBlock] = []
    for _ in range(depth + 1):
        branch.append(child_of(branch[-1] if branch else parent, extraData="0xbb"))
    return branch
