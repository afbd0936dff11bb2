"""The lending markets of the local chain are the protocols' own contracts and behave like them."""

from __future__ import annotations

import pytest

from monitor.errors import LocalnetError
from monitor.localnet.actors import SHORT_PRICE_USD, WHALE_PRICE_USD, in_ticks
from monitor.localnet.deployer import MULTICALL3
from monitor.units import TICKS_PER_USD, WAD
from tests.support.localnet import AaveNet
from tests.support.morpho import MorphoNet

pytestmark = pytest.mark.localnet


@pytest.fixture(params=["aave_v30_net", "aave_v32_net"])
def net(request: pytest.FixtureRequest) -> AaveNet:
    return request.getfixturevalue(request.param)


def test_the_whale_is_liquidatable_just_below_its_price(net: AaveNet) -> None:
    net.market.set_price(in_ticks(WHALE_PRICE_USD + 1))
    assert net.market.account(net.cast.whale).health_factor_wad > WAD
    with pytest.raises(LocalnetError, match="45"):  # HEALTH_FACTOR_NOT_BELOW_THRESHOLD
        net.market.liquidate("WETH", "USDT", net.cast.whale, net.cast.liquidator)
    net.market.set_price(in_ticks(WHALE_PRICE_USD - 1))
    assert net.market.account(net.cast.whale).health_factor_wad < WAD


def test_a_liquidation_takes_collateral_and_debt_and_logs_it(net: AaveNet) -> None:
    net.market.set_price(in_ticks(WHALE_PRICE_USD - 5))
    before = net.market.account(net.cast.whale)
    receipt = net.market.liquidate("WETH", "USDT", net.cast.whale, net.cast.liquidator)
    after = net.market.account(net.cast.whale)
    assert after.debt_base < before.debt_base
    assert after.collateral_base < before.collateral_base
    assert after.health_factor_wad > WAD > before.health_factor_wad
    topics = [log["topics"][0] for log in receipt["logs"]]
    assert topics.count(net.market.pool.topic("LiquidationCall")) == 1
    assert topics[-1] == "0xe413a321e8681d831f4dbccbca790d2952b56f977908e45be37335533e005286"


def test_the_short_is_liquidatable_just_above_its_price(net: AaveNet) -> None:
    net.market.set_price(in_ticks(SHORT_PRICE_USD - 1))
    assert net.market.account(net.cast.short).health_factor_wad > WAD
    net.market.set_price(in_ticks(SHORT_PRICE_USD + 1))
    assert net.market.account(net.cast.short).health_factor_wad < WAD


def test_no_eth_price_moves_the_loop(net: AaveNet) -> None:
    factors = []
    for usd in (500, 2400, 10_000):
        net.market.set_price(in_ticks(usd))
        factors.append(net.market.account(net.cast.loop).health_factor_wad)
    assert max(factors) - min(factors) < WAD // 10**7


def test_the_lst_adapter_follows_the_feed_and_caps_the_ratio(net: AaveNet) -> None:
    market, adapter = net.market, net.market.adapters["wstETH"]
    read = market.deployer.read
    market.set_price(2000 * TICKS_PER_USD)
    assert read(adapter, "latestAnswer") == 2400 * TICKS_PER_USD
    assert read(adapter, "BASE_TO_USD_AGGREGATOR") == market.feeds["ETH"].address
    assert read(market.oracle, "getSourceOfAsset", market.tokens["wstETH"]) == adapter.address
    market.set_ratio(2 * WAD)
    assert read(adapter, "isCapped") is True
    assert read(adapter, "latestAnswer") < 2401 * TICKS_PER_USD


def test_each_test_finds_the_price_of_the_start(net: AaveNet) -> None:
    assert net.market.price() == 2400 * TICKS_PER_USD


def test_a_feed_keeps_its_rounds(aave_v30_net: AaveNet) -> None:
    market = aave_v30_net.market
    market.set_price(in_ticks(2399.5))
    feed, read = market.feeds["ETH"], market.deployer.read
    number, answer, started, updated, answered = read(feed, "latestRoundData")
    assert (number, answer, answered) == (2, in_ticks(2399.5), 2)
    assert started == updated == int(aave_v30_net.anvil.control.block()["timestamp"], 16)
    assert read(feed, "getRoundData", 1)[1] == 2400 * TICKS_PER_USD
    with pytest.raises(LocalnetError, match="revert"):
        read(feed, "getRoundData", 3)


def test_multicall3_stands_at_its_usual_address(aave_v30_net: AaveNet) -> None:
    answer = aave_v30_net.anvil.call("eth_call", {"to": MULTICALL3, "data": "0x42cbb15c"}, "latest")
    assert int(answer, 16) == aave_v30_net.anvil.control.head_number()  # getBlockNumber()


def test_a_category_of_v32_changes_only_its_members(aave_v32_net: AaveNet) -> None:
    market, account = aave_v32_net.market, aave_v32_net.cast.others[0]
    market.supply("WETH", account, 10 * WAD)
    market.supply("wstETH", account, 10 * WAD)
    base = market.account(account).threshold_bps
    market.set_emode(account, 2)
    dollars = market.account(account).threshold_bps
    market.set_emode(account, 1)
    assert base < dollars < market.account(account).threshold_bps == 9500


def test_a_morpho_borrower_is_liquidated_below_its_price(morpho_net: MorphoNet) -> None:
    borrower, liquidator = morpho_net.accounts[:2]
    market = morpho_net.weth_usdc
    debt = 10 * 1780 * 86 * 10**6 // 100
    morpho_net.open(market, borrower, 10 * WAD, debt)
    morpho_net.fund(market.loan, liquidator, 10**6 * 10**6)
    liquidation = ("liquidate", market.params, borrower, WAD, 0, b"")
    with pytest.raises(LocalnetError, match="position is healthy"):
        morpho_net.act(*liquidation, sender=liquidator)
    morpho_net.set_price(in_ticks(1779))
    receipt = morpho_net.act(*liquidation, sender=liquidator)
    assert morpho_net.events.topic("Liquidate") in [log["topics"][0] for log in receipt["logs"]]
    read = morpho_net.deployer.read
    assert read(morpho_net.morpho, "position", market.id, borrower)[2] == 9 * WAD


def test_morpho_market_prices_follow_their_feeds(morpho_net: MorphoNet) -> None:
    morpho_net.set_price(2000 * TICKS_PER_USD)
    read = morpho_net.deployer.read
    assert read(morpho_net.weth_usdc.oracle, "price") == 2000 * 10 ** (36 + 6 - 18)
    assert read(morpho_net.usdc_weth.oracle, "price") == 10 ** (36 + 18 - 6) // 2000
    assert read(morpho_net.wsteth_weth.oracle, "price") == 12 * 10**35
    assert read(morpho_net.opaque.oracle, "price") == 2400 * 10 ** (36 + 6 - 18)
