"""Aave v3.0 and v3.2, the protocol's own bytecode on a local chain: RPC -> position -> price -> proof."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contracts_abi import aave_v3 as abi
from monitor.chain.clock import SystemClock
from monitor.chain.endpoints import Endpoints
from monitor.chain.pinned import EthCall, Override, Pinned
from monitor.chain.reader import Reader, prove
from monitor.lending.aave import account_data, resolve
from monitor.lending.aave_model import AaveModel
from monitor.lending.outcome import (
    Insensitive,
    LiquidatableAbove,
    LiquidatableBelow,
    NeverByEth,
    NeverReason,
    distance,
    liquidation_tick,
)
from monitor.lending.position import Position, ProofState
from monitor.protocols.aave_v3 import AaveV3
from monitor.protocols.aave_v3_deployments import Deployment
from monitor.protocols.feed_stub import constant_feed
from monitor.readings.remedies import fixes
from monitor.units import TICKS_PER_USD, WAD, Address
from tests.support.aave_crowd import Spec, open_crowd, specs
from tests.support.commands import ethmon
from tests.support.localnet import AaveNet

pytestmark = pytest.mark.localnet
EXAMPLES, CROWD = 6, 42
"""252 accounts of each version; the first crowd is always the plainest."""
crowd_settings = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)


def lower(address: str) -> Address:
    return Address(address.lower())


def adapter_of(net: AaveNet) -> AaveV3:
    weth = net.market.tokens["WETH"].address
    return AaveV3((Deployment("aave_v3", "Local", lower(net.market.pool.address), lower(weth)),))


@contextmanager
def pinned_head(net: AaveNet) -> Iterator[Pinned]:
    with Endpoints([net.anvil.url], clock=SystemClock()) as endpoints:
        yield endpoints.pinned(endpoints.head())


@pytest.fixture(params=["aave_v30_net", "aave_v32_net"])
def net(request: pytest.FixtureRequest) -> AaveNet:
    return request.getfixturevalue(request.param)


def cast_positions(net: AaveNet, pinned: Pinned) -> tuple[dict[Address, Position], AaveV3]:
    adapter = adapter_of(net)
    seen = Reader().positions(pinned, [adapter], [lower(a) for a in (*net.cast[:4], *net.cast.others)])
    return {one.key.account: one for one in seen if isinstance(one, Position)}, adapter


def test_the_cast_has_the_classes_it_was_opened_for(net: AaveNet) -> None:
    with pinned_head(net) as pinned:
        found, adapter = cast_positions(net, pinned)
        whale, loop = found[lower(net.cast.whale)], found[lower(net.cast.loop)]
        short, lender = found[lower(net.cast.short)], found[lower(net.cast.lender)]
        assert len(found) == 4
        assert isinstance(whale.outcome, LiquidatableBelow)
        assert 1780 * TICKS_PER_USD <= whale.outcome.tick < 1781 * TICKS_PER_USD
        assert isinstance(short.outcome, LiquidatableAbove)
        assert 3099 * TICKS_PER_USD < short.outcome.tick <= 3101 * TICKS_PER_USD
        assert isinstance(loop.outcome, Insensitive)
        assert lender.outcome == NeverByEth(NeverReason.NO_DEBT)
        assert [prove(pinned, adapter, one).state for one in (whale, short)] == [ProofState.PROVED] * 2
        assert prove(pinned, adapter, loop).state is ProofState.NOT_PROVED


def test_a_wrong_price_is_refuted_by_the_contract(net: AaveNet) -> None:
    from dataclasses import replace

    with pinned_head(net) as pinned:
        found, adapter = cast_positions(net, pinned)
        whale = found[lower(net.cast.whale)]
        assert isinstance(whale.outcome, LiquidatableBelow)
        for tick in (whale.outcome.tick + 1, whale.outcome.tick - 1):
            wrong = replace(whale, outcome=replace(whale.outcome, tick=tick))
            assert prove(pinned, adapter, wrong).state is ProofState.REFUTED


def test_a_hundred_wallets_take_a_handful_of_round_trips(net: AaveNet) -> None:
    with pinned_head(net) as pinned:
        adapter, reader = adapter_of(net), Reader()
        accounts = [lower(a) for a in (*net.cast[:4], *net.cast.others)] + [
            Address(f"0x{n + 1:040x}") for n in range(100)
        ]
        reader.positions(pinned, [adapter], accounts)
        before = reader.round_trips
        assert len(reader.positions(pinned, [adapter], accounts)) == 4
        assert reader.round_trips - before <= 5


def test_a_chain_without_multicall_gives_the_same(net: AaveNet) -> None:
    with pinned_head(net) as pinned:
        with_it, _ = cast_positions(net, pinned)
    net.anvil.control.set_code("0xca11bde05977b3631167028862be2a173976ca11", b"")
    net.anvil.control.mine()
    with pinned_head(net) as pinned:
        without, _ = cast_positions(net, pinned)
    assert with_it.keys() == without.keys()
    assert [p.rule for p in with_it.values()] == [p.rule for p in without.values()]


def contract_data(
    pinned: Pinned, pool: Address, feed: Address, account: Address, tick: int
) -> tuple[int, ...]:
    override = {feed: Override(code=constant_feed(tick))}
    answer = pinned.eth_calls([EthCall(pool, abi.USER_ACCOUNT_DATA.encode(account))], override)[0]
    assert isinstance(answer, bytes)
    return tuple(abi.USER_ACCOUNT_DATA.decode(answer))


def check_crowd(net: AaveNet, folder: Path, crowd: list[Spec], days: int, percent: int) -> int:
    """Open the accounts, let time and price move, and compare every one with the contract. How many had debt."""
    control = net.anvil.control
    name = control.snapshot()
    try:
        accounts = open_crowd(net.market, crowd)
        control.set_next_time(int(control.block()["timestamp"], 16) + days * 86_400 + 7)
        net.market.set_price(net.market.price() * percent // 100)
        with pinned_head(net) as pinned:
            positions = read_all(net, pinned, accounts)
            check_command(net, folder, [position for position, _ in positions])
            return sum(check_position(net, pinned, one) for one in positions)
    finally:
        control.call("anvil_autoImpersonateAccount", False)
        control.revert(name)


def check_command(net: AaveNet, folder: Path, positions: list[Position]) -> None:
    """`ethmon positions` shows the same prices, which the node has proved."""
    accounts = [position.key.account for position in positions]
    done = ethmon(folder, "positions", *accounts, "--json", ETH_RPC_URLS=net.anvil.url)
    assert done.returncode == 0, done.stderr
    told = {line["account"]: line for line in json.loads(done.stdout)["positions"]}
    assert told.keys() == set(accounts)
    for position in positions:
        line, tick = told[position.key.account], liquidation_tick(position.outcome)
        assert line["liquidation_price"] == (None if tick is None else str(tick))
        assert line["health_factor"] == (
            None if position.health_factor is None else str(position.health_factor)
        )
        assert line["proof"] == "proved" or tick is None


def read_all(net: AaveNet, pinned: Pinned, accounts: list[Address]) -> list[tuple[Position, AaveV3]]:
    adapter = adapter_of(net)
    seen = Reader().positions(pinned, [adapter], accounts)
    assert [one for one in seen if not isinstance(one, Position)] == []
    assert len(seen) == len(accounts)
    return [(one, adapter) for one in seen if isinstance(one, Position)]


def check_position(net: AaveNet, pinned: Pinned, pair: tuple[Position, AaveV3]) -> bool:
    position, adapter = pair
    assert isinstance(position.model, AaveModel)
    resolved = resolve(position.model.market, position.model.account)
    pool, feed = lower(net.market.pool.address), lower(net.market.feeds["ETH"].address)
    tick = liquidation_tick(position.outcome)
    ticks = [position.price.answer] if tick is None else [tick - 1, tick, tick + 1]
    for price in ticks:
        told = contract_data(pinned, pool, feed, position.key.account, price)
        assert told == tuple(account_data(resolved, price)), (position, price)
    if tick is not None:
        assert prove(pinned, adapter, position).state is ProofState.PROVED
        assert contract_data(pinned, pool, feed, position.key.account, tick)[5] < WAD
    return bool(position.debt_value)


def check_crowds(net: AaveNet, folder: Path, emodes: list[int]) -> None:
    checked: list[int] = []

    @given(st.lists(specs(emodes), min_size=CROWD, max_size=CROWD), st.integers(0, 300), st.integers(60, 150))
    @crowd_settings
    def check(crowd: list[Spec], days: int, percent: int) -> None:
        checked.append(check_crowd(net, folder, crowd, days, percent))

    check()
    assert len(checked) * CROWD >= 200
    assert sum(checked) >= 100, "accounts with debt"


def test_random_accounts_of_v30(aave_v30_net: AaveNet, tmp_path: Path) -> None:
    check_crowds(aave_v30_net, tmp_path, [1])


def test_random_accounts_of_v32(aave_v32_net: AaveNet, tmp_path: Path) -> None:
    check_crowds(aave_v32_net, tmp_path, [1, 2, 3])


def test_supposed_prices_are_what_the_pool_says_once_they_come(net: AaveNet, tmp_path: Path) -> None:
    """The command's health factors at prices that are not there yet, and then the pool's at those prices."""
    weth = lower(net.market.tokens["WETH"].address)
    mine = f'[[aave_v3]]\nchain_id = 1337\nmarket = "Mine"\npool = "{net.market.pool.address}"\nweth = "{weth}"\n'
    (tmp_path / "own.toml").write_text(mine)
    accounts = [lower(account) for account in net.cast[:4]]
    prices = ["900", "1779.99999999", "$1,780.50", "2400", "5000"]
    options = [part for price in prices for part in ("--if-eth", price)]
    done = ethmon(
        tmp_path, "positions", *accounts, *options, "--json",
        ETH_RPC_URLS=net.anvil.url, ETHMON_DEPLOYMENTS="own.toml",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["hypothetical"].startswith("Hypothetical:")
    rows = {row["account"]: row["if"] for row in told["positions"] if row["market"] == "Mine"}
    assert set(rows) == set(accounts)
    verdicts, feed = set(), lower(net.market.feeds["ETH"].address)
    with pinned_head(net) as pinned:
        for place, price in enumerate((900, 1_779.99999999, 1_780.5, 2_400, 5_000)):
            for account in accounts:
                tick = round(price * TICKS_PER_USD)
                then = abi.UserAccountData(
                    *contract_data(pinned, lower(net.market.pool.address), feed, account, tick)
                )
                assert rows[account][place] == {
                    "eth_usd": f"{price:.2f}" if price != 1_779.99999999 else "1779.99999999",
                    "liquidatable": then.health_factor < WAD,
                    "health_factor": str(then.health_factor) if then.debt else None,
                    "cause": "",
                }
                verdicts.add((account, then.health_factor < WAD))
    assert len(verdicts) > len(accounts)


@pytest.mark.parametrize(
    "price", ["", "free", "nan", "inf", "-5", "0", "1e9", "1.123456789", "1e999999", "1800,50", "1,5"]
)
def test_a_supposed_price_that_is_none_is_refused(tmp_path: Path, price: str) -> None:
    done = ethmon(
        tmp_path, "positions", "0x" + "ab" * 20, "--if-eth", price, ETH_RPC_URLS="http://127.0.0.1:1"
    )
    assert done.returncode == 2
    assert "--if-eth" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("way", ["repay", "add"])
def test_what_would_fix_it_fixes_it_on_the_chain(net: AaveNet, way: str) -> None:
    """The whale is under water; it does what the row says, and the pool finds it safe, but only just."""
    whale = net.cast.whale
    net.market.set_price(1_700 * TICKS_PER_USD)
    with pinned_head(net) as pinned:
        found, _ = cast_positions(net, pinned)
    row = found[lower(whale)]
    assert row.remedy is not None
    assert net.market.account(whale).health_factor_wad < WAD
    # A millionth more: two blocks of interest pass meanwhile.
    if way == "repay":
        assert row.remedy.repay is not None
        net.market.repay(row.debts[0].symbol, whale, row.remedy.repay * 1_000_001 // 1_000_000)
    else:
        assert row.remedy.add is not None
        net.market.supply(row.collaterals[0].symbol, whale, row.remedy.add * 1_000_001 // 1_000_000)
    assert WAD <= net.market.account(whale).health_factor_wad < WAD + WAD // 10_000


def test_the_advice_leads_as_far_away_as_it_says(net: AaveNet) -> None:
    """`Repay about 12.3 million USDT to be 20% away`: done on the chain, and measured again."""
    whale = net.cast.whale
    net.market.set_price(2_000 * TICKS_PER_USD)
    with pinned_head(net) as pinned:
        found, _ = cast_positions(net, pinned)
    (repay, add) = fixes(found[lower(whale)])
    amount = float(repay.split()[2].replace(",", ""))
    assert repay.endswith("USDT to be 20% away")
    assert add.endswith("WETH to be 20% away")
    net.market.repay("USDT", whale, int(amount * 10**6))
    with pinned_head(net) as pinned:
        found, _ = cast_positions(net, pinned)
    row = found[lower(whale)]
    assert 0.2 - 1e-6 <= (distance(row.outcome, row.price.answer) or 0) < 0.21


def test_what_a_liquidation_costs(net: AaveNet) -> None:
    """The base bonus of WETH is 5 %, that of the ETH category 1 %."""
    with pinned_head(net) as pinned:
        found, _ = cast_positions(net, pinned)
    whale, loop = found[lower(net.cast.whale)].terms, found[lower(net.cast.loop)].terms
    assert whale is not None
    assert loop is not None
    assert (whale.close_factor, whale.penalty) == (WAD // 2, 5 * WAD // 100)
    assert (loop.close_factor, loop.penalty) == (WAD // 2, WAD // 100)
    assert found[lower(net.cast.lender)].terms is None
