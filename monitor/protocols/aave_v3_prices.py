"""How each asset's price of an Aave pool depends on the ETH feed, read from the oracle's sources.

A source is the ETH feed itself, an adapter over it (whose ratio is checked against the price it
gives), or another market's feed. No symbol and no list of assets decides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from contracts_abi import aave_v3 as abi
from contracts_abi import chainlink
from monitor.lending.correlation import EthFeed, EthFeedTimesRatio, NoPrice, OtherFeed, PriceSource
from monitor.protocols.asking import decoded_or_none
from monitor.protocols.base import Answer, Ask, Reading, Supposed, View
from monitor.protocols.feed_stub import constant_feed
from monitor.units import SECONDS_PER_YEAR, Address, UnixTime, floor_div

_NUMBERS: Final = (
    abi.RATIO,
    abi.RATIO_DECIMALS,
    abi.IS_CAPPED,
    abi.SNAPSHOT_RATIO,
    abi.SNAPSHOT_TIMESTAMP,
    abi.MAX_GROWTH_PER_SECOND,
)
_NOBODY: Final = Address("0x" + 40 * "0")
_MOST_DECIMALS: Final = 36
_PROBE: Final = 10**26
"""An answer with which an adapter shows all digits of a ratio of up to 26 decimals."""


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What a price source says of itself. None: it has no such function, or it reverts."""

    address: Address
    answer: int | None
    updated_at: UnixTime | None
    base: Address | None
    ratio: int | None
    ratio_decimals: int
    capped: bool
    snapshot_ratio: int | None
    snapshot_at: UnixTime | None
    growth_per_second: int | None
    at_probe: int | None = None
    """Its answer were its feed's answer `_PROBE`, where that was asked."""


@dataclass(frozen=True, slots=True)
class EthPrice:
    """The pool's ETH feed, and others that stand for the same price with their own answers."""

    feed: Address
    answer: int
    updated_at: UnixTime | None
    others: Mapping[Address, int]


def read_sources(sources: Sequence[Address]) -> Reading[dict[Address, SourceFacts]]:
    """The facts of every source, in one round."""
    unique = [source for source in dict.fromkeys(sources) if source != _NOBODY]
    answers = yield [ask for source in unique for ask in _questions(source)]
    size = len(_questions(_NOBODY))
    return {source: _facts(source, answers[i * size : (i + 1) * size]) for i, source in enumerate(unique)}


def _questions(source: Address) -> list[Ask]:
    feed = [
        View(source, chainlink.LATEST_ANSWER.encode()),
        View(source, chainlink.LATEST_ROUND_DATA.encode()),
    ]
    return [*feed, *(View(source, call.encode()) for call in (*abi.BASES, *_NUMBERS))]


def _facts(source: Address, answers: Sequence[Answer]) -> SourceFacts:
    latest = decoded_or_none(chainlink.LATEST_ROUND_DATA, answers[1])
    numbers = answers[2 + len(abi.BASES) :]
    bases = [decoded_or_none(call, answer) for call, answer in zip(abi.BASES, answers[2:], strict=False)]
    decimals = decoded_or_none(abi.RATIO_DECIMALS, numbers[1])
    at = decoded_or_none(abi.SNAPSHOT_TIMESTAMP, numbers[4])
    return SourceFacts(
        source,
        decoded_or_none(chainlink.LATEST_ANSWER, answers[0]),
        UnixTime(latest.updated_at) if latest and latest.updated_at else None,
        next((Address(base) for base in bases if base and base != _NOBODY), None),
        decoded_or_none(abi.RATIO, numbers[0]),
        decimals if decimals is not None and decimals <= _MOST_DECIMALS else 18,
        bool(decoded_or_none(abi.IS_CAPPED, numbers[2])),
        decoded_or_none(abi.SNAPSHOT_RATIO, numbers[3]),
        None if at is None else UnixTime(at),
        decoded_or_none(abi.MAX_GROWTH_PER_SECOND, numbers[5]),
    )


def eth_price(
    weth_source: Address | None, known: frozenset[Address], facts: Mapping[Address, SourceFacts]
) -> EthPrice | None:
    """The pool's ETH feed: the source of WETH, else a known feed that an adapter is based on."""
    bases = [fact.base for fact in facts.values() if fact.base in known]
    candidates = [feed for feed in (weth_source, *bases) if feed is not None and _answer(facts, feed)]
    if not candidates:
        return None
    feed = candidates[0]
    answer = _answer(facts, feed)
    assert answer is not None
    same = {base for base in (facts[feed].base, *known) if base is not None and base != feed}
    others = {other: value for other in same if (value := _answer(facts, other)) is not None}
    return EthPrice(feed, answer, facts[feed].updated_at, others)


