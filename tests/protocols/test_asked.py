"""Prices found by asking the contract: against functions that are known, and against Aave's own bytecode."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts_abi import aave_v3, aave_v4, chainlink
from contracts_abi.interface import encode_values
from monitor.chain.clock import SystemClock
from monitor.chain.endpoints import Endpoints
from monitor.chain.reader import Reader
from monitor.errors import CannotSee
from monitor.lending.outcome import (
    AlreadyLiquidatable,
    Insensitive,
    LiquidatableAbove,
    LiquidatableBelow,
    NeverByEth,
    NeverReason,
)
from monitor.lending.position import EventKind, Position, ProofState, Unseen
from monitor.lending.solver import DEFAULT_RANGE
from monitor.protocols.aave_v3 import AaveV3
from monitor.protocols.aave_v3_deployments import Deployment
from monitor.protocols.aave_v4 import AaveV4, Spoke
from monitor.protocols.asked import Question, all_at_once, search
from monitor.protocols.base import EventLog, Refusal, View
from monitor.units import MAX_UINT256, WAD, Address, BlockNumber
from tests.support.contracts import Contracts, address_of, block_at

FEED, SPOKE, OWNER = address_of("eth feed"), address_of("spoke"), address_of("owner")
PRICE = 2400 * 10**8


def asked(liquidatable, price=PRICE):
    contracts = Contracts(supposing=lambda view, feeds: liquidatable(feeds[FEED]).to_bytes(32))
    question = Question(View(SPOKE, b"hf"), all_at_once((FEED,)), lambda answer: bool(int.from_bytes(answer)))
    return contracts, contracts.run(search(question, price))


@given(st.integers(DEFAULT_RANGE.low, PRICE - 1))
def test_a_long_position_is_found_to_the_tick(edge):
    contracts, found = asked(lambda tick: int(tick <= edge))
    assert isinstance(found.outcome, LiquidatableBelow)
    assert (found.outcome.tick, found.outcome.other_side) == (edge, None)
    assert contracts.rounds <= 12


@given(st.integers(PRICE + 1, DEFAULT_RANGE.high))
def test_a_short_position_is_found_to_the_tick(edge):
    _, found = asked(lambda tick: int(tick >= edge))
    assert isinstance(found.outcome, LiquidatableAbove)
    assert found.outcome.tick == edge


@given(st.integers(DEFAULT_RANGE.low, PRICE // 2), st.integers(PRICE * 2, DEFAULT_RANGE.high))
def test_an_account_that_is_liquidatable_now_shows_the_whole_stretch(low, high):
    _, found = asked(lambda tick: int(low <= tick <= high))
    assert found.outcome == AlreadyLiquidatable(low, high)


def test_answers_that_never_change():
    _, found = asked(lambda tick: 0)
    assert (found.outcome, found.moves) == (None, False)


def test_a_price_outside_the_range_is_cannot_see():
    with pytest.raises(CannotSee):
        asked(lambda tick: 0, price=1)


# A spoke that computes as Aave v4 does: value-weighted health over its own collateral and debt.


def data_of(collateral_eth, collateral_usd, debt_eth, debt_usd, tick, factor=8_000):
    value = collateral_eth * tick * 10**18 + collateral_usd * 10**26
    debt = debt_eth * tick * 10**18 + debt_usd * 10**26
    health = value * factor * WAD // 10_000 // debt if debt else MAX_UINT256
    return encode_values(["uint256"] * 7, [0, factor, health, value, debt * 10**27, 1, 1 if debt else 0])


def spoke(*amounts, tick=PRICE, supposes=True):
    contracts = Contracts()
    contracts.said[SPOKE, aave_v4.ACCOUNT_DATA.encode(OWNER)] = data_of(*amounts, tick)
    contracts.say(FEED, chainlink.LATEST_ROUND_DATA, 1, tick, 0, 1_760_000_000, 1)
    contracts.say(FEED, chainlink.DECIMALS, 8)
    if supposes:
        contracts.supposing = lambda _, feeds: data_of(*amounts, feeds[FEED])
    return contracts


def row(contracts):
    seen = contracts.run(AaveV4([Spoke("Main", SPOKE)], {FEED}).read([OWNER], block_at(1_760_000_000)))
    return seen[0] if seen else None


def test_the_kinds_of_spoke_positions():
    long = row(spoke(10, 0, 0, 15_000))
    assert isinstance(long, Position)
    assert long.outcome.tick == 15_000 * 10**8 * 10_000 // 8_000 // 10 - 1
    assert (long.collateral_value, long.debt_value) == (24_000 * 10**8, 15_000 * 10**8)
    assert long.proof.state is ProofState.PROVED
    short = row(spoke(0, 30_000, 5, 0))
    assert isinstance(short.outcome, LiquidatableAbove)
    assert isinstance(row(spoke(10, 0, 0, 23_000)).outcome, AlreadyLiquidatable)
    loop = row(spoke(10, 0, 7, 0))
    assert isinstance(loop.outcome, Insensitive)
    assert abs(loop.outcome.ratio_drop - (1 - 7 / 8)) < 1e-9
    assert row(spoke(10, 90_000, 0, 15_000)).outcome.reason is NeverReason.COVERED
    assert row(spoke(10, 0, 0, 0)).outcome == NeverByEth(NeverReason.NO_DEBT)


def test_what_does_not_move_with_the_known_feeds_is_a_gap():
    stable = row(spoke(0, 30_000, 0, 15_000))
    assert isinstance(stable, Unseen)
    assert "do not move" in stable.cause


def test_a_node_without_overrides_is_a_gap():
    assert "overrides" in row(spoke(10, 0, 0, 15_000, supposes=False)).cause


def test_overrides_that_give_another_answer_than_the_chain_are_a_gap():
    contracts = spoke(10, 0, 0, 15_000)
    contracts.supposing = lambda _, feeds: data_of(1, 0, 0, 15_000, feeds[FEED])
    assert "not its own answer" in row(contracts).cause


def test_a_broken_feed_or_spoke_is_a_gap():
    contracts = spoke(10, 0, 0, 15_000)
    contracts.say(FEED, chainlink.LATEST_ROUND_DATA, 1, 0, 0, 0, 1)
    assert isinstance(row(contracts), Unseen)
    contracts.revert(SPOKE, aave_v4.ACCOUNT_DATA, to=(OWNER,))
    assert isinstance(row(contracts), Unseen)


def test_events_of_a_spoke():
    adapter = AaveV4([Spoke("Main", SPOKE)], {FEED})
    for name, kind in (
        ("Supply", EventKind.SUPPLY),
        ("Withdraw", EventKind.WITHDRAW),
        ("Borrow", EventKind.BORROW),
    ):
        event = aave_v4.event(name)
        topics = (event.topic, (3).to_bytes(32), *(encode_values(["address"], [OWNER]) for _ in range(2)))
        log = EventLog(SPOKE, topics, encode_values(["uint256"] * 2, [1, 2]), BlockNumber(1), 0, "0x")
        (seen,) = adapter.decode_event(log)
        assert (seen.key.account, seen.kind, seen.amount, seen.detail) == (OWNER, kind, 2, "reserve 3")
        assert adapter.decode_event(log._replace(data=b"")) == []


@pytest.mark.localnet
def test_aaves_own_bytecode_gives_the_price_that_our_arithmetic_gives(aave_v30_net):
    """Two ways that share nothing: health restated in integers, and the pool asked at supposed prices."""
    net = aave_v30_net
    endpoints = Endpoints([net.anvil.url], clock=SystemClock())
    pinned, reader = endpoints.pinned(endpoints.head()), Reader()
    pool, weth = (
        Address(one.lower()) for one in (net.market.pool.address, net.market.tokens["WETH"].address)
    )
    accounts = [Address(one.lower()) for one in (net.cast.whale, net.cast.short)]
    rows = reader.positions(pinned, [AaveV3((Deployment("aave_v3", "Local", pool, weth),))], accounts)
    for one in rows:

        def unhealthy(answer):
            assert not isinstance(answer, Refusal)
            return aave_v3.USER_ACCOUNT_DATA.decode(answer).health_factor < WAD

        view = View(pool, aave_v3.USER_ACCOUNT_DATA.encode(one.key.account))
        found = reader.run(
            pinned, search(Question(view, all_at_once((one.price.source,)), unhealthy), one.price.answer)
        )
        assert type(found.outcome) is type(one.outcome)
        assert found.outcome.tick == one.outcome.tick
    endpoints.close()
