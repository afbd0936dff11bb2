"""What an edited watchlist leaves behind, on a real chain that changes its mind."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.chain.clock import SystemClock
from monitor.chain.endpoints import Endpoints
from monitor.chain.follower import Standstill
from monitor.domain import ListedToken
from monitor.protocols.aave_v3 import AaveV3
from monitor.protocols.aave_v3_deployments import Deployment
from monitor.store import incidents
from monitor.tick import Tick
from monitor.units import Address
from monitor.watch import SnapshotReader, Watch
from monitor.watch.tokens import TokenWatch
from monitor.watchlist import Watchlist, parse_watchlist
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


def test_what_is_open_about_a_token_and_a_balance_ends_when_they_are_not_listed(
    aave_v30_net: AaveNet, tmp_path: Path
) -> None:
    """After an edit, after a reorg that takes the ending back, and after a restart with another file."""
    control = aave_v30_net.anvil.control
    weth, whale = (
        Address(one.lower()) for one in (aave_v30_net.market.tokens["WETH"].address, aave_v30_net.cast.whale)
    )
    rules = [
        {"name": "any supply", "reading": "token.supply", "below": 10**15},
        {"name": "any balance", "reading": "wallet.balance", "below": 10**15},
    ]
    listed = parse_watchlist({"wallet": [{"name": "Whale", "address": whale}], "rule": rules})
    edited, tokens = parse_watchlist({"rule": rules}), [ListedToken("WETH", weth, "wrapped", "ETH", "")]
    with (
        Endpoints([aave_v30_net.anvil.url], clock=SystemClock(), chain_id=1337) as source,
        new_database(tmp_path / "ethmon.db") as db,
    ):

        def started(watchlist: Watchlist, watched: list[ListedToken]) -> Watch:
            watch = Watch(source, SnapshotReader(source, [], {}), watchlist, ManualClock())
            watch.tokens = TokenWatch(watched, every_s=0)
            watch.resume(db)
            return watch

        def open_after(watch: Watch) -> set[str]:
            control.mine(1)
            tick = Tick(source, db, ManualClock(), start_blocks=0, decide=watch.decide)
            while not isinstance(tick.run(), Standstill):
                pass
            return {row.rule for row in incidents.list_open(db)}

        everything = {"any supply", "any balance"}
        watch = started(listed, tokens)
        assert open_after(watch) == everything
        watch.adopt(edited, TokenWatch())
        assert open_after(watch) == set()
        control.reorg(1)
        assert open_after(watch) == set(), "the block that ended them is gone"
        watch.adopt(listed, TokenWatch(tokens, every_s=0))
        assert open_after(watch) == everything
        assert open_after(started(listed, tokens)) == everything, "a restart ends nothing that is listed"
        assert open_after(started(edited, [])) == set(), "a restart with another file"
