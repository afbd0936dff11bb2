"""The ladder against answers of real Aave contracts, and a stored ladder against one that was just read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monitor.lending.aave import resolve
from monitor.lending.aave_boundary import AaveTest
from monitor.lending.aave_outcome import classify
from monitor.lending.outcome import (
    Cluster,
    Insensitive,
    LiquidatableAbove,
    LiquidatableBelow,
    NeverByEth,
    NeverReason,
    Range,
)
from monitor.lending.position import Leg, Position, PositionKey, ProtocolPrice, Unseen
from monitor.reports.ladder import LadderView, Pile, live_ladder, nice_step, stored_ladder
from monitor.store import positions
from monitor.units import MAX_UINT256, TICKS_PER_USD, WAD, Address
from tests.support.aave_vectors import account_of, instances, market_of
from tests.support.databases import new_database, ref
from tests.support.position_rows import KEY, LIMIT, whale

USD = 10**8
Recorded = tuple[dict[str, Any], list[dict[str, Any]], list[Position]]


def address(number: int) -> Address:
    return Address(f"0x{number:040x}")


@pytest.fixture(scope="module", params=[pytest.param(one, id=name) for name, one in instances()])
def recorded(request: pytest.FixtureRequest) -> Recorded:
    """Accounts of one recorded market as positions with their own test."""
    one = request.param
    market, price = market_of(one["market"]), int(one["market"]["eth_feed_answer"])
    accounts = one["accounts"][:60]
    found = []
    for index, entry in enumerate(accounts):
        account = resolve(market, account_of(entry, one["market"]["reserves"]))
        found.append(
            Position(
                PositionKey("aave_v3", "Core", address(index)), (), (), int(entry["out"][0]), int(entry["out"][1]), None,
                ProtocolPrice(price), classify(account, market, price), test=AaveTest(account),
            )
        )  # fmt: skip
    return one["market"], accounts, found


def on_ladder(found: list[Position]) -> list[int]:
    return [n for n, one in enumerate(found) if not isinstance(one.outcome, NeverByEth | Insensitive)]


def sums(view: LadderView, tick: int) -> Pile:
    rung = view.rung(tick)
    piles = [*rung.longs.values(), *rung.shorts.values()]
    return Pile(*(sum(column) for column in zip(*piles, strict=True))) if piles else Pile()


def test_counts_and_sums_are_those_of_the_contracts(recorded: Recorded) -> None:
    market, accounts, found = recorded
    view, there = live_ladder(ref(5), found), on_ladder(found)
    assert len(view.entries) == len(there)
    for place, tick in enumerate(int(tick) for tick in market["sample_ticks"]):
        mine = [accounts[n] for n in there if _number(accounts[n]["hf_at_samples"][place]) < WAD]
        expected = Pile(
            len(mine), 0, sum(int(one["out"][0]) for one in mine), sum(int(one["out"][1]) for one in mine)
        )
        assert sums(view, tick) == expected


def test_stored_positions_give_the_same_ladder(recorded: Recorded, tmp_path: Path) -> None:
    """But for the few ticks in which rounding makes an account change sides more than once."""
    market, _, found = recorded
    single = [one for one in found if getattr(getattr(one.outcome, "cluster", None), "single", False)]
    assert len(single) > len(found) // 4
    with new_database(tmp_path / "x.db") as db:
        positions.save_now(db, ref(5), single, {})
        stored = stored_ladder(db)
    live = live_ladder(ref(5), single)
    edges = [
        one.outcome.tick for one in single if isinstance(one.outcome, LiquidatableBelow | LiquidatableAbove)
    ]
    for tick in [*map(int, market["sample_ticks"]), *(edge + d for edge in edges for d in (-1, 0, 1))]:
        assert stored.rung(tick).longs == live.rung(tick).longs
        assert stored.rung(tick).shorts == live.rung(tick).shorts


def _number(text: str | int) -> int:
    return MAX_UINT256 if text == "max" else int(text)


def test_longs_shorts_ranges_and_other_decimals_stand_where_they_belong(tmp_path: Path) -> None:
    price = 2_000
    short = replace(
        whale(price, replace(KEY, account=address(1))),
        outcome=LiquidatableAbove(3_000 * USD, Cluster(3_000 * USD, 3_000 * USD, single=True)),
    )
    soft = replace(
        whale(price, replace(KEY, protocol="crvusd", account=address(2))),
        outcome=Range(1_500 * WAD, 1_400 * WAD, decimals=18), price=ProtocolPrice(price * WAD, 18),
    )  # fmt: skip
    unpriced = replace(
        whale(price, replace(KEY, protocol="morpho_blue", account=address(3))), collateral_value=None
    )
    seen = [
        whale(price), short, soft, unpriced, Unseen(replace(KEY, account=address(4)), "the feed is gone"),
        replace(whale(price, replace(KEY, account=address(5))), outcome=NeverByEth(NeverReason.NO_DEBT)),
        replace(whale(price, replace(KEY, account=address(6))), outcome=Insensitive(0.04, None)),
    ]  # fmt: skip
    with new_database(tmp_path / "x.db") as db:
        positions.save_now(db, ref(5), seen, {})
        stored = stored_ladder(db)
    for view in (stored, live_ladder(ref(5), seen)):
        assert view.price == price * TICKS_PER_USD
        assert sum(view.left_out.values()) == 3
        assert any("the feed is gone" in cause for cause in view.left_out)
        whole = whale(price).collateral_value
        assert whole is not None
        assert sums(view, price * USD) == Pile()
        assert view.rung(LIMIT).longs["Aave v3"].collateral == whole
        assert view.rung(LIMIT).longs["Morpho Blue"] == Pile(1, 1, 0, whale(price).debt_value or 0)
        assert view.rung(LIMIT + 1).longs == {}
        assert set(view.rung(1_500 * USD).longs) == {"Aave v3", "Morpho Blue", view.entries[2].protocol}
        assert set(view.rung(1_500 * USD + 1).longs) == {"Aave v3", "Morpho Blue"}
        assert view.rung(3_000 * USD).shorts["Aave v3"].positions == 1
        assert view.rung(3_000 * USD - 1).shorts == {}


def test_what_is_liquidatable_now_is_on_the_ladder(tmp_path: Path) -> None:
    with new_database(tmp_path / "x.db") as db:
        positions.save_now(db, ref(5), [whale(1_700)], {})
        view = stored_ladder(db)
    assert view.rung(view.price).longs["Aave v3"].positions == 1
    assert view.rung(LIMIT).longs["Aave v3"].positions == 1
    assert view.rung(LIMIT + 1).longs == {}


@pytest.mark.parametrize("price", [1, 37, 10**8, 1_830 * 10**8, 4_999 * 10**8, 10**14])
def test_rungs_are_round_and_around_the_price(price: int) -> None:
    eth = Leg(address(9), "WETH", WAD, 18, price, follows_eth=True)
    one = replace(whale(1), collaterals=(eth,), price=ProtocolPrice(price))
    view = live_ladder(ref(5), [one])
    step, rungs = nice_step(price), view.rungs()
    assert all(rung.tick % step == 0 for rung in rungs)
    assert len(rungs) <= 400
    if price > 100 * USD:
        assert 20 <= len(rungs) <= 130
        assert rungs[0].tick < price < rungs[-1].tick
