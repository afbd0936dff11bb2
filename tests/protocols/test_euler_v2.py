"""Euler v2 sub-accounts on contracts that compute as its vaults do."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts_abi import chainlink, erc20
from contracts_abi import euler as abi
from contracts_abi.interface import encode_values
from monitor.lending.outcome import AlreadyLiquidatable, Insensitive, LiquidatableAbove, LiquidatableBelow
from monitor.lending.position import EventKind, Position, ProofState, Unseen
from monitor.protocols.base import EventLog, Refusal
from monitor.protocols.euler_v2 import EulerV2
from monitor.protocols.euler_v2_places import LOOK_AGAIN, SUB_ACCOUNTS, sub_account
from monitor.units import WAD, BlockNumber
from tests.support.contracts import Contracts, address_of, block_at
from tests.support.hostile import spoil as spoil_some

EVC, FEED, VAULT, HELD, OWNER, DOLLAR, ETHER = map(
    address_of, ("evc", "eth feed", "vault", "held", "owner", "dollar", "ether")
)
PRICE = 2400 * 10**8
SUB = 7


def liquidity(eth, usd, owed_eth, owed_usd, tick):
    """LTV-weighted collateral and debt in dollars of 18 decimals."""
    return encode_values(
        ["uint256"] * 2, [eth * tick * 10**10 + usd * WAD, owed_eth * tick * 10**10 + owed_usd * WAD]
    )


def market(*amounts, number=SUB, tick=PRICE):
    contracts, account = Contracts(), sub_account(OWNER, number)
    for place in range(SUB_ACCOUNTS):
        vaults = [VAULT] if place == number else []
        contracts.said[EVC, abi.CONTROLLERS.encode(sub_account(OWNER, place))] = encode(
            ["address[]"], [vaults]
        )
    contracts.said[EVC, abi.COLLATERALS.encode(account)] = encode(["address[]"], [[HELD]])
    contracts.say(HELD, abi.SHARES_OF, 9 * WAD, to=(account,))
    contracts.say(HELD, abi.TO_ASSETS, 10 * WAD, to=(9 * WAD,))
    contracts.say(HELD, abi.ASSET, ETHER)
    contracts.say(VAULT, abi.DEBT_OF, 15_000 * 10**6, to=(account,))
    contracts.say(VAULT, abi.ASSET, DOLLAR)
    contracts.say(VAULT, abi.UNIT, abi.US_DOLLAR)
    for token, symbol, decimals in ((DOLLAR, "USDC", 6), (ETHER, "WETH", 18)):
        contracts.say(token, erc20.DECIMALS, decimals)
        contracts.said[token, erc20.SYMBOL.encode()] = encode_values(["string"], [symbol])
    contracts.said[VAULT, abi.LIQUIDITY.encode(account, True)] = liquidity(*amounts, tick)
    contracts.say(FEED, chainlink.LATEST_ROUND_DATA, 1, tick, 0, 1_760_000_000, 1)
    contracts.say(FEED, chainlink.DECIMALS, 8)
    contracts.supposing = lambda _, feeds: liquidity(*amounts, feeds[FEED])
    return contracts


def rows(contracts, adapter=None, at=None):
    adapter = adapter or EulerV2(EVC, {FEED})
    return contracts.run(adapter.read([OWNER], at or block_at(1_760_000_000)))


def test_sub_accounts_differ_in_the_last_byte():
    assert sub_account(OWNER, 0) == OWNER
    assert len({sub_account(OWNER, number) for number in range(SUB_ACCOUNTS)}) == SUB_ACCOUNTS
    assert sub_account(sub_account(OWNER, 200), 200) == OWNER
    assert {sub_account(OWNER, number)[:-2] for number in range(SUB_ACCOUNTS)} == {OWNER[:-2]}


def test_a_sub_accounts_row():
    (row,) = rows(market(8, 0, 0, 15_000))
    assert isinstance(row, Position)
    assert isinstance(row.outcome, LiquidatableBelow)
    assert row.outcome.tick == 15_000 * 10**8 // 8  # equal is liquidatable at Euler
    assert (row.key.market, row.key.id, row.key.account) == (VAULT, str(SUB), OWNER)
    assert [(leg.symbol, leg.amount) for leg in row.collaterals] == [("WETH", 10 * WAD)]
    assert (row.debts[0].symbol, row.debt_value) == ("USDC", 15_000 * 10**8)
    assert row.proof.state is ProofState.PROVED
    at, above = EulerV2(EVC, {FEED}).checks(row)
    assert (at.expected, above.expected) == (True, False)
    assert at.view.data == abi.LIQUIDITY.encode(sub_account(OWNER, SUB), True)


def test_the_other_kinds():
    assert isinstance(rows(market(0, 20_000, 5, 0))[0].outcome, LiquidatableAbove)
    assert isinstance(rows(market(6, 0, 0, 15_000))[0].outcome, AlreadyLiquidatable)
    assert isinstance(rows(market(8, 0, 6, 0))[0].outcome, Insensitive)


def test_a_price_that_comes_from_elsewhere_is_a_gap():
    (row,) = rows(market(0, 20_000, 0, 15_000))
    assert isinstance(row, Unseen)
    assert "do not move" in row.cause


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c, a: c.revert(EVC, abi.CONTROLLERS, to=(sub_account(OWNER, 3),)),
        lambda c, a: c.said.update({(EVC, abi.CONTROLLERS.encode(sub_account(OWNER, 3))): b"\0"}),
        lambda c, a: c.revert(VAULT, abi.LIQUIDITY, to=(a, True)),
        lambda c, a: c.revert(VAULT, abi.ASSET),
        lambda c, a: c.revert(HELD, abi.TO_ASSETS, to=(9 * WAD,)),
        lambda c, a: c.say(FEED, chainlink.LATEST_ROUND_DATA, 1, -1, 0, 0, 1),
        lambda c, a: setattr(c, "supposing", None),
        lambda c, a: setattr(c, "supposing", lambda view, feeds: Refusal("it reverts")),
    ],
)
def test_what_cannot_be_read_is_a_gap(spoil):
    contracts = market(8, 0, 0, 15_000)
    spoil(contracts, sub_account(OWNER, SUB))
    assert any(isinstance(one, Unseen) for one in rows(contracts))


def test_sub_accounts_are_looked_through_now_and_then():
    contracts, adapter = market(8, 0, 0, 15_000), EulerV2(EVC, {FEED})
    start = block_at(1_760_000_000)
    rows(contracts, adapter, start)
    contracts.said[EVC, abi.CONTROLLERS.encode(sub_account(OWNER, SUB))] = encode(["address[]"], [[]])
    assert len(rows(contracts, adapter, start._replace(number=BlockNumber(start.number + 1)))) == 1
    later = start._replace(number=BlockNumber(start.number + LOOK_AGAIN))
    assert rows(contracts, adapter, later) == []


def test_a_debt_that_was_paid_leaves_no_row():
    contracts = market(8, 0, 0, 15_000)
    contracts.say(VAULT, abi.DEBT_OF, 0, to=(sub_account(OWNER, SUB),))
    assert rows(contracts) == []


def test_events_of_known_sub_accounts():
    contracts, adapter = market(8, 0, 0, 15_000), EulerV2(EVC, {FEED})
    (row,) = rows(contracts, adapter)
    assert adapter.event_filter().addresses == (VAULT,)
    who = encode_values(["address"], [sub_account(OWNER, SUB)])
    keeper = encode_values(["address"], [address_of("keeper")])
    for name, topics, data, kind, amount in (
        ("Borrow", (who,), encode_values(["uint256"], [5]), EventKind.BORROW, 5),
        ("Repay", (who,), encode_values(["uint256"], [6]), EventKind.REPAY, 6),
        (
            "Liquidate",
            (keeper, who),
            encode(["address", "uint256", "uint256"], [HELD, 7, 8]),
            EventKind.LIQUIDATION,
            7,
        ),
    ):
        log = EventLog(VAULT, (abi.event(name).topic, *topics), data, BlockNumber(1), 0, "0x")
        (event,) = adapter.decode_event(log)
        assert (event.key, event.kind, event.amount) == (row.key, kind, amount)
        assert adapter.decode_event(log._replace(data=b"")) == []


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_whatever_contracts_answer_there_is_a_row_or_a_gap(seed):
    contracts = market(8, 0, 0, 15_000)
    kept = {key: answer for key, answer in contracts.said.items() if key[0] != EVC or key[1][-1] == SUB}
    others = {key: answer for key, answer in contracts.said.items() if key not in kept}
    contracts.said = kept
    spoil_some(contracts, seed)
    contracts.said |= others
    for one in rows(contracts):
        assert isinstance(one, Position | Unseen)
