"""Positions at an ETH price that is only supposed: every protocol's own test and health factor there.

Exact, and a supposition: it takes each protocol's ETH price to be the one asked for, at this block,
with interest, exchange ratios and every other price as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from monitor.domain import FeedPrice
from monitor.errors import CannotSee
from monitor.lending.outcome import (
    AlreadyLiquidatable,
    LiquidatableAbove,
    LiquidatableBelow,
    Range,
)
from monitor.lending.position import Position, Seen, Unseen
from monitor.units import Tick, Wad, floor_div

TICK_DECIMALS = 8


class Then(NamedTuple):
    """One position at a supposed price."""

    liquidatable: bool | None
    """None where it cannot be told."""
    health_factor: Wad | None
    """None where the protocol has none, there is no debt, or it cannot be told."""
    cause: str = ""
    """Why it cannot be told."""


def supposed(seen: Seen, tick: Tick, market: FeedPrice | None) -> Then:
    """The position with ETH at `tick`. `market`: the ETH/USD feed, for prices of tokens that follow ETH."""
    if isinstance(seen, Unseen):
        return Then(None, None, seen.cause)
    try:
        price = _own_price(seen, tick, market)
        if _is_beyond_the_search(seen, price):
            raise CannotSee(
                "liquidatable now; from which higher price on it is not, the protocol does not tell"
            )
        health = None if seen.model is None else seen.model.health_at(price)
        return Then(liquidatable_at(seen)(price), None if health is None else Wad(health))
    except CannotSee as error:
        return Then(None, None, str(error))


def _own_price(position: Position, tick: int, market: FeedPrice | None) -> int:
    """The protocol's price, in its decimals, that goes with ETH at `tick`."""
    if not position.price.of_token:
        return scaled(tick, position.price.decimals)
    if market is None or market.answer <= 0:
        raise CannotSee(
            "its price is of a token that follows ETH, and no ETH/USD feed answers to compare with"
        )
    return floor_div(position.price.answer * scaled(tick, market.decimals), market.answer)


def _is_beyond_the_search(position: Position, price: int) -> bool:
    """A stretch that ends with the present price was not looked for above it: bands remember how the price moved."""
    found = position.outcome
    return (
        position.test is None
        and isinstance(found, AlreadyLiquidatable)
        and price > found.highest == position.price.answer
    )


def liquidatable_at(position: Position) -> Callable[[int], bool]:
    """Whether it is liquidatable at an ETH price, in the decimals of its own.

    By the protocol's own test where that came with the position, else by the outcome that it was asked for.
    """
    if position.test is not None:
        return position.test.at
    match position.outcome:
        case LiquidatableBelow(tick=tick, other_side=other):
            return outside(tick, other)
        case LiquidatableAbove(tick=tick, other_side=other):
            return outside(other, tick)
        case Range(upper=upper):
            return outside(upper, None)
        case AlreadyLiquidatable(lowest=low, highest=high):
            # What rests on no ETH price is liquidatable at any.
            return lambda price: low <= price <= high or not position.price.answer
        case _:
            return lambda _price: False


def outside(low: int | None, high: int | None) -> Callable[[int], bool]:
    """Liquidatable at or below `low`, and at or above `high`."""
    return lambda price: (low is not None and price <= low) or (high is not None and price >= high)


def scaled(tick: int, decimals: int) -> int:
    """A price of 8 decimals in another number of them."""
    return floor_div(tick * 10**decimals, 10**TICK_DECIMALS)


def suppositions(seen: Sequence[Seen], ticks: Sequence[Tick], market: FeedPrice | None) -> list[list[Then]]:
    """Every position, in order, at every price, in order."""
    return [[supposed(one, tick, market) for tick in ticks] for one in seen]
