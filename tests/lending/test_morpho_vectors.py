"""Every account of the recorded Morpho Blue markets: accrual, rates, oracles, answers, boundaries."""

from __future__ import annotations

import pytest

from monitor.errors import CannotSee
from monitor.lending.morpho import (
    MarketView,
    MorphoTest,
    highest_unhealthy_price,
    is_healthy,
    outcome,
    remedy,
    repaid,
)
from monitor.lending.morpho_irm import ADAPTIVE_CURVE
from monitor.lending.morpho_oracle import OracleInputs, chainlink_oracle
from monitor.lending.outcome import (
    AlreadyLiquidatable,
    Insensitive,
    LiquidatableAbove,
    LiquidatableBelow,
    NeverByEth,
)
from monitor.lending.remedy import Remedy
from monitor.lending.solver import Monotone, PriceRange, solve
from monitor.units import WAD
from tests.support import vectors
from tests.support.morpho_vectors import accrued, curve_of, market_of, position_of, rate_of

ETH = "ETH/USD"
FILES = vectors.of_protocol("Morpho Blue")
MARKETS = [
    pytest.param(data, market, id=f"{label}-{market['name']}")
    for label, data in FILES
    for market in data["markets"]
]


def side_of(data, oracle, side):
    names = [oracle[f"{side}_feed_{number}"] for number in (1, 2)]
    vault, sample = oracle[f"{side}_vault"], int(oracle[f"{side}_vault_sample"])
    assets = sample * int(data["vault_rates"][vault]) // WAD if vault else 1
    feeds = tuple(int(data["feeds"][name]) for name in names if name not in (None, ETH))
    return OracleInputs(assets, feeds, names.count(ETH))


def oracle_of(data, market):
    oracle = market["oracle"]
    return chainlink_oracle(
        int(oracle["scale_factor"]), side_of(data, oracle, "base"), side_of(data, oracle, "quote")
    )


def eth_tick(data):
    return int(data["feeds"][ETH])


@pytest.mark.parametrize("data", [pytest.param(data, id=label) for label, data in FILES])
def test_the_deployed_curve_is_the_recorded_one(data):
    assert curve_of(data) == ADAPTIVE_CURVE


@pytest.mark.parametrize(("data", "market"), MARKETS)
def test_accrual_is_the_contracts(data, market):
    rate = rate_of(data, market)
    after = market["market_after_accrual_at_block"]
    assert rate.average == int(market["borrowRateView"])
    assert rate.rate_at_target == int(after["rateAtTarget"])
    assert accrued(data, market) == market_of(after, market["lltv"])


@pytest.mark.parametrize(("data", "market"), MARKETS)
def test_oracle_price_and_its_direction(data, market):
    oracle = oracle_of(data, market)
    assert oracle.price(eth_tick(data)) == int(market["oracle_price"])
    direction = (oracle.eth_power > 0) - (oracle.eth_power < 0)
    assert {1: "long", -1: "short", 0: "none"}[direction] == market["eth_sensitivity"]


@pytest.mark.parametrize(("data", "market"), MARKETS)
def test_answers_are_the_contracts(data, market):
    state, price = accrued(data, market), int(market["oracle_price"])
    for account in market["accounts"]:
        assert is_healthy(state, position_of(account), price) == account["isHealthy"], account["id"]
        assert account["isHealthy"] != account["liquidate_succeeds"]


@pytest.mark.parametrize(("data", "market"), MARKETS)
def test_boundaries_in_the_oracles_own_price(data, market):
    state, within = accrued(data, market), PriceRange(*map(int, data["scan_range_oracle_price"]))
    for account in market["accounts"]:
        position = position_of(account)
        expected, formula = account["boundary_oracle_price"], highest_unhealthy_price(state, position)
        if expected["tick"] is None:
            always = "not liquidatable" not in expected["reason"]
            assert (formula is not None and formula >= within.high) if always else (formula or 0) < within.low
            continue
        tick = int(expected["tick"])
        assert (expected["direction"], formula) == ("below", tick), account["id"]
        near = [not is_healthy(state, position, price) for price in (tick - 1, tick, tick + 1)]
        assert [str(int(answer)) for answer in near] == expected["answers"]


@pytest.mark.parametrize(("data", "market"), MARKETS)
def test_boundaries_in_eth_ticks(data, market):
    state, oracle = accrued(data, market), oracle_of(data, market)
    within = PriceRange(*map(int, data["scan_range_eth_ticks"]))
    for account in market["accounts"]:
        test = MorphoTest(state, position_of(account), oracle, state.lltv)
        check_boundary(test, eth_tick(data), account["boundary_eth_tick"], within)


def check_boundary(test, price, expected, within):
    found = solve(Monotone(test), price, within)
    if expected["tick"] is None:
        assert found.cluster is None
        assert found.liquidatable_now == ("not liquidatable" not in expected["reason"])
        return
    tick = int(expected["tick"])
    assert [str(int(test(near))) for near in (tick - 1, tick, tick + 1)] == expected["answers"]
    if found.liquidatable_now:
        assert tick in found.stretch
    elif expected["direction"] == "below":
        assert (found.first_down, found.first_up) == (tick, None)
    else:
        assert (found.first_down, found.first_up) == (None, tick)


@pytest.mark.parametrize(("data", "market"), MARKETS)
def test_a_zero_eth_feed(data, market):
    """A price of 0 makes `liquidate` by shares divide by zero; a zero quote makes the oracle revert."""
    state, oracle = accrued(data, market), oracle_of(data, market)
    for account in market["accounts"]:
        expected = account.get("liquidate_at_zero_eth_feed")
        if expected == "revert: division by zero":
            assert zero_or_refused(oracle)
        elif expected is not None:
            healthy = is_healthy(state, position_of(account), oracle.price(0))
            assert healthy == (expected == "revert: healthy")


def zero_or_refused(oracle):
    try:
        return oracle.price(0) == 0
    except CannotSee:
        return True


def test_the_vectors_are_there():
    assert sum(len(market["accounts"]) for _, data in FILES for market in data["markets"]) >= 92


@pytest.mark.parametrize(("data", "market"), MARKETS)
def test_the_outcome_says_what_liquidate_does(data, market):
    view = MarketView(accrued(data, market), int(market["borrowRateView"]), market["loan"] == "WETH")
    for account in market["accounts"]:
        found = outcome(view, position_of(account), oracle_of(data, market), eth_tick(data))
        boundary = account["boundary_eth_tick"]
        if account["liquidate_succeeds"]:
            assert isinstance(found, AlreadyLiquidatable), account["id"]
        elif boundary["tick"] is None:
            assert isinstance(found, Insensitive if view.eth_is_loan else NeverByEth), account["id"]
        else:
            shape = {"below": LiquidatableBelow, "above": LiquidatableAbove}[boundary["direction"]]
            assert isinstance(found, shape)
            assert found.tick == int(boundary["tick"])


@pytest.mark.parametrize(("data", "market"), MARKETS)
def test_a_remedy_helps_and_one_unit_of_collateral_less_does_not(data, market):
    state, price = accrued(data, market), int(market["oracle_price"])
    for account in market["accounts"]:
        position = position_of(account)
        found = remedy(state, position, price, state.lltv)
        if account["isHealthy"]:
            assert found == Remedy(0, 0)
            continue
        assert is_healthy(*repaid(state, position, found.repay), price)
        assert not is_healthy(*repaid(state, position, found.repay - 1), price)
        more = position._replace(collateral=position.collateral + found.add)
        assert is_healthy(state, more, price)
        assert not is_healthy(state, more._replace(collateral=more.collateral - 1), price)
