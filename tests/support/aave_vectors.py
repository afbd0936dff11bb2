"""Recorded Aave markets and accounts (tests/vectors/README.md) as the types that health is computed on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.lending.aave import Account, EMode, Market, Reserve, Row
from monitor.lending.aave_index import IndexRule, IndexState, normalized_debt, normalized_income
from monitor.lending.aave_rules import rule_named
from monitor.lending.correlation import EthFeed, EthFeedTimesRatio, FixedPrice, PriceSource
from monitor.units import Bps, Ray, UnixTime
from tests.support.lending_vectors import load, vector_files


def price_source(reserve: dict[str, Any]) -> PriceSource:
    match reserve["price_source"]:
        case "eth_feed":
            return EthFeed()
        case "eth_feed_x_ratio":
            return EthFeedTimesRatio(int(reserve["ratio"]), 10**18)
        case _:
            return FixedPrice(int(reserve["asset_price"]))


def stored_indexes(reserve: dict[str, Any]) -> IndexState:
    return IndexState(
        Ray(int(reserve["liquidity_index"])),
        Ray(int(reserve["variable_borrow_index"])),
        Ray(int(reserve["liquidity_rate"])),
        Ray(int(reserve["variable_borrow_rate"])),
        UnixTime(int(reserve["last_update"])),
    )


def reserve_of(symbol: str, entry: dict[str, Any], at: UnixTime, rule: IndexRule) -> Reserve:
    stored = stored_indexes(entry)
    return Reserve(
        id=int(entry["id"]),
        symbol=symbol,
        decimals=int(entry["decimals"]),
        lt=Bps(int(entry["lt"])),
        ltv=Bps(int(entry["ltv"])),
        bonus=Bps(int(entry["bonus"])),
        category=int(entry.get("emode_category", 0)),
        source=price_source(entry),
        income=normalized_income(stored, at),
        debt_index=normalized_debt(stored, at, rule),
        stored=stored,
    )


def emode_of(entry: dict[str, Any]) -> EMode:
    answer = entry.get("price_answer")
    return EMode(
        ltv=Bps(int(entry["ltv"])),
        lt=Bps(int(entry["lt"])),
        bonus=Bps(int(entry["bonus"])),
        collateral_bitmap=int(entry.get("collateral_bitmap", 0)),
        ltvzero_bitmap=int(entry.get("ltvzero_bitmap", 0)),
        isolated=bool(entry.get("isolated", False)),
        source=None if answer is None else FixedPrice(int(answer)),
    )


def market_of(entry: dict[str, Any]) -> Market:
    at, rule = UnixTime(int(entry["timestamp"])), IndexRule(entry["debt_index_formula"])
    reserves = [reserve_of(symbol, reserve, at, rule) for symbol, reserve in entry["reserves"].items()]
    emodes = {int(id_): emode_of(emode) for id_, emode in entry["emodes"].items()}
    return Market({r.id: r for r in reserves}, emodes, rule_named(entry["formula"]))


def account_of(entry: dict[str, Any], reserves: dict[str, Any]) -> Account:
    rows = {
        int(reserves[symbol]["id"]): Row(
            int(row[0]), int(row[1]), row[2], row[3], int(row[4]) if row[4:] else 0
        )
        for symbol, row in entry["rows"].items()
    }
    return Account(int(entry["emode"]), rows)


def instances() -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and content of every recorded instance."""
    for path in vector_files("aave_v3", "sparklend"):
        for index, instance in enumerate(load(path)["instances"]):
            yield f"{path.parent.name}/{path.stem}[{index}]-{instance['market']['formula']}", instance
