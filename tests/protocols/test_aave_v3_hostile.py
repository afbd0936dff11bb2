"""What a pool, a feed or a token may do to us: never a crash, never a false number, always a cause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from monitor.chain.clock import SystemClock
from monitor.chain.endpoints import Endpoints
from monitor.chain.pinned import Pinned
from monitor.chain.reader import Reader, events, prove
from monitor.lending.outcome import AlreadyLiquidatable, Insensitive, LiquidatableBelow
from monitor.lending.position import EventKind, Position, ProofState, Seen, Unseen
from monitor.localnet.aave_v3 import Market
from monitor.protocols.aave_v3 import AaveV3
from monitor.protocols.aave_v3_deployments import Deployment
from monitor.units import TICKS_PER_USD, WAD, Address
from tests.support.localnet import AaveNet

pytestmark = pytest.mark.localnet
REVERT = "0x60006000fd"
LOOP_FOREVER = "0x5b600056"
ONE_BYTE = "0x60016000f3"
SPURIOUS = "0x" + "fe" * 8


@pytest.fixture(params=["aave_v30_net", "aave_v32_net"])
def net(request: pytest.FixtureRequest) -> AaveNet:
    return request.getfixturevalue(request.param)


def adapter_of(market: Market) -> AaveV3:
    return AaveV3((Deployment("aave_v3", "Local", market.pool.address, market.tokens["WETH"].address),))


@contextmanager
def pinned_head(net: AaveNet) -> Iterator[Pinned]:
    with Endpoints([net.anvil.url], clock=SystemClock()) as endpoints:
        yield endpoints.pinned(endpoints.head())


def read(net: AaveNet, adapter: AaveV3 | None = None) -> dict[Address, Seen]:
    """The three actors; mining first, so that what was changed without a transaction is in the head."""
    net.anvil.control.mine()
    with pinned_head(net) as pinned:
        seen = Reader().positions(pinned, [adapter or adapter_of(net.market)], list(net.cast[1:4]))
    return {one.key.account: one for one in seen}


def unseen(one: Seen) -> str:
    assert isinstance(one, Unseen)
    return one.cause


@pytest.mark.parametrize("answer", [0, -1, -(2**255), 2**255 - 1])
def test_a_broken_answer_of_one_feed_hides_only_who_holds_the_asset(net: AaveNet, answer: int) -> None:
    net.market.deployer.send(net.market.feeds["USDT"], "report", answer)
    seen = read(net)
    assert "price" in unseen(seen[net.cast.whale]) or "refuses" in unseen(seen[net.cast.whale])
    assert isinstance(seen[net.cast.loop], Position)
    assert isinstance(seen[net.cast.short], Position)


@pytest.mark.parametrize("code", [REVERT, ONE_BYTE, SPURIOUS, "0x"])
def test_a_broken_feed_hides_only_who_holds_the_asset(net: AaveNet, code: str) -> None:
    net.anvil.control.set_code(net.market.feeds["USDT"].address, code)
    seen = read(net)
    assert "price" in unseen(seen[net.cast.whale])
    assert isinstance(seen[net.cast.loop], Position)
    assert isinstance(seen[net.cast.short], Position)


def test_a_feed_that_eats_all_gas_starves_nobody_else(aave_v30_net: AaveNet) -> None:
    net = aave_v30_net
    net.anvil.control.set_code(net.market.feeds["USDT"].address, LOOP_FOREVER)
    seen = read(net)
    assert "price" in unseen(seen[net.cast.whale])
    assert isinstance(seen[net.cast.loop], Position)
    assert isinstance(seen[net.cast.short], Position)


@pytest.mark.parametrize("code", [REVERT, ONE_BYTE, "0x"])
def test_without_the_eth_feed_nobody_who_depends_on_it_is_judged(net: AaveNet, code: str) -> None:
    net.anvil.control.set_code(net.market.feeds["ETH"].address, code)
    seen = read(net)
    assert {type(one) for one in seen.values()} == {Unseen}


@pytest.mark.parametrize("code", [REVERT, ONE_BYTE, "0x"])
def test_a_pool_that_does_not_answer_is_unseen_for_every_account(net: AaveNet, code: str) -> None:
    adapter = adapter_of(net.market)
    read(net, adapter)
    net.anvil.control.set_code(net.market.pool.address, code)
    seen = read(net, adapter)
    assert len(seen) == 3
    assert all("the pool" in unseen(one) or "pool" in unseen(one) for one in seen.values())


def test_a_broken_token_hides_only_who_holds_it(net: AaveNet) -> None:
    net.anvil.control.set_code(net.market.tokens["USDT"].address, REVERT)
    assert {type(one) for one in read(net).values()} == {Position}
    pool = net.market.deployer.read(net.market.pool, "getReserveData", net.market.tokens["USDT"])
    net.anvil.control.set_code(pool[10], REVERT)
    seen = read(net)
    assert isinstance(seen[net.cast.whale], Unseen)
    assert isinstance(seen[net.cast.loop], Position)


def test_a_paused_reserve_is_noted(net: AaveNet) -> None:
    net.market.deployer.send(
        net.market.configurator, "setReservePause(address,bool)", net.market.tokens["USDT"], True
    )
    whale = read(net)[net.cast.whale]
    assert isinstance(whale, Position)
    assert any("USDT is paused" in note for note in whale.notes)
    assert isinstance(whale.outcome, LiquidatableBelow)


def test_a_capped_adapter_is_noticed_and_its_price_still_proved(net: AaveNet) -> None:
    market, account = net.market, net.cast.others[0]
    market.supply("wstETH", account, 100 * WAD)
    market.borrow("USDT", account, 150_000 * 10**6)
    market.set_ratio(15 * WAD // 10)
    net.anvil.control.mine()
    adapter = adapter_of(market)
    with pinned_head(net) as pinned:
        (one,) = Reader().positions(pinned, [adapter], [account])
        assert isinstance(one, Position)
        assert any("wstETH is capped" in note for note in one.notes)
        assert isinstance(one.outcome, LiquidatableBelow)
        expected = 150_000 / (100 * 1.2 * 0.81)
        assert one.outcome.tick / TICKS_PER_USD == pytest.approx(expected, rel=1e-4)
        assert prove(pinned, adapter, one).state is ProofState.PROVED


def test_parameters_and_flags_of_the_block_count(net: AaveNet) -> None:
    market = net.market
    before = read(net)[net.cast.whale]
    market.deployer.send(
        market.configurator, "configureReserveAsCollateral", market.tokens["WETH"], 7000, 7500, 10500
    )
    after = read(net)[net.cast.whale]
    assert isinstance(before, Position)
    assert isinstance(after, Position)
    assert isinstance(before.outcome, LiquidatableBelow)
    assert isinstance(after.outcome, LiquidatableBelow)
    assert after.outcome.tick == pytest.approx(before.outcome.tick * 8300 / 7500, rel=1e-6)


def test_a_real_liquidation_is_seen_coming_seen_and_recorded(net: AaveNet) -> None:
    market, adapter = net.market, adapter_of(net.market)
    whale = read(net, adapter)[net.cast.whale]
    assert isinstance(whale, Position)
    assert isinstance(whale.outcome, LiquidatableBelow)
    market.set_price(whale.outcome.tick - 100)
    doomed = read(net, adapter)[net.cast.whale]
    assert isinstance(doomed, Position)
    assert isinstance(doomed.outcome, AlreadyLiquidatable)
    with pinned_head(net) as pinned:
        assert prove(pinned, adapter, doomed).state is ProofState.PROVED
    receipt = market.liquidate("WETH", "USDT", net.cast.whale, net.cast.liquidator)
    with pinned_head(net) as pinned:
        found = events(pinned, [adapter])
    liquidations = [(log, event) for log, event in found if event.kind is EventKind.LIQUIDATION]
    assert len(liquidations) == 1
    log, event = liquidations[0]
    assert (event.key.account, event.token) == (net.cast.whale, market.tokens["USDT"].address)
    assert event.amount is not None
    assert event.amount > 0
    assert market.tokens["WETH"].address in event.detail
    assert log.transaction_hash == receipt["transactionHash"]


def test_what_owners_do_is_decoded(net: AaveNet) -> None:
    market, account, adapter = net.market, net.cast.others[1], adapter_of(net.market)
    read(net, adapter)
    seen: list[tuple[EventKind, Address | None, int | None]] = []

    def note() -> None:
        with pinned_head(net) as pinned:
            seen.extend(
                (e.kind, e.token, e.amount) for _, e in events(pinned, [adapter]) if e.key.account == account
            )

    weth, usdt = market.tokens["WETH"].address, market.tokens["USDT"].address
    market.supply("WETH", account, 10 * WAD)
    note()
    market.borrow("USDT", account, 5_000 * 10**6)
    note()
    market.repay("USDT", account, 1_000 * 10**6)
    note()
    market.act("withdraw", market.tokens["WETH"], WAD, account, sender=account)
    note()
    assert seen == [
        (EventKind.COLLATERAL_ON, weth, None),
        (EventKind.SUPPLY, weth, 10 * WAD),
        (EventKind.BORROW, usdt, 5_000 * 10**6),
        (EventKind.REPAY, usdt, 1_000 * 10**6),
        (EventKind.WITHDRAW, weth, WAD),
    ]
    seen.clear()
    market.supply("USDC", account, 10**6)
    market.act("setUserUseReserveAsCollateral", market.tokens["USDC"], False, sender=account)
    note()
    market.set_emode(net.cast.others[2], 1)
    with pinned_head(net) as pinned:
        (mode,) = [event for _, event in events(pinned, [adapter])]
    assert (mode.kind, mode.key.account, mode.detail) == (EventKind.EMODE, net.cast.others[2], "category 1")
    assert seen == [(EventKind.COLLATERAL_OFF, market.tokens["USDC"].address, None)]


def test_a_loop_is_a_loop_whatever_the_price(net: AaveNet) -> None:
    for price in (1, 100, 2400, 90_000):
        net.market.set_price(price * TICKS_PER_USD)
        loop = read(net)[net.cast.loop]
        assert isinstance(loop, Position)
        assert isinstance(loop.outcome, Insensitive)


def silent_adapter(feed: str, ratio_wad: int) -> str:
    """An adapter in the style of SparkLend's: it names its feed as `ethSource` and tells no ratio."""
    answer = f"6350d25bcd60e01b600052602060006004600073{feed[2:]}5afa50"
    product = f"6f{ratio_wad:032x}60005102670de0b6b3a76400009004"
    head = "60003560e01c8063{:08x}1460{:02x}578063{:08x}1460{:02x}5760006000fd"
    give = "60005260206000f3"
    body = f"5b{answer}{product}{give}"
    start = len(head.format(0, 0, 0, 0)) // 2
    code = head.format(0x50D25BCD, start, 0x5B7312A2, start + len(body) // 2)
    return f"0x{code}{body}5b73{feed[2:]}{give}"


@pytest.mark.parametrize("ratio", [1_234_567_890_123_456_789, 1_000_000_000_000_000_001])
def test_an_adapter_that_does_not_tell_its_ratio_is_asked_by_an_absurd_price(
    net: AaveNet, ratio: int
) -> None:
    market, account, adapter = net.market, net.cast.others[0], adapter_of(net.market)
    code = silent_adapter(market.feeds["ETH"].address, ratio)
    net.anvil.control.set_code(market.adapters["wstETH"].address, code)
    market.supply("wstETH", account, 10**6 * WAD)
    market.borrow("USDT", account, 500_000_000 * 10**6)
    net.anvil.control.mine()
    with pinned_head(net) as pinned:
        (one,) = Reader().positions(pinned, [adapter], [account])
        assert isinstance(one, Position)
        assert isinstance(one.outcome, LiquidatableBelow)
        assert one.notes == ()
        assert one.collaterals[0].follows_eth
        assert prove(pinned, adapter, one).state is ProofState.PROVED


def test_a_grace_period_is_noted(aave_v32_net: AaveNet) -> None:
    net, market = aave_v32_net, aave_v32_net.market
    function = "setReservePause(address,bool,uint40)"
    market.deployer.send(market.configurator, function, market.tokens["USDT"], False, 3_600)
    whale = read(net)[net.cast.whale]
    assert isinstance(whale, Position)
    assert any("USDT has a grace period" in note for note in whale.notes)
    loop = read(net)[net.cast.loop]
    assert isinstance(loop, Position)
    assert loop.notes == ()
