"""Issuance measured over a real Beacon API and a real execution node, against the rewards that it paid."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from monitor.chain.beacon import Beacon, BeaconSpec
from monitor.chain.beacon_http import JSON, SSZ_OR_JSON, BeaconHttp
from monitor.chain.beacon_pool import BeaconNodes
from monitor.chain.beacon_sample import sample
from monitor.chain.beacon_step import Sampler
from monitor.chain.beacon_sums import BALANCES, sum_listing
from monitor.chain.beacon_walk import walk
from monitor.domain import Block, BlockRef
from monitor.errors import BlockGone, NodeUnavailable, Unsupported
from monitor.supply.consensus import USUAL, max_issuance_per_epoch
from monitor.supply.estimate import Flow, StakeAnchor, StakeRules, estimate
from monitor.supply.issuance import ConsensusTotal, Measured, Unknown, between, measure, running_total
from tests.support.beacon_net import (
    GENESIS_TIME,
    SECONDS_PER_SLOT,
    SLOTS_PER_EPOCH,
    VALIDATORS,
    BeaconNet,
    beacon_net,
)
from tests.support.block_rows import block_row

pytestmark = pytest.mark.localnet
STAKE = VALIDATORS * 32 * 10**9


class ChainClock:
    """Stands at the newest slot."""

    def __init__(self, net: BeaconNet) -> None:
        self._net = net

    def now(self) -> int:
        return GENESIS_TIME + SECONDS_PER_SLOT * self._net.control()["slot"]

    def monotonic(self) -> float:
        raise AssertionError("not used")

    def sleep(self, seconds: float) -> None:
        raise AssertionError("not used")


class Reader:
    """Samples, and what passed between the layers as each of the two tells it."""

    def __init__(self, net: BeaconNet, node: Beacon) -> None:
        self.net = net
        self.node = node
        self.spec: BeaconSpec = node.spec()

    def find(self, block_hash: str) -> BlockRef | None:
        block = self.net.rpc("eth_getBlockByHash", block_hash, False)
        if block is None:
            return None
        return BlockRef(
            int(block["number"], 16), block["hash"], block["parentHash"], int(block["timestamp"], 16)
        )

    def at(self, slot: int) -> ConsensusTotal:
        return sample(self.node, self.spec, slot, self.find, finalized=False)

    def withdrawn(self, start: ConsensusTotal, end: ConsensusTotal) -> int:
        """From the execution node's blocks."""
        return self.withdrawn_in(start.block_number + 1, end.block_number)

    def withdrawn_in(self, first: int, last: int) -> int:
        return sum(
            int(paid["amount"], 16)
            for number in range(first, last + 1)
            for paid in self.net.rpc("eth_getBlockByNumber", hex(number), False)["withdrawals"]
        )

    def measured(self, start: ConsensusTotal, end: ConsensusTotal) -> int:
        passed = walk(self.node, self.node.header(start.slot), self.node.header(end.slot))
        withdrawn = self.withdrawn(start, end)
        assert passed.withdrawals_gwei == withdrawn
        result = measure(start, end, passed.deposits_gwei, withdrawn)
        assert isinstance(result, Measured)
        return result.gwei


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BeaconNet]:
    with beacon_net(tmp_path_factory.mktemp("beacon")) as running:
        yield running


@pytest.fixture
def nodes(net: BeaconNet) -> Iterator[BeaconNodes]:
    pool = BeaconNodes([net.beacon], ChainClock(net), 1337)
    yield pool
    pool.close()


@pytest.fixture
def reader(net: BeaconNet) -> Iterator[Reader]:
    if net.control()["slot"] < SLOTS_PER_EPOCH:
        net.control(slots=SLOTS_PER_EPOCH)
    with Beacon(net.beacon) as node:
        yield Reader(net, node)


def test_issuance_from_balances_is_what_was_paid(net: BeaconNet, reader: Reader) -> None:
    """Epoch by epoch, through missed slots, absent validators, withdrawals and a reorg.

    The rewards endpoint rounds each vote by itself, so it may differ by a gwei or two a validator
    where not all vote; the balances are the truth.
    """
    net.control(slots=16 - net.control()["slot"])
    net.control(slots=8, miss=[19, 20])
    net.control(slots=8, offline=list(range(10)))
    net.control(slots=4, offline=[])
    tip = 36
    abandoned = reader.at(tip)
    net.control(reorg=3)
    assert reader.find(abandoned.block_hash) is None or reader.at(tip).block_hash != abandoned.block_hash
    net.control(slots=4)
    totals = [reader.at(slot) for slot in range(8, 41, SLOTS_PER_EPOCH)]
    steps = [reader.measured(start, end) for start, end in pairwise(totals)]
    for (start, end), issued in zip(pairwise(totals), steps, strict=True):
        epoch = start.slot // SLOTS_PER_EPOCH
        paid = net.rewards(start.slot + 1, end.slot, epoch - 1)
        full = epoch == 1
        assert abs(issued - paid) <= (0 if full else 3 * VALIDATORS)
    assert reader.withdrawn(totals[0], totals[-1]) > 0
    assert steps[0] == pytest.approx(max_issuance_per_epoch(STAKE), rel=1e-4)
    assert min(steps) < 0.8 * steps[0]
    check_series(totals, steps)
    check_estimate(reader, totals, steps)


