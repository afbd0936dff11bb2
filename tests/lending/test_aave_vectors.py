"""Every recorded answer of compiled Aave v3 and SparkLend contracts, reproduced exactly.

Account data, health factors at many prices, every crossing of health factor 1 with its neighbours,
and the boundary seen from the present price: nothing is approximate here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from monitor.lending.aave import (
    Account,
    EMode,
    Market,
    Position,
    Reserve,
    Row,
    account_data,
    health_factor,
    resolve,
    sums_at,
)
from monitor.lending.aave_boundary import AaveTest
from monitor.lending.aave_index import IndexRule, IndexState, normalized_debt, normalized_income
from monitor.lending.aave_rules import rule_named
from monitor.lending.correlation import EthFeed, EthFeedTimesRatio, FixedPrice, PriceSource
from monitor.lending.solver import PriceRange, crossings, solve
from monitor.units import MAX_UINT256, Bps, Ray, UnixTime
from tests.support.lending_vectors import load, vector_files

RANGE = PriceRange(10**6, 10**13)
LISTED_IN_FULL = 40


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


def instances() -> Iterator[Any]:
    for path in vector_files("aave_v3", "sparklend"):
        for index, instance in enumerate(load(path)["instances"]):
            name = f"{path.parent.name}/{path.stem}[{index}]-{instance['market']['formula']}"
            yield pytest.param(instance, id=name)


@pytest.fixture(scope="module", params=instances())
def instance(request: pytest.FixtureRequest) -> dict[str, Any]:
    return request.param


@pytest.fixture(scope="module")
def positions(instance: dict[str, Any]) -> list[tuple[dict[str, Any], Position]]:
    market = market_of(instance["market"])
    reserves = instance["market"]["reserves"]
    return [(entry, resolve(market, account_of(entry, reserves))) for entry in instance["accounts"]]


Positions = list[tuple[dict[str, Any], Position]]


def number(text: str | int) -> int:
    return MAX_UINT256 if text == "max" else int(text)


def test_the_own_vectors_are_there() -> None:
    assert len(list(instances())) >= 8


def test_indexes_at_the_block(instance: dict[str, Any]) -> None:
    market = instance["market"]
    for reserve in market_of(market).reserves.values():
        recorded = market["reserves"][reserve.symbol]
        assert reserve.income == int(recorded["normalized_income"])
        assert reserve.debt_index == int(recorded["normalized_debt"])


def test_account_data(instance: dict[str, Any], positions: Positions) -> None:
    now = int(instance["market"]["eth_feed_answer"])
    for entry, position in positions:
        assert list(account_data(position, now)) == [number(n) for n in entry["out"]], entry["id"]


def test_health_factor_at_other_prices(instance: dict[str, Any], positions: Positions) -> None:
    ticks = [int(tick) for tick in instance["market"]["sample_ticks"]]
    for entry, position in positions:
        factors = [health_factor(position.rule, sums_at(position, tick)) for tick in ticks]
        assert factors == [number(n) for n in entry["hf_at_samples"]], entry["id"]


def test_health_factor_around_each_crossing(positions: Positions) -> None:
    for entry, position in positions:
        for crossing in entry["crossings"]:
            tick = int(crossing["tick"])
            around = [health_factor(position.rule, sums_at(position, t)) for t in (tick - 1, tick, tick + 1)]
            assert around == [number(n) for n in crossing["hf"]], (entry["id"], tick)


def test_the_boundary_from_the_present_price(instance: dict[str, Any], positions: Positions) -> None:
    now = int(instance["market"]["eth_feed_answer"])
    for entry, position in positions:
        expected, found = entry["boundary"], solve(AaveTest(position), now, RANGE)
        assert found.liquidatable_now == expected["liquidatable_now"], entry["id"]
        if found.stretch is None:
            assert [found.first_down, found.first_up] == [expected["first_down"], expected["first_up"]], (
                entry["id"]
            )
        else:
            ends = [None if low_end_of_range(end) else end for end in found.stretch]
            assert ends == [expected["liquidatable_from"], expected["liquidatable_up_to"]], entry["id"]


def low_end_of_range(tick: int) -> bool:
    return tick in RANGE


def test_all_crossings_are_found_and_no_other(positions: Positions) -> None:
    for entry, position in positions:
        found = [(c.tick, "below" if c.below else "above") for c in crossings(AaveTest(position), *RANGE)]
        recorded = [(int(c["tick"]), c["dir"]) for c in entry["crossings"]]
        if int(entry["crossings_found"]) <= LISTED_IN_FULL and entry["crossings_complete"]:
            assert found == recorded, entry["id"]
        else:
            assert set(recorded) <= set(found), entry["id"]
        if entry["crossings_complete"]:
            assert len(found) == int(entry["crossings_found"]), entry["id"]


def test_the_cluster_spans_the_crossings(instance: dict[str, Any], positions: Positions) -> None:
    now = int(instance["market"]["eth_feed_answer"])
    for entry, position in positions:
        cluster = solve(AaveTest(position), now, RANGE).cluster
        ticks = [int(crossing["tick"]) for crossing in entry["crossings"]]
        if not ticks:
            assert cluster is None
        elif entry["crossings_complete"]:
            assert cluster is not None
            assert (cluster.lowest, cluster.highest) == (ticks[0], ticks[-1])
            assert cluster.single == (len(ticks) == 1)
