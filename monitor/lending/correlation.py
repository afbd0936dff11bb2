"""How the price of an asset depends on the ETH feed, as read from a protocol's own oracle wiring."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

from monitor.errors import CannotSee


@dataclass(frozen=True, slots=True)
class EthFeed:
    """The asset's price is the feed's answer itself."""


@dataclass(frozen=True, slots=True)
class EthFeedTimesRatio:
    """floor(answer * numerator / denominator): a staking token behind a rate adapter."""

    numerator: int
    """The exchange ratio that the adapter uses at this block: the cap's where `capped`."""
    denominator: int
    capped: bool = False
    """The growth cap is in force: the price follows the cap, not the token's own ratio."""
    inferred: bool = False
    """The ratio is price over answer, because the adapter does not tell its own: the last tick is not sure."""

    def reduced(self) -> EthFeedTimesRatio:
        """The same ratio in lowest terms: smaller integers, equal prices."""
        divisor = math.gcd(self.numerator, self.denominator)
        return replace(self, numerator=self.numerator // divisor, denominator=self.denominator // divisor)


@dataclass(frozen=True, slots=True)
class FixedPrice:
    """A constant of the protocol: no market moves it."""

    price: int


@dataclass(frozen=True, slots=True)
class OtherFeed:
    """Another market's feed (BTC, a stablecoin): held still while ETH moves, unless a shock is asked for."""

    price: int
    feed: str = ""
    """Address of the feed, for grouping assets that move together."""


@dataclass(frozen=True, slots=True)
class NoPrice:
    """The oracle reverts or answers zero: accounts that hold the asset cannot be judged."""

    cause: str


PriceSource: TypeAlias = EthFeed | EthFeedTimesRatio | FixedPrice | OtherFeed | NoPrice


def eth_ratio(source: PriceSource) -> tuple[int, int] | None:
    """Numerator and denominator of the price per feed answer; None where ETH does not move it."""
    match source:
        case EthFeed():
            return 1, 1
        case EthFeedTimesRatio(numerator=numerator, denominator=denominator):
            return numerator, denominator
        case FixedPrice() | OtherFeed() | NoPrice():
            return None


def price_at(source: PriceSource, tick: int) -> int:
    """The asset's price with the ETH feed at `tick`, in the feed's decimals. Raises `CannotSee`."""
    match source:
        case EthFeed():
            return tick
        case EthFeedTimesRatio(numerator=numerator, denominator=denominator):
            return tick * numerator // denominator
        case FixedPrice(price=price) | OtherFeed(price=price):
            return price
        case NoPrice(cause=cause):
            raise CannotSee(cause)
