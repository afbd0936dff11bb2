"""The price feeds of Compound v3 as functions of raw answers, each with the contract's own roundings.

A recipe names the answers that it reads (a feed, an exchange rate) by a key of the caller's choice:
their addresses on a chain. `Comet.getPrice` reverts on anything but a positive price; so do these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from monitor.errors import CannotSee
from monitor.units import floor_div

Answers: TypeAlias = Mapping[str, int]
"""Raw answers by key, as the contracts give them."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A Chainlink-like feed, used as it is."""

    key: str


@dataclass(frozen=True, slots=True)
class Following:
    """A second feed that moves with the first: it keeps today's ratio to it, which is an assumption."""

    key: str
    numerator: int
    denominator: int


@dataclass(frozen=True, slots=True)
class Constant:
    """ConstantPriceFeed."""

    value: int


@dataclass(frozen=True, slots=True)
class RateScaling:
    """RateBasedScalingPriceFeed and ScalingPriceFeed: an answer moved to other decimals."""

    key: str
    from_decimals: int
    decimals: int


@dataclass(frozen=True, slots=True)
class Multiplicative:
    """MultiplicativePriceFeed and WBTCPriceFeed: a * b."""

    a: Recipe
    b: Recipe
    a_decimals: int
    b_decimals: int
    decimals: int


@dataclass(frozen=True, slots=True)
class ReverseMultiplicative:
    """ReverseMultiplicativePriceFeed: a / b, so the price falls when b rises."""

    a: Recipe
    b: Recipe
    a_decimals: int
    b_decimals: int
    decimals: int


@dataclass(frozen=True, slots=True)
class WstEth:
    """WstETHPriceFeed: the stETH feed over `tokensPerStEth` (18 decimals each)."""

    feed: str
    tokens_per_steth: str
    feed_decimals: int
    decimals: int


Recipe: TypeAlias = (
    Feed | Following | Constant | RateScaling | Multiplicative | ReverseMultiplicative | WstEth
)


def price_of(recipe: Recipe, answers: Answers) -> int:
    """What `Comet.getPrice` gives. Raises `CannotSee` where it reverts with BadPrice."""
    price = _raw(recipe, answers)
    if price <= 0:
        raise CannotSee("a price feed of the market answers zero or less: the contract reverts with BadPrice")
    return price


def _raw(recipe: Recipe, answers: Answers) -> int:
    match recipe:
        case Feed(key=key):
            return answers[key]
        case Following():
            return floor_div(max(answers[recipe.key], 0) * recipe.numerator, recipe.denominator)
        case Constant(value=value):
            return value
        case RateScaling():
            return _rescaled(answers[recipe.key], recipe.from_decimals, recipe.decimals)
        case WstEth():
            return _wsteth(recipe, answers[recipe.feed], answers[recipe.tokens_per_steth])
        case Multiplicative() | ReverseMultiplicative():
            return _product(recipe, _raw(recipe.a, answers), _raw(recipe.b, answers))


def _rescaled(answer: int, from_decimals: int, decimals: int) -> int:
    if decimals >= from_decimals:
        return answer * 10 ** (decimals - from_decimals)
    return floor_div(max(answer, 0), 10 ** (from_decimals - decimals))


def _wsteth(recipe: WstEth, steth: int, tokens_per_steth: int) -> int:
    if steth <= 0 or tokens_per_steth <= 0:
        return 0
    whole = floor_div(steth * 10**18, tokens_per_steth)
    return floor_div(whole, 10 ** (recipe.feed_decimals - recipe.decimals))


def _product(recipe: Multiplicative | ReverseMultiplicative, a: int, b: int) -> int:
    if a <= 0 or b <= 0:
        return 0
    if isinstance(recipe, Multiplicative):
        return floor_div(a * b * 10**recipe.decimals, 10 ** (recipe.a_decimals + recipe.b_decimals))
    ratio = floor_div(a * 10 ** (recipe.b_decimals + recipe.decimals), b)
    return floor_div(ratio, 10**recipe.a_decimals)


def keys_of(recipe: Recipe) -> frozenset[str]:
    """The answers that a recipe reads."""
    match recipe:
        case Feed(key=key) | RateScaling(key=key) | Following(key=key):
            return frozenset({key})
        case Constant():
            return frozenset()
        case WstEth():
            return frozenset({recipe.feed, recipe.tokens_per_steth})
        case Multiplicative() | ReverseMultiplicative():
            return keys_of(recipe.a) | keys_of(recipe.b)


def replace_feeds(recipe: Recipe, other: Mapping[str, Recipe]) -> Recipe:
    """The recipe with feeds replaced by key, wherever they stand in it."""
    match recipe:
        case Feed(key=key):
            return other.get(key, recipe)
        case Multiplicative() | ReverseMultiplicative():
            return replace(recipe, a=replace_feeds(recipe.a, other), b=replace_feeds(recipe.b, other))
        case Constant() | Following() | RateScaling() | WstEth():
            return recipe
