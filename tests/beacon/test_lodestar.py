"""The whole way with an unmodified client: Lodestar with its own validators, in real time."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.chain.beacon import Beacon
from monitor.chain.beacon_pool import BeaconNodes
from monitor.chain.beacon_sample import sample
from monitor.chain.beacon_walk import walk
from monitor.domain import BlockRef
from monitor.errors import NodeError
from monitor.supply.consensus import max_issuance_per_epoch
from monitor.supply.issuance import ConsensusTotal, Measured, measure
from tests.support.beacon_net import BeaconNet, lodestar_net

pytestmark = [pytest.mark.soak, pytest.mark.localnet]
VALIDATORS = 16
EPOCHS = 5


class WallClock:
    """Real time."""

    def now(self) -> int:
        return int(time.time())

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def test_an_unmodified_client_is_sampled_at_its_head(tmp_path: Path) -> None:
    """States vanish there after finality, so each epoch is read as soon as it is over."""
    with lodestar_net(tmp_path, VALIDATORS) as net:
        nodes = BeaconNodes([net.beacon], WallClock(), 1337)
        totals = [
            nodes.using(lambda node, spec, e=epoch: read(net, node, spec, e)) for epoch in range(1, EPOCHS)
        ]
        nodes.using(lambda node, _: check(node, totals))
        nodes.close()


def read(net: BeaconNet, node: Beacon, spec: object, epoch: int) -> ConsensusTotal:
    def find(block_hash: str) -> BlockRef | None:
        block = net.rpc("eth_getBlockByHash", block_hash, False)
        return block and BlockRef(
            int(block["number"], 16), block["hash"], block["parentHash"], int(block["timestamp"], 16)
        )

    slot = epoch * 8
    deadline = time.monotonic() + 60
    while node.syncing().head_slot < slot:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return sample(node, spec, slot, find, finalized=False)  # type: ignore[arg-type]


def check(node: Beacon, totals: list[ConsensusTotal]) -> None:
    perfect = max_issuance_per_epoch(VALIDATORS * 32 * 10**9)
    issued = []
    for start, end in pairwise(totals):
        passed = walk(node, node.header(start.slot), node.header(end.slot))
        result = measure(start, end, passed.deposits_gwei, passed.withdrawals_gwei)
        assert isinstance(result, Measured)
        issued.append(result.gwei)
    # Attestation rewards of the first epochs arrive an epoch late; a busy machine may miss a vote.
    assert all(0 < gwei <= perfect for gwei in issued)
    assert max(issued) > perfect // 2
    with pytest.raises(NodeError):
        node.pending_deposits(totals[-1].slot)  # Capella has no queue: an error, not nothing
