"""crvUSD loans: a range of prices, never one number."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts_abi import crvusd as abi
from contracts_abi import erc20, maker
from contracts_abi.interface import encode_values
from monitor.lending.outcome import AlreadyLiquidatable, Range, liquidation_tick
from monitor.lending.position import EventKind, Position, Unseen
from monitor.protocols.base import EventLog
from monitor.protocols.crvusd import CrvUsd, CrvUsdMarket
from monitor.units import WAD, BlockNumber
from tests.support.contracts import Contracts, address_of, block_at
from tests.support.hostile import spoil as spoil_some

CONTROLLER, AMM_AT, TOKEN, RATIO, COIN, OWNER = map(
    address_of, ("controller", "amm", "token", "ratio", "coin", "owner")
)
PLAIN = CrvUsdMarket("WETH", CONTROLLER, COIN)
STAKED = CrvUsdMarket("wstETH", CONTROLLER, COIN, RATIO)


@pytest.fixture
def contracts():
    told = Contracts()
    told.say(CONTROLLER, abi.AMM, AMM_AT)
    told.say(CONTROLLER, abi.COLLATERAL_TOKEN, TOKEN)
    told.say(CONTROLLER, abi.LOAN_EXISTS, True, to=(OWNER,))
    told.say(CONTROLLER, abi.USER_PRICES, 1800 * WAD, 1600 * WAD, to=(OWNER,))
    told.say(CONTROLLER, abi.USER_STATE, 10 * WAD, 0, 12_000 * WAD, 10, to=(OWNER,))
    told.say(CONTROLLER, abi.HEALTH, 8 * WAD // 100, to=(OWNER, True))
    told.say(AMM_AT, abi.PRICE_ORACLE, 2400 * WAD)
    told.say(TOKEN, erc20.DECIMALS, 18)
    told.said[TOKEN, erc20.SYMBOL.encode()] = encode_values(["string"], ["WETH"])
    told.say(RATIO, maker.STETH_PER_TOKEN, 12 * WAD // 10)
    return told


def row(contracts, market=PLAIN):
    (one,) = contracts.run(CrvUsd([market]).read([OWNER, address_of("other")], block_at(1_760_000_000)))[:1]
    return one


def test_a_loan_is_a_range(contracts):
    contracts.say(CONTROLLER, abi.LOAN_EXISTS, False, to=(address_of("other"),))
    one = row(contracts)
    assert isinstance(one, Position)
    assert one.outcome == Range(1800 * WAD, 1600 * WAD, 18)
    assert liquidation_tick(one.outcome) == 1800 * WAD
    assert (one.price.answer, one.collateral_value, one.debt_value) == (
        2400 * WAD,
        24_000 * 10**8,
        12_000 * 10**8,
    )
    assert one.health_factor == 108 * WAD // 100


def test_a_staking_tokens_range_is_in_eth(contracts):
    contracts.say(CONTROLLER, abi.LOAN_EXISTS, False, to=(address_of("other"),))
    one = row(contracts, STAKED)
    assert one.outcome == Range(1500 * WAD, 1600 * WAD * 10 // 12, 18)
    assert one.price.answer == 2000 * WAD


def test_soft_liquidation_is_told_and_hard_liquidation_is_an_alarm(contracts):
    contracts.say(CONTROLLER, abi.LOAN_EXISTS, False, to=(address_of("other"),))
    contracts.say(AMM_AT, abi.PRICE_ORACLE, 1700 * WAD)
    contracts.say(CONTROLLER, abi.USER_STATE, 4 * WAD, 10_000 * WAD, 12_000 * WAD, 10, to=(OWNER,))
    one = row(contracts)
    assert any("in soft liquidation now: 10,000.00" in note for note in one.notes)
    assert [leg.symbol for leg in one.collaterals] == ["WETH", "crvUSD"]
    contracts.say(CONTROLLER, abi.HEALTH, 0, to=(OWNER, True))
    assert isinstance(row(contracts).outcome, Range)  # the controller asks for less than nothing
    contracts.say(CONTROLLER, abi.HEALTH, -1, to=(OWNER, True))
    assert isinstance(row(contracts).outcome, AlreadyLiquidatable)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: c.say(AMM_AT, abi.PRICE_ORACLE, 0),
        lambda c: c.revert(CONTROLLER, abi.AMM),
        lambda c: c.revert(CONTROLLER, abi.USER_PRICES, to=(OWNER,)),
        lambda c: c.revert(CONTROLLER, abi.HEALTH, to=(OWNER, True)),
        lambda c: c.say(CONTROLLER, abi.USER_PRICES, 5, 6, to=(OWNER,)),
        lambda c: c.say(CONTROLLER, abi.USER_STATE, 1, 1, 0, 10, to=(OWNER,)),
        lambda c: c.say(TOKEN, erc20.DECIMALS, 200),
        lambda c: c.revert(CONTROLLER, abi.LOAN_EXISTS, to=(OWNER,)),
    ],
)
def test_what_cannot_be_read_is_a_gap(contracts, spoil):
    contracts.say(CONTROLLER, abi.LOAN_EXISTS, False, to=(address_of("other"),))
    spoil(contracts)
    assert isinstance(row(contracts), Unseen)


def test_events():
    adapter = CrvUsd([PLAIN])
    owner = encode_values(["address"], [OWNER])
    keeper = encode_values(["address"], [address_of("keeper")])
    for name, topics, data, kind, amount in (
        ("Borrow", (owner,), (1, 2), EventKind.BORROW, 2),
        ("Repay", (owner,), (3, 4), EventKind.REPAY, 4),
        ("RemoveCollateral", (owner,), (5,), EventKind.WITHDRAW, 5),
        ("Liquidate", (keeper, owner), (6, 7, 8), EventKind.LIQUIDATION, 8),
    ):
        body = encode_values(["uint256"] * len(data), data)
        log = EventLog(CONTROLLER, (abi.event(name).topic, *topics), body, BlockNumber(1), 0, "0x")
        (event,) = adapter.decode_event(log)
        assert (event.key.account, event.kind, event.amount) == (OWNER, kind, amount)
        assert adapter.decode_event(log._replace(data=b"")) == []
    assert list(adapter.checks(None)) == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_whatever_contracts_answer_there_is_a_row_or_a_gap(contracts, seed):
    told = Contracts(said=dict(contracts.said))
    spoil_some(told, seed)
    for one in told.run(CrvUsd([STAKED]).read([OWNER], block_at(1_760_000_000))):
        assert isinstance(one, Position | Unseen)
