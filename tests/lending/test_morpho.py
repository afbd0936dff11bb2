"""Laws of Morpho positions, and the small facts of Morpho's own tests."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.errors import CannotSee
from monitor.lending.morpho import (
    MarketView,
    MorphoMarket,
    MorphoPosition,
    MorphoTest,
    PreLiquidation,
    accrue,
    compounded,
    debt,
    health_factor,
    highest_unhealthy_price,
    incentive_factor,
    is_healthy,
    is_pre_liquidatable,
    max_borrow,
    outcome,
    pre_liquidation_terms,
    remedy,
)
from monitor.lending.morpho_irm import ADAPTIVE_CURVE, borrow_rate, exp
from monitor.lending.morpho_oracle import ORACLE_SCALE, ChainlinkOracle, OracleInputs, chainlink_oracle
from monitor.lending.outcome import AlreadyLiquidatable, NeverByEth, NeverReason
from monitor.units import WAD, UnixTime

SMALL = MorphoMarket(0, 0, 2_000_000, 1_000_001, UnixTime(0), 0, WAD // 2)
"""morpho-org/sdks, packages/blue-sdk/src/market/MarketUtils.test.ts, and Position.test.ts."""


def test_the_figures_of_morphos_own_sdk():
    position = MorphoPosition(borrow_shares=10, collateral=100)
    assert debt(SMALL, position) == 10
    assert max_borrow(position, ORACLE_SCALE, SMALL.lltv) - debt(SMALL, position) == 40
    assert health_factor(SMALL, position, ORACLE_SCALE) == 5 * WAD
    assert not is_healthy(SMALL, position._replace(borrow_shares=80), ORACLE_SCALE)
    assert incentive_factor(860_000_000_000_000_000) == 1_043_841_336_116_910_229
    sized = replace(SMALL, lltv=86 * WAD // 100)
    other = MorphoPosition(borrow_shares=50, collateral=200)
    assert (debt(sized, other), max_borrow(other, ORACLE_SCALE, sized.lltv)) == (50, 172)


def test_the_incentive_is_capped():
    assert incentive_factor(0) == 115 * WAD // 100
    assert incentive_factor(WAD) == WAD


markets = st.builds(
    MorphoMarket,
    st.integers(10**6, 10**30),
    st.integers(10**6, 10**30),
    st.integers(1, 10**30),
    st.integers(1, 10**36),
    st.just(UnixTime(0)),
    st.integers(0, WAD // 4),
    st.integers(WAD // 10, WAD - 1),
)
positions = st.builds(MorphoPosition, st.integers(1, 10**30), st.integers(1, 10**30))


@given(markets, positions)
def test_the_price_formula_is_the_last_unhealthy_price(market, position):
    price = highest_unhealthy_price(market, position)
    assert is_healthy(market, position, (price or 0) + 1)
    if price is not None:
        assert not is_healthy(market, position, price)


@given(markets, positions, st.integers(1, 10**45))
def test_a_remedy_helps(market, position, price):
    assume(position.borrow_shares <= market.total_borrow_shares)
    found = remedy(market, position, price, market.lltv)
    more = position._replace(collateral=position.collateral + found.add)
    assert is_healthy(market, more, price)
    if found.add:
        less = more._replace(collateral=more.collateral - 1)
        assert not is_healthy(market, less, price)


@given(markets, positions, st.integers(1, 10**45), st.integers(1, WAD))
def test_pre_liquidation_comes_first(market, position, price, pre_lltv):
    assume(pre_lltv < market.lltv)
    if not is_healthy(market, position, price):
        assert is_pre_liquidatable(market, position, price, pre_lltv)
    early, late = (highest_unhealthy_price(market, position, lltv) or 0 for lltv in (pre_lltv, market.lltv))
    assert early >= late


def test_pre_liquidation_terms_ramp_to_the_threshold():
    pre = PreLiquidation(8 * WAD // 10, WAD // 10, WAD // 2, 101 * WAD // 100, 105 * WAD // 100)
    at_start = pre_liquidation_terms(pre, 9 * WAD // 10, 80, 100)
    at_end = pre_liquidation_terms(pre, 9 * WAD // 10, 90, 100)
    half = pre_liquidation_terms(pre, 9 * WAD // 10, 85, 100)
    assert pre_liquidation_terms(pre, 9 * WAD // 10, 99, 100) == at_end
    assert pre_liquidation_terms(pre, 9 * WAD // 10, 70, 100) == at_start
    assert (at_start.close_factor, at_start.penalty) == (WAD // 10, WAD // 100)
    assert (at_end.close_factor, at_end.penalty) == (WAD // 2, 5 * WAD // 100)
    assert (half.close_factor, half.penalty) == (3 * WAD // 10, 3 * WAD // 100)


@given(st.integers(-100 * WAD, 100 * WAD), st.integers(0, WAD))
def test_exp_grows_and_is_close(x, step):
    assert exp(x + step) >= exp(x) * 999 // 1000
    assert exp(-(42 * WAD)) == 0
    assert exp(0) == WAD
    assert abs(exp(WAD) - 2_718_281_828_459_045_235) < 2 * WAD // 100


@given(
    used=st.integers(0, WAD),
    start=st.integers(ADAPTIVE_CURVE.min_rate_at_target, ADAPTIVE_CURVE.max_rate_at_target),
    elapsed=st.integers(0, 10**9),
)
def test_the_curve_stays_within_its_bounds(used, start, elapsed):
    rate = borrow_rate(ADAPTIVE_CURVE, WAD, used, start, elapsed)
    assert ADAPTIVE_CURVE.min_rate_at_target <= rate.rate_at_target <= ADAPTIVE_CURVE.max_rate_at_target
    assert ADAPTIVE_CURVE.min_rate_at_target // 4 <= rate.average <= 4 * ADAPTIVE_CURVE.max_rate_at_target
    if used > ADAPTIVE_CURVE.target_utilization:
        assert rate.rate_at_target >= start


@given(st.integers(0, 10**11), st.integers(0, 10**8), markets)
def test_accrual_only_adds(rate, elapsed, market):
    after = accrue(market, rate, UnixTime(elapsed))
    added = after.total_borrow_assets - market.total_borrow_assets
    assert added == after.total_supply_assets - market.total_supply_assets >= 0
    assert after.total_supply_shares >= market.total_supply_shares
    assert compounded(rate, elapsed) >= rate * elapsed


@pytest.mark.parametrize("answer", [-1, -(2**255)])
def test_a_negative_feed_is_cannot_see(answer):
    with pytest.raises(CannotSee):
        chainlink_oracle(1, OracleInputs(1, (answer,), 0), OracleInputs(1, (), 0))
    with pytest.raises(CannotSee):
        ChainlinkOracle(1, 1, 1, 1, 0).price(answer)


def test_a_zero_answer_is_cannot_see_not_a_price():
    base_zero = chainlink_oracle(1, OracleInputs(1, (0,), 1), OracleInputs(1, (), 0))
    quote_zero = chainlink_oracle(1, OracleInputs(1, (), 1), OracleInputs(1, (0,), 0))
    view = MarketView(SMALL, 0, eth_is_loan=False)
    for oracle in (base_zero, quote_zero):
        with pytest.raises(CannotSee):
            outcome(view, MorphoPosition(10, 100), oracle, 2000 * 10**8)


def test_eth_on_both_sides_cancels_exactly():
    oracle = ChainlinkOracle(ORACLE_SCALE, 12 * WAD, 10 * WAD, 1, 1)
    assert {oracle.price(tick) for tick in (1, 10**6, 10**14)} == {12 * ORACLE_SCALE // 10}
    view = MarketView(SMALL, 0, eth_is_loan=False)
    found = outcome(view, MorphoPosition(10, 100), oracle, 2000 * 10**8)
    assert isinstance(found, NeverByEth)
    assert found.reason is NeverReason.NO_ETH


def test_no_debt_and_no_collateral():
    oracle = ChainlinkOracle(ORACLE_SCALE, 1, 1, 1, 0)
    view = MarketView(SMALL, 0, eth_is_loan=False)
    assert outcome(view, MorphoPosition(0, 5), oracle, 10**8) == NeverByEth(NeverReason.NO_DEBT)
    assert isinstance(outcome(view, MorphoPosition(5, 0), oracle, 10**8), AlreadyLiquidatable)


@given(markets, positions, st.integers(1, 10**20), st.sampled_from([(1, 0), (0, 1), (2, 1), (1, 1)]))
def test_the_answer_changes_at_most_once_over_the_price(market, position, scale, powers):
    oracle = ChainlinkOracle(scale * ORACLE_SCALE, 1, 10**8, *powers)
    test = MorphoTest(market, position, oracle, market.lltv)
    answers = [test(10**power) for power in range(6, 15)]
    assert sum(before != after for before, after in pairwise(answers)) <= 1