def check_series(totals: list[ConsensusTotal], steps: list[int]) -> None:
    [points] = running_total(totals, [Measured(step) for step in steps])
    assert between(points, totals[0].timestamp, totals[-1].timestamp) == Measured(sum(steps))
    inside = between(points, totals[0].timestamp + 1, totals[-1].timestamp)
    assert inside.low_gwei == sum(steps[1:])
    assert inside.high_gwei == sum(steps)


def check_estimate(reader: Reader, totals: list[ConsensusTotal], steps: list[int]) -> None:
    """Without the balances after the first: withdrawals and the formula hold the first full epoch."""
    first = totals[0]
    anchor = StakeAnchor(first.timestamp, first.total_gwei, STAKE, STAKE, 0, "first sample")
    seconds = SLOTS_PER_EPOCH * SECONDS_PER_SLOT
    rules = StakeRules(seconds, 0, 0, 0, 0)
    flow = Flow(seconds, 0, reader.withdrawn(first, totals[1]))
    figure = estimate(anchor, [], [flow], USUAL, rules)
    assert figure.low_gwei <= steps[0]
    assert abs(steps[0] - figure.high_gwei) < 0.01 * steps[0]


class Execution:
    """The execution node as the sampler asks for it."""

    def __init__(self, reader: Reader, *, logs: bool) -> None:
        self._reader = reader
        self._logs = logs

    def ref(self, number: int) -> BlockRef | None:
        block = self._reader.net.rpc("eth_getBlockByNumber", hex(number), False)
        return self._reader.find(block["hash"])

    def block_by_hash(self, block_hash: str) -> Block | None:
        ref = self._reader.find(block_hash)
        return None if ref is None else Block(ref, block_row(ref.number, ref.timestamp))

    def call(self, method: str, params: Any, shape: Any) -> Any:
        if not self._logs:
            raise Unsupported("node", "it refuses logs.")
        return shape.bare.decode(json.dumps(self._reader.net.rpc(method, *params)))


@pytest.mark.parametrize("logs", [True, False])
def test_the_sampler_takes_each_finalized_epoch_once(
    net: BeaconNet, nodes: BeaconNodes, reader: Reader, logs: bool
) -> None:
    """From logs of the execution node, or block by block where it refuses them."""
    while reader.node.finalized_epoch() < 3:
        net.control(slots=SLOTS_PER_EPOCH)
    execution = Execution(reader, logs=logs)

    def withdrawals(first: int, last: int) -> int | None:
        return reader.withdrawn_in(first, last) if logs else None

    contract = "0x00000000219ab540356cbb839cbe05303d7705fa"
    sampler = Sampler(nodes, execution, contract, withdrawals, every_epochs=1)
    newest = sampler.step(None, None)
    assert isinstance(newest.issued, Unknown)
    assert newest.total.slot == reader.node.finalized_epoch() * SLOTS_PER_EPOCH
    assert sampler.step(newest.total, newest.next_deposit) is None
    earlier = reader.at(newest.total.slot - SLOTS_PER_EPOCH)
    step = sampler.step(earlier, None)
    assert step.total == newest.total
    assert step.issued == Measured(reader.measured(earlier, newest.total))
    assert not sampler.step(reader.at(SLOTS_PER_EPOCH), None).total.slot % SLOTS_PER_EPOCH


def test_a_pool_reads_it_and_an_optimistic_node_is_not_believed(
    net: BeaconNet, nodes: BeaconNodes, reader: Reader
) -> None:

    def read(node: Beacon, spec: BeaconSpec) -> ConsensusTotal:
        return sample(node, spec, 8, reader.find, finalized=False)

    before = nodes.using(read)
    assert before == reader.at(8)
    net.control(optimistic=True)
    try:
        with pytest.raises(NodeUnavailable, match="optimistically"):
            nodes.using(read)
        with pytest.raises(NodeUnavailable, match="optimistically"):
            reader.node.balances(8)
    finally:
        net.control(optimistic=False)
    assert nodes.using(read) == before
    with pytest.raises(BlockGone):
        nodes.using(lambda node, _: node.balances(10_000))


def test_json_and_ssz_of_a_real_node_agree(net: BeaconNet, reader: Reader) -> None:
    path = "/eth/v1/beacon/states/8/validator_balances"
    http = BeaconHttp(net.beacon)
    deadline = time.monotonic() + 60
    with http.stream(path, JSON, deadline) as answer:
        assert not answer.is_ssz
        as_json = sum_listing(answer, BALANCES, "node")
    with http.stream(path, SSZ_OR_JSON, deadline) as answer:
        assert answer.is_ssz
        as_ssz = sum_listing(answer, BALANCES, "node")
    plainly = sum(int(row["balance"]) for row in json.loads(http.read(path, deadline))["data"])
    http.close()
    assert as_ssz[:2] == as_json[:2] == (plainly, VALIDATORS)
    assert reader.node.balances(8) == as_ssz
