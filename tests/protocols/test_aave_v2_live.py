"""Aave v2's own bytecode on a local chain: prices found by asking, against the arithmetic restated here."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from contracts_abi.interface import encode_values, interface
from monitor.chain.clock import SystemClock
from monitor.chain.endpoints import Endpoints
from monitor.chain.pinned import Pinned
from monitor.chain.reader import Reader, events, prove
from monitor.lending.outcome import (
    AlreadyLiquidatable,
    Insensitive,
    LiquidatableAbove,
    LiquidatableBelow,
    NeverByEth,
    NeverReason,
)
from monitor.lending.position import EventKind, Position, ProofState, Unseen
from monitor.localnet.anvil import Anvil
from monitor.protocols.aave_v2 import AaveV2, Pool
from monitor.protocols.base import EventLog
from monitor.units import BPS, SECONDS_PER_DAY, TICKS_PER_USD, WAD, Address, BlockNumber
from tests.support.aave_v2 import ASSETS, STABLE, VARIABLE, AaveV2Net, deploy_aave_v2
from tests.support.commands import ethmon
from tests.support.localnet import NET

pytestmark = pytest.mark.localnet
PEOPLE = 24


@pytest.fixture(scope="module")
def deployed() -> Iterator[AaveV2Net]:
    with Anvil.start(NET) as anvil:
        yield deploy_aave_v2(anvil)


@pytest.fixture
def net(deployed: AaveV2Net) -> Iterator[AaveV2Net]:
    name = deployed.anvil.control.snapshot()
    yield deployed
    deployed.anvil.control.revert(name)


def lower(address: str) -> Address:
    return Address(address.lower())


def adapter_of(net: AaveV2Net) -> AaveV2:
    ether = {lower(net.tokens[name].address) for name in ("WETH", "stETH")}
    return AaveV2([Pool("Local", lower(net.pool.address))], ether, {lower(net.eth_usd.address)})


@contextmanager
def head(net: AaveV2Net) -> Iterator[Pinned]:
    with Endpoints([net.anvil.url], clock=SystemClock()) as endpoints:
        yield endpoints.pinned(endpoints.head())


def opened(net: AaveV2Net, account: str, have: dict[str, float], owe: dict[str, tuple[float, int]]) -> None:
    """`have` in whole tokens; `owe`: whole tokens, and at which kind of rate."""
    for name, amount in have.items():
        net.deposit(name, account, int(amount * 10 ** ASSETS[name].decimals))
    for name, (amount, mode) in owe.items():
        net.borrow(name, account, int(amount * 10 ** ASSETS[name].decimals), mode)


def crowd(net: AaveV2Net, seed: int) -> list[Address]:
    """Accounts of every mixture, in debt up to close under what the pool lends."""
    dice, names = random.Random(seed), ("WETH", "stETH", "USDT", "WBTC")
    accounts = net.deployer.accounts[1 : PEOPLE + 1]
    for account in accounts:
        ether = 10 ** dice.uniform(0, 4)
        have = {
            name: ether / (ASSETS[name].price / WAD) * dice.uniform(0.2, 1)
            for name in dice.sample(names, dice.randint(1, 3))
        }
        power = sum(
            amount * ASSETS[name].price / WAD * ASSETS[name].ltv / BPS for name, amount in have.items()
        )
        owed, share = dice.sample(names, dice.randint(1, 2)), power * dice.uniform(0.4, 0.97)
        owe = {name: (share / len(owed) / (ASSETS[name].price / WAD), VARIABLE) for name in owed}
        # A stable rate only where nothing of the same asset is collateral: the pool's own rule.
        owe = {
            name: (amount, STABLE if name not in have and dice.random() < 0.4 else mode)
            for name, (amount, mode) in owe.items()
        }
        opened(net, account, {**have, "DUST": 5}, owe)
    return [lower(account) for account in accounts]


def restated(net: AaveV2Net, position: Position, eth_now: int, tick: int) -> int:
    """The pool's health factor at a price, from the amounts of the row: its library's arithmetic once more."""
    by_token = {lower(contract.address): name for name, contract in net.tokens.items()}

    def ether(leg: object) -> tuple[int, int]:
        terms = ASSETS[by_token[leg.token]]
        moved = terms.price if leg.follows_eth else terms.price * eth_now // tick
        return leg.amount * moved // 10**terms.decimals, terms.threshold

    values = [ether(leg) for leg in position.collaterals]
    collateral, debt = sum(value for value, _ in values), sum(ether(leg)[0] for leg in position.debts)
    average = sum(value * threshold for value, threshold in values) // collateral
    weighted = (collateral * average + BPS // 2) // BPS
    return (weighted * WAD + debt // 2) // debt


def test_a_crowd_is_priced_to_the_tick_and_proved(net: AaveV2Net) -> None:
    accounts, adapter = crowd(net, seed=41), adapter_of(net)
    net.anvil.control.call("evm_increaseTime", 40 * SECONDS_PER_DAY)
    net.anvil.control.call("evm_mine")
    kinds = set()
    with head(net) as pinned:
        seen = Reader().positions(pinned, [adapter], accounts)
        assert len(seen) == len(accounts)
        for one in seen:
            assert isinstance(one, Position), one
            eth_now, outcome = one.price.answer, one.outcome
            assert one.health_factor == restated(net, one, eth_now, eth_now)
            kinds.add(type(outcome))
            if isinstance(outcome, AlreadyLiquidatable):
                assert one.health_factor < WAD
            if not isinstance(outcome, LiquidatableBelow | LiquidatableAbove):
                continue
            down = isinstance(outcome, LiquidatableBelow)
            assert restated(net, one, eth_now, outcome.tick) < WAD
            assert restated(net, one, eth_now, outcome.tick + (1 if down else -1)) >= WAD
            between = [eth_now + (outcome.tick - eth_now) * step // 60 for step in range(60)]
            assert all(restated(net, one, eth_now, tick) >= WAD for tick in between)
            assert one.proof.state is ProofState.PROVED
            assert prove(pinned, adapter, one).state is ProofState.PROVED
            false = replace(one, outcome=replace(outcome, tick=outcome.tick + (2 if down else -2)))
            assert prove(pinned, adapter, false).state is ProofState.REFUTED
    assert {LiquidatableBelow, LiquidatableAbove} <= kinds


def test_classes_of_one_account_each(net: AaveV2Net) -> None:
    long, short, loop, dollars, idle, nobody = net.deployer.accounts[1:7]
    opened(net, long, {"WETH": 100}, {"USDT": (120_000, VARIABLE)})
    opened(net, short, {"USDT": 240_000}, {"WETH": (50, STABLE)})
    opened(net, loop, {"stETH": 100}, {"WETH": (60, VARIABLE)})
    opened(net, dollars, {"WBTC": 1}, {"USDT": (20_000, VARIABLE)})
    opened(net, idle, {"WETH": 1, "DUST": 7}, {})
    with head(net) as pinned:
        accounts = [lower(one) for one in (long, short, loop, dollars, idle, nobody)]
        rows = {one.key.account: one for one in Reader().positions(pinned, [adapter_of(net)], accounts)}
    assert set(rows) == set(accounts[:5])
    assert rows[lower(long)].outcome.tick // TICKS_PER_USD in {1395, 1396}  # 1,200 / 0.86
    assert rows[lower(short)].outcome.tick // TICKS_PER_USD in {3839, 3840}  # 240,000 * 0.8 / 50
    assert isinstance(rows[lower(loop)].outcome, Insensitive)
    assert rows[lower(dollars)].outcome.reason is NeverReason.NO_ETH
    assert rows[lower(idle)].outcome == NeverByEth(NeverReason.NO_DEBT)
    row = rows[lower(long)]
    assert [(leg.symbol, leg.follows_eth) for leg in (*row.collaterals, *row.debts)] == [
        ("WETH", True),
        ("USDT", False),
    ]
    assert row.collateral_value == 240_000 * TICKS_PER_USD
    assert abs(row.debt_value - 120_000 * TICKS_PER_USD) < 10 * TICKS_PER_USD
    assert row.linear.m / row.linear.a == pytest.approx(row.outcome.tick / TICKS_PER_USD, rel=1e-6)


def test_following_looks_find_what_a_first_look_finds_in_fewer_round_trips(net: AaveV2Net) -> None:
    """One adapter over blocks, jumps and a reorg, against a new one at each block."""
    long, short, mixed, loop = people = net.deployer.accounts[1:5]
    opened(net, long, {"WETH": 100}, {"USDT": (170_000, VARIABLE)})
    opened(net, short, {"USDT": 240_000}, {"WETH": (50, STABLE)})
    opened(net, mixed, {"stETH": 70, "WBTC": 2}, {"USDT": (60_000, STABLE), "WETH": (20, VARIABLE)})
    opened(net, loop, {"stETH": 100}, {"WETH": (60, VARIABLE)})
    accounts, control, remembering = [lower(one) for one in people], net.anvil.control, adapter_of(net)
    saved: list[int] = []
    kinds: set[type] = set()

    def look() -> None:
        control.call("evm_increaseTime", 12)
        control.call("evm_mine")
        following, first = Reader(), Reader()
        with head(net) as pinned:
            seen = following.positions(pinned, [remembering], accounts)
            assert seen == first.positions(pinned, [adapter_of(net)], accounts)
        assert all(isinstance(one, Position) for one in seen)
        kinds.update(type(one.outcome) for one in seen)
        saved.append(first.round_trips - following.round_trips)

    for _ in range(3):
        look()
    before = control.snapshot()
    look()
    assert saved[0] == 0
    assert all(trips >= 8 for trips in saved[2:])
    usdt = ASSETS["USDT"].price
    for moved in (usdt + 1, usdt * 11 // 10, usdt * 3 // 2, usdt):
        net.deployer.send(net.sources["USDT"], "report", moved)
        look()
    net.deployer.send(net.eth_usd, "report", 1500 * TICKS_PER_USD)
    look()
    net.deposit("WETH", long, 10**21)
    look()
    control.revert(before)
    look()
    look()
    assert kinds == {LiquidatableBelow, LiquidatableAbove, AlreadyLiquidatable, Insensitive, NeverByEth}


def test_what_cannot_be_told_is_a_gap_and_hides_nobody_else(net: AaveV2Net) -> None:
    long, idle = net.deployer.accounts[1:3]
    opened(net, long, {"WETH": 100}, {"USDT": (120_000, VARIABLE)})
    opened(net, idle, {"WETH": 1}, {})
    accounts = [lower(long), lower(idle)]
    unknown = AaveV2([Pool("Local", lower(net.pool.address))], (), ())
    with head(net) as pinned:
        assert all("no ETH/USD feed" in one.cause for one in Reader().positions(pinned, [unknown], accounts))
    net.deployer.send(net.sources["USDT"], "report", 0)
    with head(net) as pinned:
        seen = {one.key.account: one for one in Reader().positions(pinned, [adapter_of(net)], accounts)}
    assert isinstance(seen[lower(long)], Unseen)
    assert isinstance(seen[lower(idle)], Position)


def test_what_owners_and_liquidators_do_is_told(net: AaveV2Net) -> None:
    owner, keeper = net.deployer.accounts[1:3]
    opened(net, owner, {"WETH": 100}, {"USDT": (150_000, VARIABLE)})
    told = []
    adapter = adapter_of(net)
    with Endpoints([net.anvil.url], clock=SystemClock()) as endpoints:
        last = endpoints.head().number
        for number in range(last - 8, last + 1):
            at = endpoints.ref(BlockNumber(number))
            told += [
                event.kind
                for _, event in events(endpoints.pinned(at), [adapter])
                if event.key.account == lower(owner)
            ]
    assert told == [EventKind.COLLATERAL_ON, EventKind.SUPPLY, EventKind.BORROW]
    call = interface("aave_v2").events["LiquidationCall"]
    tokens = [encode_values(["address"], [net.tokens[name].address]) for name in ("WETH", "USDT")]
    topics = (call.topic, *tokens, encode_values(["address"], [owner]))
    data = encode_values(["uint256", "uint256", "address", "bool"], [5, 7, keeper, False])
    (event,) = adapter.decode_event(EventLog(lower(net.pool.address), topics, data, BlockNumber(1), 0, "0x"))
    assert (event.kind, event.amount, event.seized) == (
        EventKind.LIQUIDATION,
        5,
        (lower(net.tokens["WETH"].address), 7),
    )


def test_from_the_users_own_file_to_the_command_line(net: AaveV2Net, tmp_path: Path) -> None:
    long = net.deployer.accounts[1]
    opened(net, long, {"WETH": 100}, {"USDT": (120_000, VARIABLE)})
    ether = json.dumps([lower(net.tokens[name].address) for name in ("WETH", "stETH")])
    (tmp_path / "own.toml").write_text(
        f'[[aave_v2]]\nchain_id = 1337\nmarket = "Local"\npool = "{net.pool.address}"\n'
        f"[[eth_tokens]]\nchain_id = 1337\naddresses = {ether}\n"
        f'[[eth_feeds]]\nchain_id = 1337\naddresses = ["{net.eth_usd.address}"]\n'
    )
    settings = {"ETH_RPC_URLS": net.anvil.url, "ETHMON_DEPLOYMENTS": "own.toml"}
    done = ethmon(tmp_path, "positions", long, **settings)
    assert done.returncode == 0, done.stderr
    assert "Aave v2 Local" in done.stdout
    assert "≤ $1,39" in done.stdout
    assert "proved" in done.stdout
    done = ethmon(tmp_path, "positions", long, "--if-eth", "1300", "--if-eth", "1500", **settings)
    assert "LIQUIDATABLE" in done.stdout
    assert "safe" in done.stdout
