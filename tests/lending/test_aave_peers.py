"""Health factors beside @aave/math-utils 1.38.0, which nobody of this project wrote.

It averages thresholds in whole bps with balances to the nearest unit, so it is near every
generation of the contracts and equal to none.
"""

from __future__ import annotations

from typing import Any

import pytest

from monitor.lending.aave import account_data, resolve
from monitor.units import WAD
from tests.support.aave_vectors import account_of, instances, market_of
from tests.support.node_peers import ask_peer

pytestmark = pytest.mark.localnet
WORTH = 100 * 10**8
"""Accounts with less debt than $100 are rounding and nothing else."""


def emode_entries(market: dict[str, Any], reserve: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for id_, emode in market["emodes"].items():
        bit = 1 << reserve["id"]
        inside = bool(int(emode["collateral_bitmap"]) & bit)
        zero = bool(int(emode["ltvzero_bitmap"]) & bit)
        values = {"ltv": str(emode["ltv"]), "liquidationThreshold": str(emode["lt"])}
        found.append({"id": int(id_), "collateralEnabled": inside, "ltvzeroEnabled": zero, "eMode": values})
    return found


def reserve_entry(market: dict[str, Any], symbol: str, reserve: dict[str, Any]) -> dict[str, Any]:
    return {
        "underlyingAsset": symbol,
        "decimals": reserve["decimals"],
        "priceInMarketReferenceCurrency": reserve["asset_price"],
        "liquidityIndex": reserve["liquidity_index"],
        "liquidityRate": reserve["liquidity_rate"],
        "variableBorrowIndex": reserve["variable_borrow_index"],
        "variableBorrowRate": reserve["variable_borrow_rate"],
        "lastUpdateTimestamp": reserve["last_update"],
        "reserveLiquidationThreshold": str(reserve["lt"]),
        "baseLTVasCollateral": str(reserve["ltv"]),
        "debtCeiling": "0",
        "eModes": emode_entries(market, reserve),
    }


def row_entries(account: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "underlyingAsset": symbol,
            "scaledATokenBalance": row[0],
            "scaledVariableDebt": row[1] if row[3] else "0",
            "usageAsCollateralEnabledOnUser": row[2],
        }
        for symbol, row in account["rows"].items()
    ]


def comparable(account: dict[str, Any], market: dict[str, Any]) -> bool:
    """Not made of rounding, and without what the package leaves out: thresholds of 0 inside an e-mode."""
    worth = int(account["out"][1]) > WORTH
    plain = all(market["reserves"][symbol]["lt"] for symbol, row in account["rows"].items() if row[2])
    return worth and plain and len(account["rows"]) > 0


@pytest.mark.parametrize(
    "instance", [pytest.param(one, id=name) for name, one in instances() if "bitmap" in name]
)
def test_health_factors_are_those_of_math_utils_but_for_a_basis_point(instance: dict[str, Any]) -> None:
    recorded, market = instance["market"], market_of(instance["market"])
    accounts = [one for one in instance["accounts"] if comparable(one, recorded)]
    question = {
        "timestamp": recorded["timestamp"],
        "reserves": [reserve_entry(recorded, symbol, one) for symbol, one in recorded["reserves"].items()],
        "accounts": [{"emode": one["emode"], "rows": row_entries(one)} for one in accounts],
    }
    theirs = [float(factor) for factor in ask_peer("aave_health.cjs", question)]
    now = int(recorded["eth_feed_answer"])
    ours = [account_data(resolve(market, account_of(one, recorded["reserves"])), now) for one in accounts]
    assert accounts
    apart: list[float] = []
    for mine, other in zip(ours, theirs, strict=True):
        factor = mine.health_factor / WAD
        apart.append(abs(factor - other))
        assert abs(factor - other) <= factor * (1 / max(mine.lt, 1) + 1e-7), "more than one basis point"
    if not market.rule.exact_sum:
        assert sum(gap < 1e-7 for gap in apart) > len(apart) // 4