def _answer(facts: Mapping[Address, SourceFacts], feed: Address) -> int | None:
    fact = facts.get(feed)
    return fact.answer if fact is not None and fact.answer is not None and fact.answer > 0 else None


def classify_source(
    price: int | None,
    source: Address,
    eth: EthPrice | None,
    facts: Mapping[Address, SourceFacts],
    now: UnixTime,
) -> PriceSource:
    """The price source of an asset whose oracle price is `price` (None: the oracle reverts)."""
    if not price:
        return NoPrice("the protocol's oracle gives no price for an asset of the account")
    fact = facts.get(source)
    if eth is None or fact is None:
        return OtherFeed(price, source)
    if source == eth.feed and price == eth.answer:
        return EthFeed()
    if eth.others.get(source) == price:
        return EthFeedTimesRatio(price, eth.answer)
    base = eth.answer if fact.base == eth.feed else eth.others.get(fact.base or _NOBODY)
    return OtherFeed(price, source) if base is None else _adapted(price, base, eth.answer, fact, now)


def _adapted(price: int, base: int, answer: int, fact: SourceFacts, now: UnixTime) -> EthFeedTimesRatio:
    """An adapter over an ETH feed: its own ratio where that gives its price, else price over answer."""
    for ratio, denominator in _ratios(fact, now):
        if floor_div(base * ratio, denominator) == price:
            return EthFeedTimesRatio(ratio * base, denominator * answer, fact.capped).reduced()
    return EthFeedTimesRatio(price, answer, fact.capped, inferred=True)


def _ratios(fact: SourceFacts, now: UnixTime) -> list[tuple[int, int]]:
    """Ratios that the adapter may be using, as fractions."""
    told = [(ratio, 10**fact.ratio_decimals) for ratio in (_capped_ratio(fact, now), fact.ratio) if ratio]
    return [*told, (fact.at_probe, _PROBE)] if fact.at_probe else told


def probe_ratios(
    prices: Mapping[Address, int | None],
    eth: EthPrice | None,
    facts: Mapping[Address, SourceFacts],
    now: UnixTime,
) -> Reading[dict[Address, SourceFacts]]:
    """Ask adapters whose ratio does not explain their price for it: by an absurdly high answer of their feed.

    `prices`: oracle prices by source. What comes back is the ratio with 26 digits.
    """
    answers = {} if eth is None else {eth.feed: eth.answer, **eth.others}
    silent = [
        (fact, base)
        for source, fact in facts.items()
        if (price := prices.get(source)) and (base := fact.base) in answers and source not in answers
        if base is not None
        and not any(floor_div(answers[base] * n, d) == price for n, d in _ratios(fact, now))
    ]
    if not silent:
        return dict(facts)
    code = constant_feed(_PROBE)
    told = yield [
        Supposed(View(fact.address, chainlink.LATEST_ANSWER.encode()), ((base, code),))
        for fact, base in silent
    ]
    probed = {
        fact.address: replace(fact, at_probe=decoded_or_none(chainlink.LATEST_ANSWER, answer))
        for (fact, _), answer in zip(silent, told, strict=True)
    }
    return {**facts, **probed}


def _capped_ratio(fact: SourceFacts, now: UnixTime) -> int | None:
    """The cap's ratio, where it is in force."""
    if (
        not fact.capped
        or fact.snapshot_ratio is None
        or fact.snapshot_at is None
        or fact.growth_per_second is None
    ):
        return None
    return fact.snapshot_ratio + fact.growth_per_second * (now - fact.snapshot_at)


def staking_growth(fact: SourceFacts | None, now: UnixTime) -> float:
    """Yearly growth of an adapter's ratio since its snapshot; 0.0 where it does not tell."""
    if fact is None or not fact.snapshot_ratio or not fact.ratio or fact.snapshot_at is None:
        return 0.0
    elapsed = now - fact.snapshot_at
    if elapsed <= 0 or fact.ratio <= 0:
        return 0.0
    return math.log(fact.ratio / fact.snapshot_ratio) * SECONDS_PER_YEAR / elapsed
