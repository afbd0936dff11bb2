"""Recorded Morpho markets as our own types."""

from __future__ import annotations

from typing import Any

from monitor.lending.morpho import MorphoMarket, MorphoPosition, accrue
from monitor.lending.morpho_irm import AdaptiveCurve, BorrowRate, borrow_rate
from monitor.units import UnixTime


def market_of(fields: dict[str, Any], lltv: str) -> MorphoMarket:
    names = ("totalSupplyAssets", "totalSupplyShares", "totalBorrowAssets", "totalBorrowShares")
    return MorphoMarket(
        *(int(fields[name]) for name in names),
        UnixTime(int(fields["lastUpdate"])),
        int(fields["fee"]),
        int(lltv),
    )


def position_of(account: dict[str, Any]) -> MorphoPosition:
    return MorphoPosition(int(account["borrowShares"]), int(account["collateral"]))


def curve_of(data: dict[str, Any]) -> AdaptiveCurve:
    irm = data["irm"]
    assert irm["kind"] == "AdaptiveCurveIrm"
    return AdaptiveCurve(**{name: int(value) for name, value in irm.items() if name != "kind"})


def rate_of(data: dict[str, Any], market: dict[str, Any]) -> BorrowRate:
    stored = market["market"]
    elapsed = int(data["block_timestamp"]) - int(stored["lastUpdate"])
    supplied, borrowed = int(stored["totalSupplyAssets"]), int(stored["totalBorrowAssets"])
    return borrow_rate(curve_of(data), supplied, borrowed, int(stored["rateAtTarget"]), elapsed)


def accrued(data: dict[str, Any], market: dict[str, Any]) -> MorphoMarket:
    stored = market_of(market["market"], market["lltv"])
    return accrue(stored, rate_of(data, market).average, UnixTime(int(data["block_timestamp"])))
