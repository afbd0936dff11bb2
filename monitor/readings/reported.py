"""Readings of what somebody reported: price levels, and treasuries with a disputed cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from alerts.model import BlockStamp, CannotSee, Fact, Reading
from monitor.domain import FeedPrice
from monitor.readings.words import age, amount, dollars, price_words
from monitor.units import TICKS_PER_USD, WEI_PER_ETH


def level_subject(name: str) -> str:
    """The identity that incidents about a published level are kept under."""
    return f"level:{name}"


def holding_subject(name: str) -> str:
    """As `level_subject`, of a holding."""
    return f"holding:{name}"


def level_reading(
    name: str, price_tick: int, source: str, feed: FeedPrice | CannotSee, at: BlockStamp, side: str = ""
) -> Reading:
    """How far the feed's ETH price is from a published level, in percent of the price.

    `side` says where the danger is, `below` or `above` the level; there the distance is 0. Without
    it the distance counts on both sides, and grows again when the price has gone through.
    """
    labels, subject = {"level": name}, level_subject(name)
    if isinstance(feed, CannotSee):
        return Reading("level.distance", subject, name, feed, at, labels)
    price = _usd(feed)
    level = Decimal(price_tick) / TICKS_PER_USD
    where = "below" if level < price else "above"
    facts = [
        Fact("Published level", f"{dollars(level)}, {dollars(abs(price - level))} {where} the price"),
        *_price_facts(feed, at),
        *([Fact("Source", source)] if source else []),
        Fact("Note", "reported by others, not read on chain"),
    ]
    beyond = (side == "below" and price <= level) or (side == "above" and price >= level)
    distance = Decimal(0) if beyond else abs(price - level) * 100 / price
    return Reading("level.distance", subject, name, distance, at, labels, facts=tuple(facts))


def holding_readings(
    name: str,
    amount_wei: int,
    costs: tuple[int, int],
    source: str,
    feed: FeedPrice | CannotSee,
    at: BlockStamp,
) -> Iterator[Reading]:
    """Unrealised loss at the lowest reported cost (certain) and profit at the highest (certain)."""
    labels, subject = {"holding": name}, holding_subject(name)
    if isinstance(feed, CannotSee):
        for key in ("holding.loss", "holding.profit"):
            yield Reading(key, subject, name, feed, at, labels)
        return
    price, held = _usd(feed), Decimal(amount_wei) / WEI_PER_ETH
    low, high = (held * (price - Decimal(cost) / TICKS_PER_USD) for cost in costs)
    best, worst = max(low, high), min(low, high)
    facts = (
        Fact("Profit or loss", f"{dollars(worst)} to {dollars(best)}, by the reported cost"),
        Fact("Holds", f"{amount(amount_wei, 18)} ETH ({dollars(held * price)})"),
        Fact("Reported average cost", f"{price_words(costs[0], 8)} to {price_words(costs[1], 8)}"),
        *_price_facts(feed, at),
        *([Fact("Source", source)] if source else []),
    )
    yield Reading("holding.loss", subject, name, -best, at, labels, facts=facts)
    yield Reading("holding.profit", subject, name, worst, at, labels, facts=facts)


def price_readings(feeds: Sequence[FeedPrice], at: BlockStamp) -> Iterator[Reading]:
    """The feeds' own answers."""
    for feed in feeds:
        labels = {"feed": feed.feed}
        yield Reading(
            "price.usd",
            f"feed:{feed.feed}",
            feed.feed,
            _usd(feed),
            at,
            labels,
            facts=tuple(_price_facts(feed, at)),
        )


def _usd(feed: FeedPrice) -> Decimal:
    return Decimal(feed.answer).scaleb(-feed.decimals)


def _price_facts(feed: FeedPrice, at: BlockStamp) -> Iterator[Fact]:
    told = "" if feed.updated_at is None else f", {age(at.time - feed.updated_at)} old"
    yield Fact(f"{feed.feed} feed", f"{price_words(feed.answer, feed.decimals)}{told}")
