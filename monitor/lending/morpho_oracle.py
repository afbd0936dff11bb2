"""Morpho's two-feed oracle (MorphoChainlinkOracleV2) as a function of the ETH/USD tick."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Final, NamedTuple

from monitor.errors import CannotSee
from monitor.units import floor_div

ORACLE_SCALE: Final = 10**36


@dataclass(frozen=True, slots=True)
class ChainlinkOracle:
    """MorphoChainlinkOracleV2: SCALE_FACTOR * base / quote, one floor at the end.

    `base` and `quote` are the products of all answers that do not move with ETH/USD (vault assets,
    other feeds); `base_eth` and `quote_eth` say how often ETH/USD itself is a factor.
    """

    scale_factor: int
    base: int
    quote: int
    base_eth: int
    quote_eth: int

    @property
    def eth_power(self) -> int:
        """Direction: above 0 the price rises with ETH, below 0 it falls, 0: ETH cancels or is absent."""
        return self.base_eth - self.quote_eth

    def price(self, tick: int) -> int:
        """The oracle's answer with ETH/USD at `tick`. Raises `CannotSee`."""
        if tick < 0 or self.base < 0 or self.quote < 0:
            raise CannotSee("a feed of the market's oracle answers below zero: the oracle reverts")
        divisor = self.quote * tick**self.quote_eth
        if divisor == 0:
            raise CannotSee("a quote feed of the market's oracle answers zero: the oracle reverts")
        return floor_div(self.scale_factor * self.base * tick**self.base_eth, divisor)


class OracleInputs(NamedTuple):
    """The answers behind an oracle: an absent feed or vault counts 1, as in the contract."""

    vault_assets: int
    feeds: tuple[int, ...]
    eth_feeds: int
    """How many further feeds of this side are ETH/USD itself."""


def chainlink_oracle(scale_factor: int, base: OracleInputs, quote: OracleInputs) -> ChainlinkOracle:
    """The oracle from its wiring. Raises `CannotSee` on a negative answer: the contract reverts."""
    answers = (base.vault_assets, *base.feeds, quote.vault_assets, *quote.feeds)
    if min(answers) < 0:
        raise CannotSee("a feed of the market's oracle answers below zero: the oracle reverts")
    return ChainlinkOracle(scale_factor, _product(base), _product(quote), base.eth_feeds, quote.eth_feeds)


def _product(side: OracleInputs) -> int:
    return side.vault_assets * prod(side.feeds)
