"""Beside @morpho-org/blue-sdk 6.4.0, which nobody of this project wrote.

Interest and health factors are equal to the last digit. Its liquidation price takes one floor
where the contract takes two, so it names another price for most accounts; the recorded answers of
the real contract say which of the two is right.
"""

from __future__ import annotations

import pytest

from monitor.lending.morpho import debt, health_factor, highest_unhealthy_price, is_healthy
from monitor.units import MAX_UINT256, WAD
from tests.support import vectors
from tests.support.morpho_vectors import accrued, position_of, rate_of
from tests.support.node_peers import ask_peer

pytestmark = pytest.mark.localnet
FILES = vectors.of_protocol("Morpho Blue")
MARKETS = [(data, market) for _, data in FILES for market in data["markets"]]
NAMES = ("totalSupplyAssets", "totalSupplyShares", "totalBorrowAssets", "totalBorrowShares")


def question(data, market):
    stored = market["market"]
    fields = {name: stored[name] for name in (*NAMES, "lastUpdate", "fee", "rateAtTarget")}
    params = dict.fromkeys(("loanToken", "collateralToken", "oracle"), "0x" + "11" * 20)
    return {
        "params": params | {"irm": "0x870aC11D48B15DB9a138Cf899d20F13F79Ba00BC", "lltv": market["lltv"]},
        "market": fields | {"price": market["oracle_price"]},
        "timestamp": data["block_timestamp"],
        "accounts": [
            {name: account[name] for name in ("collateral", "borrowShares")} for account in market["accounts"]
        ],
    }


@pytest.fixture(scope="module")
def peer():
    return ask_peer("morpho_health.cjs", [question(data, market) for data, market in MARKETS])


def test_interest_is_equal(peer):
    for (data, market), theirs in zip(MARKETS, peer, strict=True):
        ours = accrued(data, market)
        told = tuple(int(theirs["market"][name]) for name in NAMES)
        assert told == (
            ours.total_supply_assets,
            ours.total_supply_shares,
            ours.total_borrow_assets,
            ours.total_borrow_shares,
        )
        assert int(theirs["market"]["rateAtTarget"]) == rate_of(data, market).rate_at_target


def test_health_factors_are_equal(peer):
    for (data, market), theirs in zip(MARKETS, peer, strict=True):
        state, price = accrued(data, market), int(market["oracle_price"])
        for account, told in zip(market["accounts"], theirs["accounts"], strict=True):
            ours = health_factor(state, position_of(account), price)
            assert int(told["healthFactor"]) == (MAX_UINT256 if ours is None else ours)


def test_liquidation_prices_are_near_and_where_they_differ_the_contract_agrees_with_ours(peer):
    differing = compared = 0
    for (data, market), theirs in zip(MARKETS, peer, strict=True):
        state = accrued(data, market)
        for account, told in zip(market["accounts"], theirs["accounts"], strict=True):
            position = position_of(account)
            ours = highest_unhealthy_price(state, position)
            if ours is None or told["liquidationPrice"] is None:
                continue
            first_healthy = int(told["liquidationPrice"])
            compared += 1
            # One unit of debt and one of weighted collateral is all that a floor can move.
            weighted = max(position.collateral * state.lltv // WAD, 1)
            unit = first_healthy // debt(state, position) + first_healthy // weighted + 1
            assert abs(first_healthy - 1 - ours) <= 2 * unit
            if first_healthy != ours + 1:
                differing += 1
                recorded = account["boundary_oracle_price"]["tick"]
                assert recorded is None or int(recorded) == ours
                assert not is_healthy(state, position, ours)
                assert is_healthy(state, position, ours + 1)
    assert compared > 80
    assert differing > compared // 2
