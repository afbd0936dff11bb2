"""What an edited watchlist leaves behind, on a real chain that changes its mind."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.chain.clock import SystemClock
from monitor.chain.endpoints import Endpoints
from monitor.chain.follower import Standstill
from monitor.protocols.aave_v3 import AaveV3
from monitor.protocols.aave_v3_deployments import Deployment
from monitor.store import incidents
from monitor.tick import Tick
from monitor.units import Address
from monitor.watch import SnapshotReader, Watch
from monitor.watch.tokens import TokenWatch
from monitor.watchlist import parse_watchlist
from tests.support.clock import ManualClock
from tests.support.databases import new_database
from tests.support.localnet import AaveNet

pytestmark = pytest.mark.localnet
RULE = {"name": "any health", "reading": "position.health_factor", "below": 50}


def test_a_reorg_after_an_edit_ends_again_what_was_taken_off_the_list(
    aave_v30_net: AaveNet, tmp_path: Path
) -> None:
    market, control = aave_v30_net.market, aave_v30_net.anvil.control
    pool, weth, whale = (
        Address(one.lower())
        for one in (market.pool.address, market.tokens["WETH"].address, aave_v30_net.cast.whale)
    )
    adapter = AaveV3((Deployment("aave_v3", "Local", pool, weth),))
    listed = parse_watchlist({"wallet": [{"name": "Whale", "address": whale}], "rule": [RULE]})
    with (
        Endpoints([aave_v30_net.anvil.url], clock=SystemClock(), chain_id=1337) as source,
        new_database(tmp_path / "ethmon.db") as db,
    ):
        watch = Watch(source, SnapshotReader(source, [adapter], {}), listed, ManualClock())
        tick = Tick(source, db, ManualClock(), start_blocks=0, decide=watch.decide)

        def open_after(blocks: int) -> int:
            control.mine(blocks)
            while not isinstance(tick.run(), Standstill):
                pass
            return len(incidents.list_open(db))

        assert open_after(1) == 1
        watch.adopt(parse_watchlist({"rule": [RULE]}), TokenWatch())
        assert open_after(1) == 0
        control.reorg(1)
        assert open_after(1) == 0, (
            "the block that ended it is gone, and the position is still nobody's business"
        )
