"""Finds out how a Comet price feed is made, from the getters of the contracts, and reads what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from contracts_abi import chainlink
from contracts_abi import comet as abi
from contracts_abi.call import Call
from monitor.errors import CannotSee
from monitor.lending.comet_prices import (
    Constant,
    Feed,
    Multiplicative,
    RateScaling,
    Recipe,
    ReverseMultiplicative,
    WstEth,
    keys_of,
)
from monitor.protocols.asking import decoded, decoded_or_none
from monitor.protocols.base import Answer, Ask, Reading, View, attempt, together
from monitor.protocols.feeds import FeedAnswer, feed_answer, feed_asks
from monitor.units import Address

RATE: Final = "rate "
TOKENS: Final = "tokens "
_RATE_DECIMALS: Final = 18
_DEEPEST: Final = 3
_GETTERS: Final[tuple[Call[Any], ...]] = (
    chainlink.DECIMALS,
    abi.CONSTANT_PRICE,
    abi.FEED_A,
    abi.FEED_B,
    abi.WBTC_FEED,
    abi.BTC_FEED,
    abi.STETH_FEED,
    abi.WSTETH,
    abi.UNDERLYING_FEED,
    chainlink.LATEST_ROUND_DATA,
)


@dataclass(frozen=True, slots=True)
class Wiring:
    """A feed's possible recipes: the right one is the one that gives the contract's price."""

    recipes: tuple[Recipe, ...]
    decimals: int


@dataclass
class FeedBook:
    """How feeds are made: immutable, so read once."""

    known: dict[Address, Wiring] = field(default_factory=dict[Address, Wiring])

    def read(self, feed: Address, depth: int = 0) -> Reading[Wiring]:
        """The wiring of a feed. Raises `CannotSee` for one that answers nothing."""
        if feed in self.known:
            return self.known[feed]
        answers = yield [View(feed, getter.encode()) for getter in _GETTERS]
        told = _told(_GETTERS, answers)
        decimals = told["decimals"]
        if decimals is None:
            raise CannotSee(f"price feed {feed} does not answer")
        recipes = yield from self._recipes(feed, told, decimals, depth)
        wiring = self.known[feed] = Wiring(recipes, decimals)
        return wiring

    def _recipes(
        self, feed: Address, told: dict[str, Any], decimals: int, depth: int
    ) -> Reading[tuple[Recipe, ...]]:
        if told["constantPrice"] is not None:
            return (Constant(told["constantPrice"]),)
        for first, second in (("priceFeedA", "priceFeedB"), ("WBTCToBTCPriceFeed", "BTCToUSDPriceFeed")):
            if told[first] is not None and told[second] is not None:
                return (yield from self._pair(Address(told[first]), Address(told[second]), decimals, depth))
        if told["stETHtoETHPriceFeed"] is not None and told["wstETH"] is not None:
            return (WstEth(told["stETHtoETHPriceFeed"], TOKENS + told["wstETH"], _RATE_DECIMALS, decimals),)
        if told["underlyingPriceFeed"] is not None:
            return (yield from self._scaled(Address(told["underlyingPriceFeed"]), decimals))
        if told["latestRoundData"] is None:
            raise CannotSee(f"price feed {feed} does not answer")
        return (Feed(feed),)

    def _pair(self, a: Address, b: Address, decimals: int, depth: int) -> Reading[tuple[Recipe, ...]]:
        if depth >= _DEEPEST:
            raise CannotSee("a price feed is nested too deep")
        first, second = yield from together([self.read(a, depth + 1), self.read(b, depth + 1)])
        return tuple(
            kind(one, other, first.decimals, second.decimals, decimals)
            for kind in (Multiplicative, ReverseMultiplicative)
            for one in first.recipes
            for other in second.recipes
        )

    def _scaled(self, underlying: Address, decimals: int) -> Reading[tuple[Recipe, ...]]:
        answers = yield [
            View(underlying, abi.GET_RATE.encode()),
            View(underlying, chainlink.DECIMALS.encode()),
        ]
        if decoded_or_none(abi.GET_RATE, answers[0]) is not None:
            return (RateScaling(RATE + underlying, _RATE_DECIMALS, decimals),)
        own = decoded(chainlink.DECIMALS, answers[1], f"decimals of price feed {underlying}")
        return (RateScaling(underlying, own, decimals),)


def _told(getters: Sequence[Call[Any]], answers: Sequence[Answer]) -> dict[str, Any]:
    return {
        getter.name: decoded_or_none(getter, answer) for getter, answer in zip(getters, answers, strict=True)
    }


def read_leaves(recipes: Iterable[Recipe]) -> Reading[dict[str, FeedAnswer | int | CannotSee]]:
    """Every answer that the recipes rest on, by key, in one round; `CannotSee` for one that is refused."""
    keys = sorted({key for recipe in recipes for key in keys_of(recipe)})
    found = yield from together([attempt(_leaf(key)) for key in keys])
    return dict(zip(keys, found, strict=True))


def _leaf(key: str) -> Reading[FeedAnswer | int]:
    if key.startswith(RATE):
        return (yield from _number(abi.GET_RATE, Address(key.removeprefix(RATE))))
    if key.startswith(TOKENS):
        return (yield from _number(abi.TOKENS_PER_STETH, Address(key.removeprefix(TOKENS))))
    asks: list[Ask] = feed_asks(Address(key))
    answers: Sequence[Answer] = yield asks
    return feed_answer(Address(key), answers)


def _number(call: Call[int], contract: Address) -> Reading[int]:
    answers = yield [View(contract, call.encode())]
    return decoded(call, answers[0], f"{call.name} of {contract}")
