"""Reads a Comet at a block: assets, factors, indices, and the raw answers that its prices rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from contracts_abi import comet as abi
from contracts_abi.call import Call
from contracts_abi.comet import AssetInfo
from monitor.errors import CannotSee
from monitor.lending.comet import CometAsset, CometMarket, Indices, RateCurve
from monitor.lending.comet_prices import Feed, Following, Recipe, price_of, replace_feeds
from monitor.protocols.asking import decoded
from monitor.protocols.base import Answer, Ask, Reading, View, attempt, together
from monitor.protocols.comet_feeds import FeedBook, Wiring, read_leaves
from monitor.protocols.compound_deployments import CometDeployment
from monitor.protocols.feeds import FeedAnswer, eth_feed
from monitor.protocols.tokens import Token, TokenBook
from monitor.units import Address, UnixTime

MOST_ASSETS = 24


class Terms(NamedTuple):
    """What governance set, and the stored totals."""

    base_token: Address
    base_feed: Address
    base_scale: int
    totals: abi.Totals
    supply_curve: RateCurve
    borrow_curve: RateCurve
    absorb_paused: bool
    assets: tuple[AssetInfo, ...]


@dataclass(frozen=True, slots=True)
class CometAt:
    """A Comet at a block. `eth`: the feed whose tick prices are given in; None: it reads none."""

    deployment: CometDeployment
    terms: Terms
    market: CometMarket
    answers: Mapping[str, int]
    eth: FeedAnswer | None
    feeds: Mapping[str, FeedAnswer]
    tokens: Mapping[Address, Token]
    unpriced: Mapping[int, str]
    """Assets, by place, whose price cannot be told, and why; -1 is the base."""


@dataclass
class CometReader:
    """Remembers what never changes: how feeds are made, and tokens."""

    feeds: FeedBook = field(default_factory=FeedBook)
    tokens: TokenBook = field(default_factory=TokenBook)

    def market(self, deployment: CometDeployment) -> Reading[CometAt]:
        """The market, whole. Raises `CannotSee`."""
        terms = yield from _terms(deployment.comet)
        wanted = [terms.base_feed, *(Address(info.price_feed) for info in terms.assets)]
        tokens = [terms.base_token, *(Address(info.asset) for info in terms.assets)]
        readings: list[Reading[Any]] = [attempt(self.feeds.read(feed)) for feed in wanted]
        readings += [self.tokens.read(tokens), _prices(deployment.comet, wanted)]
        found = yield from together(readings)
        wirings, book, prices = found[: len(wanted)], found[-2], found[-1]
        leaves = yield from read_leaves(
            recipe for wiring in wirings if isinstance(wiring, Wiring) for recipe in wiring.recipes
        )
        return _assembled(deployment, terms, _Parts(wirings, prices, leaves, book))


def _terms(comet: Address) -> Reading[Terms]:
    curves = [call for curve in abi.CURVES for call in curve]
    calls: list[Call[Any]] = [
        abi.BASE_TOKEN,
        abi.BASE_FEED,
        abi.BASE_SCALE,
        abi.NUM_ASSETS,
        abi.TOTALS,
        abi.ABSORB_PAUSED,
    ]
    answers = yield [View(comet, call.encode()) for call in (*calls, *curves)]
    told: list[Any] = [
        decoded(call, answer, call.name) for call, answer in zip((*calls, *curves), answers, strict=True)
    ]
    count = told[3]
    if count > MOST_ASSETS or told[2] == 0:
        raise CannotSee("the market's own numbers make no sense")
    infos = yield [View(comet, abi.ASSET_INFO.encode(place)) for place in range(count)]
    assets = tuple(decoded(abi.ASSET_INFO, answer, "asset of the market") for answer in infos)
    supply, borrow = RateCurve(*told[6:10]), RateCurve(*told[10:14])
    return Terms(Address(told[0]), Address(told[1]), told[2], told[4], supply, borrow, told[5], assets)


def _prices(comet: Address, feeds: Sequence[Address]) -> Reading[Sequence[Answer]]:
    asks: list[Ask] = [View(comet, abi.GET_PRICE.encode(feed)) for feed in feeds]
    return (yield asks)


class _Parts(NamedTuple):
    wirings: Sequence[Wiring | CannotSee]
    prices: Sequence[Answer]
    leaves: Mapping[str, FeedAnswer | int | CannotSee]
    tokens: Mapping[Address, Token | CannotSee]


def _assembled(deployment: CometDeployment, terms: Terms, parts: _Parts) -> CometAt:
    feeds = {key: leaf for key, leaf in parts.leaves.items() if isinstance(leaf, FeedAnswer)}
    answers = {key: leaf for key, leaf in parts.leaves.items() if isinstance(leaf, int)}
    answers |= {key: feed.answer for key, feed in feeds.items()}
    eth = eth_feed(feeds.values())
    recipes: list[Recipe] = []
    unpriced: dict[int, str] = {}
    for place, (wiring, price) in enumerate(zip(parts.wirings, parts.prices, strict=True), start=-1):
        try:
            recipes.append(_calibrated(wiring, price, answers, _followers(feeds, eth)))
        except CannotSee as error:
            recipes.append(Feed(""))
            unpriced[place] = str(error)
    tokens = {address: token for address, token in parts.tokens.items() if isinstance(token, Token)}
    market = _market(terms, recipes)
    return CometAt(deployment, terms, market, answers, eth, feeds, tokens, unpriced)


def _followers(feeds: Mapping[str, FeedAnswer], eth: FeedAnswer | None) -> dict[str, Recipe]:
    """Other feeds that follow ETH, as functions of the first one."""
    if eth is None:
        return {}
    return {
        key: Following(eth.address, feed.answer, eth.answer)
        for key, feed in feeds.items()
        if key != eth.address and feed.follows and feed.answer > 0
    }


def _calibrated(
    wiring: Wiring | CannotSee, price: Answer, answers: Mapping[str, int], followers: Mapping[str, Recipe]
) -> Recipe:
    """The recipe that gives the contract's own price. Raises `CannotSee`."""
    if isinstance(wiring, CannotSee):
        raise wiring
    told = decoded(abi.GET_PRICE, price, "the market's price of an asset")
    for recipe in wiring.recipes:
        try:
            if price_of(recipe, answers) == told:
                return replace_feeds(recipe, followers)
        except (CannotSee, KeyError):
            continue
    raise CannotSee("a price feed of the market is made in a way that does not give its own price")


def _market(terms: Terms, recipes: Sequence[Recipe]) -> CometMarket:
    totals = terms.totals
    assets = tuple(
        CometAsset(
            info.asset,
            info.scale,
            recipe,
            info.borrow_factor,
            info.liquidate_factor,
            info.liquidation_factor,
        )
        for info, recipe in zip(terms.assets, recipes[1:], strict=True)
    )
    return CometMarket(
        base_scale=terms.base_scale,
        base_price=recipes[0],
        assets=assets,
        stored=Indices(totals.supply_index, totals.borrow_index),
        total_supply=totals.total_supply,
        total_borrow=totals.total_borrow,
        last_accrual=UnixTime(totals.last_accrual),
        supply_curve=terms.supply_curve,
        borrow_curve=terms.borrow_curve,
    )
