"""Laws of Comet accounts beyond the recorded ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import CannotSee
from monitor.lending.comet import (
    CometAccount,
    CometAsset,
    CometMarket,
    Held,
    Indices,
    RateCurve,
    accrued,
    debt,
    health_factor,
    is_liquidatable,
    principal_after_repaying,
)
from monitor.lending.comet_outcome import CometTest, outcome
from monitor.lending.comet_prices import (
    Constant,
    Feed,
    Multiplicative,
    RateScaling,
    ReverseMultiplicative,
    WstEth,
    keys_of,
    price_of,
)
from monitor.lending.outcome import (
    AlreadyLiquidatable,
    Insensitive,
    LiquidatableAbove,
    LiquidatableBelow,
    NeverByEth,
    NeverReason,
)
from monitor.units import WAD, UnixTime

CURVE = RateCurve(8 * WAD // 10, 10**9, 10**10, 10**8)
ETH, BTC = "eth", "btc"
ETH_IN_BTC_BASE = ReverseMultiplicative(Feed(BTC), Feed(ETH), 8, 8, 8)


def market(base, assets):
    return CometMarket(
        10**6, base, tuple(assets), Indices(10**15, 10**15), 10**15, 9 * 10**14, UnixTime(0), CURVE, CURVE
    )


def asset(price, scale=10**18, factor=85 * WAD // 100):
    return CometAsset("token", scale, price, 80 * WAD // 100, factor, 95 * WAD // 100)


def borrower(owed, *balances):
    return CometAccount(-owed, tuple(Held(place, balance) for place, balance in enumerate(balances)))


def test_the_fixtures_of_comets_own_tests():
    """compound-finance/comet, test/is-liquidatable-test.ts: principal, collateral, price, factor, answer."""
    for principal, units, price, factor, expected in (
        (0, 0, 1, 1, False),
        (10**6, 0, 1, 1, False),
        (-(10**6), 0, 1, 1, True),
        (-(10**11), 100_000, 1, 1, False),
        (-(10**11), 95_000, 1, 1, True),
        (-(10**11), 100_000, 1, 0.8, True),
        (-(10**11), 100_000, 0.5, 1, True),
    ):
        comp = asset(Constant(int(price * 10**8)), factor=int(factor * 10) * WAD // 10)
        state = market(Constant(10**8), [comp])
        held = (Held(0, units * WAD),) if units else ()
        account = CometAccount(principal, held)
        assert is_liquidatable(state, account, state.stored, {}) == expected


def test_the_contract_stops_at_the_collateral_that_completes_the_cover():
    """A broken feed behind it goes unseen; before it, the contract reverts."""
    sound, broken = asset(Feed(ETH)), asset(Feed(BTC))
    answers = {ETH: 2000 * 10**8, BTC: 0}
    account = borrower(1000 * 10**6, WAD, WAD)
    covered = market(Constant(10**8), [sound, broken])
    assert not is_liquidatable(covered, account, covered.stored, answers)
    to_the_last_unit = borrower(1700 * 10**6, WAD, WAD)  # 2,000 * 85 %
    assert not is_liquidatable(covered, to_the_last_unit, covered.stored, answers)
    with pytest.raises(CannotSee):
        is_liquidatable(covered, borrower(1700 * 10**6 + 1, WAD, WAD), covered.stored, answers)
    seen = market(Constant(10**8), [broken, sound])
    with pytest.raises(CannotSee):
        is_liquidatable(seen, account, seen.stored, answers)


@pytest.mark.parametrize("answer", [0, -1, -(2**255)])
@pytest.mark.parametrize(
    "recipe",
    [
        Feed(ETH),
        RateScaling(ETH, 18, 8),
        RateScaling(ETH, 8, 18),
        WstEth(ETH, BTC, 18, 8),
        WstEth(BTC, ETH, 18, 8),
        Multiplicative(Feed(ETH), Feed(BTC), 8, 8, 8),
        ReverseMultiplicative(Feed(BTC), Feed(ETH), 8, 8, 8),
    ],
)
def test_no_recipe_makes_a_price_of_a_broken_answer(recipe, answer):
    assert ETH in keys_of(recipe)
    with pytest.raises(CannotSee):
        price_of(recipe, {ETH: answer, BTC: 10**12})


def test_the_kinds_of_accounts():
    dollars = market(Constant(10**8), [asset(Feed(ETH)), asset(Feed(BTC), 10**8)])
    answers = {ETH: 2000 * 10**8, BTC: 60_000 * 10**8}

    def kind(account, state=dollars, *, eth_is_base=False):
        return outcome(CometTest(state, account, state.stored, answers, ETH), eth_is_base=eth_is_base)

    assert isinstance(kind(borrower(1000 * 10**6, WAD)), LiquidatableBelow)
    assert isinstance(kind(borrower(1900 * 10**6, WAD)), AlreadyLiquidatable)
    assert kind(borrower(1000 * 10**6, WAD, 10**8)) == NeverByEth(
        NeverReason.COVERED, "a fall of the other collateral"
    )
    only_btc = CometAccount(-(10**9), (Held(1, 10**8),))
    assert kind(only_btc) == NeverByEth(NeverReason.NO_ETH, "a fall of the other collateral")
    assert kind(CometAccount(5, ())) == NeverByEth(NeverReason.NO_DEBT)
    ether = market(Constant(10**8), [asset(Constant(10**8)), asset(ETH_IN_BTC_BASE, 10**8)])
    loop = kind(borrower(10**6, 2 * WAD), ether, eth_is_base=True)
    assert isinstance(loop, Insensitive)
    assert loop.carry_days is not None
    against_btc = CometAccount(-(10**6), (Held(1, 10**7),))
    assert isinstance(kind(against_btc, ether, eth_is_base=True), LiquidatableAbove)


recipes = st.sampled_from(
    [Feed(ETH), Constant(123_456), ETH_IN_BTC_BASE, Multiplicative(Feed(ETH), Feed(BTC), 8, 8, 8)]
)
markets = st.builds(
    lambda base, prices: market(base, [asset(price, 10**6) for price in prices]),
    recipes,
    st.lists(recipes, min_size=1, max_size=3),
)


@given(
    state=markets,
    owed=st.integers(1, 10**9),
    balances=st.lists(st.integers(0, 10**9), min_size=3, max_size=3),
    low=st.integers(1, 3000),
    width=st.integers(0, 60),
)
def test_what_is_proven_of_an_interval_holds_at_every_tick(state, owed, balances, low, width):
    account = borrower(owed, *balances[: len(state.assets)])
    test = CometTest(state, account, state.stored, {ETH: 5, BTC: 10**8}, ETH)
    proven = test.over(low, low + width)
    if proven is not None:
        assert {test.at(tick) for tick in range(low, low + width + 1)} == {proven}


@given(owed=st.integers(1, 10**15), elapsed=st.integers(0, 10**8))
def test_waiting_never_makes_a_borrower_safer(owed, elapsed):
    state = market(Constant(10**8), [asset(Feed(ETH))])
    account, answers = borrower(owed, 10**18), {ETH: 2000 * 10**8}
    later = accrued(state, UnixTime(elapsed))
    assert debt(account, later) >= debt(account, state.stored)
    if is_liquidatable(state, account, state.stored, answers):
        assert is_liquidatable(state, account, later, answers)


@given(owed=st.integers(0, 10**15), balance=st.integers(0, 2**200))
def test_the_health_factor_and_the_answer_agree(owed, balance):
    state = market(Constant(10**8), [asset(Feed(ETH))])
    account, answers = borrower(owed, balance), {ETH: 2000 * 10**8}
    health = health_factor(state, account, state.stored, answers)
    if health is not None:
        assert (health < WAD) == is_liquidatable(state, account, state.stored, answers)


@given(st.integers(1, 10**15), st.integers(10**15, 10**16), st.integers(0, 10**15))
def test_what_is_left_after_a_repayment_is_the_least_principal_that_owes_it(principal, index, paid):
    """Comet's `principalValueBorrow` rounds up, so that nobody gains by repaying in small parts."""
    account, indices = CometAccount(-principal, ()), Indices(10**15, index)
    left = debt(account, indices) - paid
    after = principal_after_repaying(account, indices, paid)
    if left > 0:
        assert debt(replace(account, principal=after), indices) >= left
        assert debt(replace(account, principal=after + 1), indices) < left
    else:
        assert after == -left


def test_an_empty_market_has_no_utilisation():
    state = replace(market(Constant(10**8), []), total_supply=0)
    assert accrued(state, UnixTime(10)) == (10**15 + 10**15 * CURVE.base * 10 // WAD,) * 2
