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


def test_a_position_of_one_absence_is_priced_by_what_others_on_the_market_have(market: WatchedMarket) -> None:
    """Opened and liquidated whole between two looks, it never had a debt to be seen with."""
    aave, cast = market.net.market, market.net.cast
    stranger = cast.others[0]
    market.watch(more=f'[[wallet]]\nname = "Stranger"\naddress = "{stranger}"\nalert_at = "5%"\n')
    with market.running() as daemon:
        market.walk(daemon, 2_400)
    aave.mint("WETH", stranger, 100 * 10**18)
    for function, asset, *rest in (
        ("supply", "WETH", 100 * 10**18, stranger, 0),
        ("borrow", "USDT", 180_000 * 10**6, 2, 0, stranger),
    ):
        market.now()
        aave.act(function, aave.tokens[asset], *rest, sender=stranger)
    market.price(1_900)
    aave.liquidate("WETH", "USDT", stranger, cast.liquidator)
    assert aave.account(stranger).debt_base == 0, "liquidated whole"
    market.price(2_400)
    with market.running() as daemon:
        market.walk(daemon, 2_401)
        eventually(lambda: any("liquidated, " in text_of(one) for one in market.messages()))
    (told,) = (text_of(one) for one in market.messages() if "liquidated, " in text_of(one))
    assert "liquidated, $180,000" in told
    assert "before this one" in told


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
