"""Chainlink-like feeds: their answers, and which of them is ETH/USD."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from contracts_abi import chainlink
from monitor.errors import CannotSee
from monitor.lending.outcome import FEED_DECIMALS
from monitor.lending.position import ProtocolPrice
from monitor.protocols.asking import decoded, decoded_or_none
from monitor.protocols.base import Answer, Ask, Reading, View
from monitor.units import Address, UnixTime

_ETH_USD: Final = re.compile(r"(?<![A-Z0-9])ETH\s*/\s*USD(?![A-Z])")
_PER_FEED: Final = 3


@dataclass(frozen=True, slots=True)
class FeedAnswer:
    """A feed at a block. `answer` may be zero or negative: what that means is the protocol's rule."""

    address: Address
    answer: int
    decimals: int
    updated_at: UnixTime | None
    description: str

    @property
    def is_eth_usd(self) -> bool:
        """By the feed's own name and scale. A feed that lies about itself is refuted by the proof."""
        return self.decimals == FEED_DECIMALS and is_eth_usd(self.description)

    @property
    def follows(self) -> bool:
        """Whether it moves with ETH/USD: the feed itself, and those of tokens that follow ETH."""
        return self.is_eth_usd or follows_eth(self.description)


def is_eth_usd(description: str) -> bool:
    """Whether a feed's description names ETH/USD, whatever stands around it; STETH/USD is another."""
    return _ETH_USD.search(description.upper()) is not None


def feed_asks(address: Address) -> list[Ask]:
    """The questions that `feed_answer` reads the answers of, in order."""
    return [
        View(address, chainlink.LATEST_ROUND_DATA.encode()),
        View(address, chainlink.DECIMALS.encode()),
        View(address, chainlink.DESCRIPTION.encode()),
    ]


def feed_answer(address: Address, answers: Sequence[Answer]) -> FeedAnswer:
    """A feed from the answers of `feed_asks`. Raises `CannotSee`."""
    told = decoded(chainlink.LATEST_ROUND_DATA, answers[0], f"price feed {address}")
    decimals = decoded(chainlink.DECIMALS, answers[1], f"decimals of price feed {address}")
    name = decoded_or_none(chainlink.DESCRIPTION, answers[2]) or ""
    updated = UnixTime(told.updated_at) if 0 < told.updated_at < 2**40 else None
    return FeedAnswer(address, told.answer, decimals, updated, name)


def read_feeds(addresses: Sequence[Address]) -> Reading[dict[Address, FeedAnswer | CannotSee]]:
    """Feeds by address, in one round."""
    wanted = list(dict.fromkeys(addresses))
    answers: Sequence[Answer] = []
    if wanted:
        answers = yield [ask for address in wanted for ask in feed_asks(address)]
    found: dict[Address, FeedAnswer | CannotSee] = {}
    for index, address in enumerate(wanted):
        part = answers[_PER_FEED * index : _PER_FEED * (index + 1)]
        try:
            found[address] = feed_answer(address, part)
        except CannotSee as error:
            found[address] = error
    return found


def price_of_feed(feed: FeedAnswer) -> ProtocolPrice:
    """A feed as the price that a position's distance is measured from."""
    return ProtocolPrice(
        feed.answer, feed.decimals, feed.updated_at, feed.address, of_token=not feed.is_eth_usd
    )


def follows_eth(description: str) -> bool:
    """Whether a feed prices ETH, or a token that follows it, in dollars: STETH / USD, weETH/USD."""
    base, _, quote = description.upper().replace(" ", "").partition("/")
    return base.endswith("ETH") and quote.startswith("USD") and not quote.startswith(("USDC", "USDT", "USDE"))


def eth_feed(feeds: Iterable[FeedAnswer]) -> FeedAnswer | None:
    """The feed that prices are told in: ETH/USD itself, else one that follows it; None: no sound one."""
    sound = [feed for feed in feeds if feed.answer > 0]
    own = [feed for feed in sound if feed.is_eth_usd]
    return next(iter(own or [feed for feed in sound if feed.follows]), None)
