"""Positions at supposed prices: what the ETH price means for one that is priced in another token."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.domain import FeedPrice
from monitor.lending.outcome import (
    AlreadyLiquidatable,
    Cluster,
    LiquidatableAbove,
    LiquidatableBelow,
    Outcome,
    Range,
)
from monitor.lending.position import NO_ETH_PRICE, Position, ProtocolPrice, Unseen
from monitor.reports.whatif import Then, supposed
from monitor.units import TICKS_PER_USD, Address, Tick
from tests.support.position_rows import KEY, whale

USD = TICKS_PER_USD


def feed(answer: int, decimals: int = 8) -> FeedPrice:
    return FeedPrice("ETH/USD", Address("0x" + "11" * 20), answer, decimals, None)


def of(price: ProtocolPrice, outcome: Outcome) -> Position:
    return replace(whale(2_000), price=price, outcome=outcome)


def below(tick: int, other: int | None = None, decimals: int = 8) -> LiquidatableBelow:
    return LiquidatableBelow(tick, Cluster(tick, tick, single=True), other, decimals)


def verdicts(position: Position, *ticks: int, market: FeedPrice | None = None) -> list[bool | None]:
    return [supposed(position, Tick(tick), market).liquidatable for tick in ticks]


@pytest.mark.parametrize("market", [feed(2_000 * USD), feed(2_000 * 10**18, 18)])
def test_a_token_that_follows_eth_keeps_its_ratio_to_it(market: FeedPrice) -> None:
    """It stands at 1.1 ETH: 1,100 USD of it are 1,000 USD of ETH, to the tick."""
    position = of(ProtocolPrice(2_200 * USD, of_token=True), below(1_100 * USD))
    assert verdicts(position, 1_000 * USD, 1_000 * USD + 1, market=market) == [True, False]


@pytest.mark.parametrize("market", [None, feed(0)])
def test_without_an_eth_price_nothing_is_said_of_such_a_token(market: FeedPrice | None) -> None:
    position = of(ProtocolPrice(2_200 * USD, of_token=True), below(1_100 * USD))
    then = supposed(position, Tick(1_000 * USD), market)
    assert (then.liquidatable, then.health_factor) == (None, None)
    assert "no ETH/USD feed answers" in then.cause
    assert supposed(Unseen(KEY, "it reverts"), Tick(1), None) == Then(None, None, "it reverts")


def test_a_price_is_put_into_the_decimals_of_the_protocol() -> None:
    wad = of(ProtocolPrice(2_000 * 10**18, 18), below(1_500 * 10**18, 2_500 * 10**18, 18))
    edges = (1_500 * USD, 1_500 * USD + 1, 2_500 * USD - 1, 2_500 * USD)
    assert verdicts(wad, *edges) == [True, False, False, True]
    short = of(
        ProtocolPrice(2_000 * USD), LiquidatableAbove(2_500 * USD, Cluster(1, 1, single=True), 1_500 * USD)
    )
    assert verdicts(short, *edges) == [True, False, False, True]
    soft = of(ProtocolPrice(2_000 * USD), Range(1_500 * USD, 1_200 * USD))
    assert verdicts(soft, *edges[:2]) == [True, False]


def test_what_is_liquidatable_now_is_so_in_its_stretch_alone() -> None:
    already = of(ProtocolPrice(2_000 * USD), AlreadyLiquidatable(1_900 * USD, 2_100 * USD))
    ticks = (1_900 * USD - 1, 1_900 * USD, 2_100 * USD, 2_100 * USD + 1)
    assert verdicts(already, *ticks) == [False, True, True, False]
    assert verdicts(of(NO_ETH_PRICE, AlreadyLiquidatable(1, 2)), 1_900 * USD) == [True], (
        "it rests on no ETH price"
    )


def test_a_stretch_that_ends_with_the_present_price_promises_no_safety_above() -> None:
    hard = of(ProtocolPrice(2_000 * 10**18, 18), AlreadyLiquidatable(1, 2_000 * 10**18, 18))
    assert verdicts(hard, 1_000 * USD, 2_000 * USD) == [True, True]
    then = supposed(hard, Tick(2_000 * USD + 1), None)
    assert then.liquidatable is None
    assert "does not tell" in then.cause
