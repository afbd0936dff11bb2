"""Every recorded answer of compiled Aave v3 and SparkLend contracts, reproduced exactly.

Account data, health factors at many prices, every crossing of health factor 1 with its neighbours,
and the boundary seen from the present price: nothing is approximate here.
"""

from __future__ import annotations

from typing import Any

import pytest

from monitor.lending.aave import Position, account_data, health_factor, resolve, sums_at
from monitor.lending.aave_boundary import AaveTest
from monitor.lending.solver import PriceRange, crossings, solve
from monitor.units import MAX_UINT256
from tests.support.aave_vectors import account_of, instances, market_of

RANGE = PriceRange(10**6, 10**13)
LISTED_IN_FULL = 40


@pytest.fixture(scope="module", params=[pytest.param(one, id=name) for name, one in instances()])
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
            ends = [None if is_end_of_range(end) else end for end in found.stretch]
            assert ends == [expected["liquidatable_from"], expected["liquidatable_up_to"]], entry["id"]


def is_end_of_range(tick: int) -> bool:
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
