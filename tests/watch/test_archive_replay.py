"""A replay over an archive node reads what the daemon would have read."""

from __future__ import annotations

from decimal import Decimal

from monitor.chain.endpoints import Endpoints
from monitor.chain.schedule import BlobFees
from monitor.replay import archive_moments
from monitor.supply.forks import MAINNET
from monitor.units import BlockNumber
from monitor.watch.snapshot import SnapshotReader
from monitor.watchlist import Watchlist
from tests.support.clock import ManualClock
from tests.support.recorded_node import RecordedNode, child_of
from tests.support.rpc_server import RpcServer


def test_the_blob_fee_is_held_against_the_floor_of_its_time() -> None:
    """Since Osaka the floor is a sixteenth of the base fee: over 1 wei, any quiet day would be an alarm."""
    excess = 182_703_595
    before = child_of(None, timestamp=1_764_798_551 - 12, excessBlobGas=excess, baseFeePerGas=10**9)
    after = child_of(before, excessBlobGas=excess, timestamp=1_764_798_551)
    fees = BlobFees(MAINNET.schedules)
    with (
        RpcServer(RecordedNode([before, after])) as server,
        Endpoints([server.url], clock=ManualClock(), chain_id=1, blob_fee=fees) as source,
    ):
        reader = SnapshotReader(source, (), {})
        moments = list(archive_moments(source, reader, Watchlist(), [BlockNumber(0), BlockNumber(1)]))
        rows = [source.blocks(BlockNumber(n), BlockNumber(n))[0].row for n in (0, 1)]
    over = [next(one.value for one in found if one.key == "blob.fee_over_floor") for _, found in moments]
    assert over[0] == Decimal(rows[0].blob_base_fee_wei)
    assert over[1] == Decimal(rows[1].blob_base_fee_wei) / (rows[1].base_fee_wei // 16)
