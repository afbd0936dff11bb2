"""What happened while the daemon was away is told when it is back."""

from __future__ import annotations

import pytest

from monitor.units import MAX_UINT256
from tests.support.commands import eventually, rows
from tests.support.watched_market import WatchedMarket, text_of

pytestmark = pytest.mark.localnet


def test_a_liquidation_during_an_absence_is_told(market: WatchedMarket) -> None:
    with market.running() as daemon:
        market.walk(daemon, 2_350)
    aave, cast = market.net.market, market.net.cast
    market.price(1_700)
    market.now()
    aave.liquidate("WETH", "USDT", cast.whale, cast.liquidator)
    market.net.anvil.control.mine(100, 1)  # the newest blocks are read first, these come after them
    market.price(2_350)
    with market.running() as daemon:
        market.walk(daemon, 2_351, 2_352)
        eventually(lambda: any("liquidated, $" in text_of(one) for one in market.messages()))
    assert len([one for one in market.messages() if "liquidated, $" in text_of(one)]) == 1
    assert rows(market.database, "SELECT count(*) FROM position_event WHERE kind = 'liquidation'") == [(1,)]


def test_a_position_that_was_closed_during_an_absence_is_over(market: WatchedMarket) -> None:
    market.watch(tuning="cool_down = 0")
    with market.running() as daemon:
        market.walk(daemon, 1_960)
    aave, whale = market.net.market, market.net.cast.whale
    market.now()
    aave.mint("USDT", whale, 10**14)
    for function, asset, *rest in (
        ("repay", "USDT", MAX_UINT256, 2, whale),
        ("withdraw", "WETH", MAX_UINT256, whale),
    ):
        market.now()
        aave.act(function, aave.tokens[asset], *rest, sender=whale)
    with market.running():
        eventually(market.idle)
        eventually(lambda: len(market.letters()) == 2)
    assert "over, the position was closed" in text_of(market.messages()[-1])
