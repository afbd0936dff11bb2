"""Every account of the recorded Comet markets: prices, indices, rates, answers, boundaries."""

from __future__ import annotations

from dataclasses import replace

import pytest

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
    is_borrow_collateralized,
    is_liquidatable,
    principal_after_repaying,
    rates,
    reads,
    supplied_base,
    utilization,
)
from monitor.lending.comet_outcome import CometTest, outcome, remedy, terms
from monitor.lending.comet_prices import (
    Constant,
    Feed,
    Multiplicative,
    RateScaling,
    ReverseMultiplicative,
    WstEth,
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
from monitor.lending.remedy import Remedy
from monitor.lending.solver import PriceRange, solve
from monitor.units import WAD, UnixTime
from tests.support import vectors

ETH = "ETH/USD"
MARKETS = [
    pytest.param(market, id=f"{label}-{market['name']}")
    for label, data in vectors.of_protocol("Compound v3 Comet")
    for market in data["markets"]
]
STETH_RANGE = PriceRange(10**15, 10**19)


RECIPES = {
    "feed": lambda fields, _: Feed(fields["feed"]),
    "constant": lambda fields, _: Constant(int(fields["value"])),
    "rate_scaling": lambda fields, places: RateScaling("rate " + fields["rate"], 18, places["decimals"]),
    "wsteth": lambda fields, places: WstEth(
        fields["feed"], "inverse " + fields["rate"], 18, places["decimals"]
    ),
    "multiplicative": lambda fields, places: Multiplicative(
        recipe_of(fields["a"]), recipe_of(fields["b"]), **places
    ),
    "reverse_multiplicative": lambda fields, places: ReverseMultiplicative(
        recipe_of(fields["a"]), recipe_of(fields["b"]), **places
    ),
}


def recipe_of(fields):
    if isinstance(fields, str):
        return Feed(fields)
    places = {name: int(value) for name, value in fields.items() if name.endswith("decimals")}
    return RECIPES[fields["kind"]](fields, places)


def answers_of(market):
    rated = {"rate " + name: int(rate) for name, rate in market["rates"].items()}
    inverse = {"inverse " + name: 10**36 // int(rate) for name, rate in market["rates"].items()}
    return {name: int(answer) for name, answer in market["feeds"].items()} | rated | inverse


def asset_of(fields):
    return CometAsset(
        fields["symbol"],
        int(fields["scale"]),
        recipe_of(fields["price"]),
        int(fields["borrowCollateralFactor"]),
        int(fields["liquidateCollateralFactor"]),
        int(fields["liquidationFactor"]),
    )


def curve_of(fields):
    return RateCurve(*map(int, fields))


def market_of(fields):
    return CometMarket(
        base_scale=int(fields["base"]["scale"]),
        base_price=recipe_of(fields["base"]["price"]),
        assets=tuple(map(asset_of, fields["assets"])),
        stored=Indices(int(fields["baseSupplyIndex"]), int(fields["baseBorrowIndex"])),
        total_supply=int(fields["totalSupplyBase"]),
        total_borrow=int(fields["totalBorrowBase"]),
        last_accrual=UnixTime(int(fields["lastAccrualTime"])),
        supply_curve=curve_of(fields["supplyCurve"]),
        borrow_curve=curve_of(fields["borrowCurve"]),
    )


def account_of(fields, market):
    flags = int(fields["assetsIn"])
    held = (
        Held(index, int(fields["collateral"].get(asset.token, 0)))
        for index, asset in enumerate(market.assets)
        if flags >> index & 1
    )
    return CometAccount(int(fields["principal"]), tuple(held))


def now_of(fields):
    return UnixTime(int(fields["block_timestamp"]))


@pytest.mark.parametrize("fields", MARKETS)
def test_prices_are_the_contracts(fields):
    market, answers = market_of(fields), answers_of(fields)
    assert price_of(market.base_price, answers) == int(fields["base"]["getPrice"])
    for asset, recorded in zip(market.assets, fields["assets"], strict=True):
        assert price_of(asset.price, answers) == int(recorded["getPrice"]), asset.token


@pytest.mark.parametrize("fields", MARKETS)
def test_interest_is_the_contracts(fields):
    market = market_of(fields)
    assert utilization(market) == int(fields["utilization"])
    assert rates(market) == (int(fields["supplyRate"]), int(fields["borrowRate"]))
    for recorded, at in (
        (fields["accrued_at_block"], now_of(fields)),
        (fields["accrual_probe"], UnixTime(int(fields["accrual_probe"]["timestamp"]))),
    ):
        assert accrued(market, at) == (int(recorded["baseSupplyIndex"]), int(recorded["baseBorrowIndex"]))


@pytest.mark.parametrize("fields", MARKETS)
def test_balances_and_answers_are_the_contracts(fields):
    market, answers = market_of(fields), answers_of(fields)
    fresh = accrued(market, now_of(fields))
    for recorded in fields["accounts"]:
        account = account_of(recorded, market)
        assert debt(account, fresh) == int(recorded["borrowBalanceOf"]), recorded["id"]
        assert supplied_base(account, fresh) == int(recorded["balanceOf"]), recorded["id"]
        seen = is_liquidatable(market, account, market.stored, answers)
        assert seen == recorded["isLiquidatable"], recorded["id"]
        acted = is_liquidatable(market, account, fresh, answers)
        assert acted == recorded["absorb_succeeds"], recorded["id"]
        carried = is_borrow_collateralized(market, account, market.stored, answers)
        assert carried == recorded["isBorrowCollateralized"], recorded["id"]


@pytest.mark.parametrize("fields", MARKETS)
def test_a_zero_feed_is_cannot_see_exactly_where_the_contract_reverts(fields):
    market, answers = market_of(fields), answers_of(fields) | {ETH: 0}
    for recorded in fields["accounts"]:
        account, expected = account_of(recorded, market), recorded["isLiquidatable_at_zero_eth_feed"]
        if expected == "revert BadPrice":
            with pytest.raises(CannotSee):
                is_liquidatable(market, account, market.stored, answers)
        else:
            assert is_liquidatable(market, account, market.stored, answers) == expected, recorded["id"]


@pytest.mark.parametrize("fields", MARKETS)
@pytest.mark.parametrize(
    ("name", "key", "accrues"),
    [
        ("boundary_isLiquidatable", ETH, False),
        ("boundary_absorb", ETH, True),
        ("boundary_isLiquidatable stETH/ETH", "stETH/ETH", False),
    ],
)
def test_boundaries_and_their_neighbours(fields, name, key, accrues):
    market, answers = market_of(fields), answers_of(fields)
    indices = accrued(market, now_of(fields)) if accrues else market.stored
    within = PriceRange(*map(int, fields["scan_range_ticks"])) if key == ETH else STETH_RANGE
    for recorded in fields["accounts"]:
        if name in recorded:
            account = account_of(recorded, market)
            test = CometTest(market, account, indices, answers, key)
            check_boundary(test, answers[key], recorded[name], within)


def check_boundary(test, price, expected, within):
    found = solve(test, price, within)
    if expected["tick"] is None:
        assert found.cluster is None
        assert found.liquidatable_now == ("not liquidatable at both ends" not in expected["reason"])
        return
    tick = int(expected["tick"])
    assert [str(int(test.at(near))) for near in (tick - 1, tick, tick + 1)] == expected["answers"]
    if found.liquidatable_now:
        assert tick in found.stretch
    elif expected["direction"] == "below":
        assert (found.first_down, found.first_up) == (tick, None)
    else:
        assert (found.first_down, found.first_up) == (None, tick)


@pytest.mark.parametrize("fields", MARKETS)
def test_accounts_without_the_eth_feed_are_known_as_such(fields):
    market = market_of(fields)
    for recorded in fields["accounts"]:
        reason = recorded["boundary_absorb"].get("reason", "")
        if "no collateral priced with ETH/USD" in reason:
            assert not reads(market, account_of(recorded, market), ETH)


def test_the_vectors_are_there():
    assert sum(len(market.values[0]["accounts"]) for market in MARKETS) >= 75


def outcome_of_account(fields, recorded):
    market, answers = market_of(fields), answers_of(fields)
    test = CometTest(market, account_of(recorded, market), accrued(market, now_of(fields)), answers, ETH)
    return outcome(test, eth_is_base=isinstance(market.base_price, Constant))


@pytest.mark.parametrize("fields", MARKETS)
def test_the_outcome_says_what_absorb_does(fields):
    for recorded in fields["accounts"]:
        found, boundary = outcome_of_account(fields, recorded), recorded["boundary_absorb"]
        if recorded["absorb_succeeds"]:
            assert isinstance(found, AlreadyLiquidatable), recorded["id"]
        elif int(recorded["principal"]) >= 0:
            assert found == NeverByEth(NeverReason.NO_DEBT)
        elif boundary["tick"] is None:
            market = market_of(fields)
            moves = reads(market, account_of(recorded, market), ETH)
            loop = isinstance(market.base_price, Constant) and not moves
            assert isinstance(found, Insensitive if loop else NeverByEth), recorded["id"]
        else:
            shape = {"below": LiquidatableBelow, "above": LiquidatableAbove}[boundary["direction"]]
            assert isinstance(found, shape)
            assert found.tick == int(boundary["tick"])


@pytest.mark.parametrize("fields", MARKETS)
def test_a_remedy_is_the_least_that_helps(fields):
    market, answers = market_of(fields), answers_of(fields)
    fresh = accrued(market, now_of(fields))
    for recorded in fields["accounts"]:
        account = account_of(recorded, market)
        found = remedy(market, account, fresh, answers, add=1)
        if not is_liquidatable(market, account, fresh, answers):
            assert found == Remedy(0, 0)
            continue
        for amount, still in ((found.repay - 1, True), (found.repay, False)):
            left = replace(account, principal=principal_after_repaying(account, fresh, amount))
            assert is_liquidatable(market, left, fresh, answers) == still
        for amount, still in ((found.add - 1, True), (found.add, False)):
            held = dict(account.held)
            held[1] = held.get(1, 0) + amount
            more = replace(account, held=tuple(Held(*pair) for pair in sorted(held.items())))
            assert is_liquidatable(market, more, fresh, answers) == still


@pytest.mark.parametrize("fields", MARKETS)
def test_the_penalty_lies_between_the_assets_own(fields):
    market, answers = market_of(fields), answers_of(fields)
    for recorded in fields["accounts"]:
        account = account_of(recorded, market)
        factors = [market.assets[held.asset].liquidation_factor for held in account.held]
        penalty = terms(market, account, answers).penalty
        if factors:
            floors = WAD // 10**9  # values are floored to 8 decimals
            assert (WAD - max(factors)) * WAD // max(factors) - floors <= penalty
            assert penalty <= (WAD - min(factors)) * WAD // min(factors) + floors
