"""The fake node of `make bench` serves a chain that every check of ours accepts, and tells its true sums."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest

from bench.fakenode import FakeNode, NoNodeError, drain, fake_node
from monitor.chain.bulk import Bulk, block_reader, newest_first
from monitor.chain.clock import SystemClock
from monitor.chain.endpoints import Endpoints
from monitor.chain.schedule import Agreed, find_blob_fees
from monitor.domain import Block
from monitor.supply.burn import next_base_fee_wei

RING = 400


@pytest.fixture(scope="module")
def node() -> Iterator[FakeNode]:
    try:
        with fake_node(blocks=RING) as running:
            yield running
    except NoNodeError as error:
        pytest.skip(str(error))


@pytest.fixture
def pool(node: FakeNode) -> Iterator[Endpoints]:
    with Endpoints([node.url], clock=SystemClock()) as endpoints:
        findings = find_blob_fees(endpoints, None, endpoints.head())
        assert isinstance(findings.verdict, Agreed)
        assert findings.verdict.telling
        endpoints.blob_fee = findings.fees
        yield endpoints


def burned(blocks: list[Block]) -> int:
    return sum(
        (block.row.base_fee_wei or 0) * block.row.gas_used
        + (block.row.blob_base_fee_wei or 0) * (block.row.blob_gas_used or 0)
        for block in blocks
    )


def test_the_live_path_believes_every_block_of_the_first_lap(node: FakeNode, pool: Endpoints) -> None:
    blocks = [block for block in pool.blocks(node.first, node.first + RING - 1) if block]  # type: ignore[arg-type]
    assert len(blocks) == RING
    assert burned(blocks) == node.truth.burn(node.first, RING)
    assert pool.head() == blocks[-1].ref


def test_the_ring_is_a_chain_without_an_end(node: FakeNode, pool: Endpoints) -> None:
    first, last = node.first + RING // 2, node.first + 2 * RING + 50
    pieces = Bulk(block_reader(pool, pool.blob_fee), threading.Event()).pieces(newest_first([(first, last)]))  # type: ignore[list-item]
    blocks = sorted(block for piece in pieces for block in piece.blocks)
    count = last - first + 1
    assert len(blocks) == count
    assert burned(blocks) == node.truth.burn(first, count)
    assert sum(block.row.withdrawals_gwei or 0 for block in blocks) == node.truth.withdrawn(first, count)
    for parent, child in pairwise(blocks):
        assert child.ref.parent_hash == parent.ref.hash
        before = parent.row
        assert child.row.base_fee_wei == next_base_fee_wei(
            before.gas_limit, before.gas_used, before.base_fee_wei
        )


def test_the_limit_is_measured_on_whole_answers(node: FakeNode) -> None:
    assert drain(node, 150, batch=40, connections=2).blocks == 150
