"""Reads a Morpho market's oracle: how it is wired, what its parts say, and whether they explain its price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from contracts_abi import morpho as abi
from monitor.errors import CannotSee
from monitor.lending.morpho_oracle import ChainlinkOracle, OracleInputs, chainlink_oracle
from monitor.protocols.asking import NOWHERE, decoded
from monitor.protocols.base import Answer, Ask, Reading, View
from monitor.protocols.feeds import FeedAnswer, eth_feed, feed_answer, feed_asks
from monitor.units import Address


class SideWiring(NamedTuple):
    """One side of the fraction. `vault` None: the token is not a vault's share."""

    vault: Address | None
    sample: int
    feeds: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class OracleWiring:
    """An oracle's immutable parts."""

    oracle: Address
    scale_factor: int
    base: SideWiring
    quote: SideWiring


class SideAnswers(NamedTuple):
    """What one side's parts say at a block."""

    vault_assets: int
    feeds: tuple[FeedAnswer, ...]

    @property
    def in_dollars(self) -> bool:
        """Whether a feed ends in USD, so that the side is a price in dollars."""
        return any(feed.description.upper().rstrip().endswith("USD") for feed in self.feeds)


@dataclass(frozen=True, slots=True)
class OracleAt:
    """An oracle at a block. `eth`: the feed whose tick prices are given in; None: no feed is ETH's."""

    wiring: OracleWiring
    price: int
    base: SideAnswers
    quote: SideAnswers
    eth: FeedAnswer | None


def wiring_asks(oracle: Address) -> list[Ask]:
    """The questions that `wiring_of` reads the answers of."""
    calls = [abi.SCALE_FACTOR, *(call for side in abi.ORACLE_SIDES for call in side)]
    return [View(oracle, call.encode()) for call in calls]


def wiring_of(oracle: Address, answers: Sequence[Answer]) -> OracleWiring:
    """The wiring. Raises `CannotSee` for an oracle of another kind."""
    what = f"oracle {oracle} does not say how it is wired"
    scale = decoded(abi.SCALE_FACTOR, answers[0], what)
    sides: list[SideWiring] = []
    for place, (vault_call, sample_call, *feed_calls) in enumerate(abi.ORACLE_SIDES):
        part = answers[1 + 4 * place : 5 + 4 * place]
        vault = decoded(vault_call, part[0], what)
        feeds = [decoded(call, answer, what) for call, answer in zip(feed_calls, part[2:], strict=True)]
        present = tuple(Address(feed) for feed in feeds if feed != NOWHERE)
        sample = decoded(sample_call, part[1], what)
        sides.append(SideWiring(None if vault == NOWHERE else Address(vault), sample, present))
    return OracleWiring(oracle, scale, *sides)


def read_opaque(oracle: Address) -> Reading[OracleAt]:
    """An oracle of unknown make, as the constant that it answers now. Raises `CannotSee`."""
    answers = yield [View(oracle, abi.ORACLE_PRICE.encode())]
    price = decoded(abi.ORACLE_PRICE, answers[0], f"price of oracle {oracle}")
    nothing, empty = SideWiring(None, 1, ()), SideAnswers(1, ())
    return OracleAt(OracleWiring(oracle, price, nothing, nothing), price, empty, empty, None)


def read_oracle(wiring: OracleWiring) -> Reading[OracleAt]:
    """The oracle's price and its parts, in one round. Raises `CannotSee`."""
    asks: list[Ask] = [View(wiring.oracle, abi.ORACLE_PRICE.encode())]
    for side in (wiring.base, wiring.quote):
        asks += _side_asks(side)
    answers = yield asks
    price = decoded(abi.ORACLE_PRICE, answers[0], f"price of oracle {wiring.oracle}")
    split = 1 + len(_side_asks(wiring.base))
    base, quote = _side(wiring.base, answers[1:split]), _side(wiring.quote, answers[split:])
    found = OracleAt(wiring, price, base, quote, eth_feed((*base.feeds, *quote.feeds)))
    _explained(found)
    return found


def _side_asks(side: SideWiring) -> list[Ask]:
    asks: list[Ask] = []
    if side.vault is not None:
        asks.append(View(side.vault, abi.CONVERT_TO_ASSETS.encode(side.sample)))
    return asks + [ask for feed in side.feeds for ask in feed_asks(feed)]


def _side(side: SideWiring, answers: Sequence[Answer]) -> SideAnswers:
    assets, start = 1, 0
    if side.vault is not None:
        assets, start = decoded(abi.CONVERT_TO_ASSETS, answers[0], f"assets of vault {side.vault}"), 1
    feeds = [
        feed_answer(feed, answers[start + 3 * place : start + 3 * place + 3])
        for place, feed in enumerate(side.feeds)
    ]
    return SideAnswers(assets, tuple(feeds))


def function_of(oracle: OracleAt) -> ChainlinkOracle:
    """The oracle's price as a function of its ETH feed's tick. Raises `CannotSee` on a broken feed.

    A second feed that follows ETH (STETH/USD beside ETH/USD) is taken to keep today's ratio to it.
    """
    base, quote = _inputs(oracle.base, oracle.eth), _inputs(oracle.quote, oracle.eth)
    return chainlink_oracle(
        oracle.wiring.scale_factor,
        base.inputs._replace(feeds=(*base.inputs.feeds, *quote.ratios_below)),
        quote.inputs._replace(feeds=(*quote.inputs.feeds, *base.ratios_below)),
    )


class _Inputs(NamedTuple):
    inputs: OracleInputs
    ratios_below: tuple[int, ...]


def _inputs(side: SideAnswers, eth: FeedAnswer | None) -> _Inputs:
    fixed: list[int] = []
    below: list[int] = []
    moving = 0
    for feed in side.feeds:
        if eth is None or not feed.follows:
            fixed.append(feed.answer)
            continue
        moving += 1
        if feed.answer != eth.answer:
            fixed.append(feed.answer)
            below.append(eth.answer)
    return _Inputs(OracleInputs(side.vault_assets, tuple(fixed), moving), tuple(below))


def _explained(oracle: OracleAt) -> None:
    """Self-calibration: the parts must give the contract's own price, to the last digit."""
    tick = oracle.eth.answer if oracle.eth is not None else 0
    if function_of(oracle).price(tick) != oracle.price:
        raise CannotSee(f"the feeds of oracle {oracle.wiring.oracle} do not give the price it answers")
