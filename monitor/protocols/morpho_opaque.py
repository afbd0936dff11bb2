"""Morpho positions whose oracle does not say what it rests on: the oracle is asked at supposed ETH prices."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from contracts_abi import morpho as abi
from monitor.errors import CannotSee
from monitor.lending.morpho import is_pre_liquidatable
from monitor.lending.outcome import (
    LiquidatableAbove,
    LiquidatableBelow,
    NeverByEth,
    NeverReason,
)
from monitor.lending.position import Position, Proof, ProofState
from monitor.protocols.asked import Question, search
from monitor.protocols.asking import decoded
from monitor.protocols.base import Answer, Reading, View
from monitor.protocols.feeds import FeedAnswer, price_of_feed, read_feeds
from monitor.protocols.morpho_position import MorphoModel
from monitor.units import Address


def priced(row: Position, model: MorphoModel, feeds: Collection[Address]) -> Reading[Position]:
    """The row with its liquidation price in ETH. Raises `CannotSee` where the oracle does not follow ETH."""
    if not row.debts:
        return row
    eth = yield from _eth(tuple(sorted(feeds)))

    def unhealthy(answer: Answer) -> bool:
        price = decoded(abi.ORACLE_PRICE, answer, "price of the oracle at a supposed ETH price")
        return is_pre_liquidatable(model.market.state, model.position, price, model.lltv)

    view = View(Address(model.market.params.oracle), abi.ORACLE_PRICE.encode())
    found = yield from search(Question(view, tuple(sorted(feeds)), unhealthy), eth.answer)
    if not found.moves:
        raise CannotSee(
            "the oracle does not say how it is wired, and does not move with the ETH feeds known here"
        )
    outcome = found.outcome or NeverByEth(NeverReason.OUT_OF_RANGE)
    proved = isinstance(outcome, LiquidatableBelow | LiquidatableAbove)
    return replace(
        row,
        price=price_of_feed(eth),
        outcome=outcome,
        notes=(*row.notes, "found by asking the oracle at supposed ETH prices"),
        proof=Proof(ProofState.PROVED) if proved else row.proof,
    )


def _eth(feeds: tuple[Address, ...]) -> Reading[FeedAnswer]:
    answers = yield from read_feeds(feeds)
    for feed in answers.values():
        if isinstance(feed, FeedAnswer) and feed.answer > 0:
            return feed
    raise CannotSee("the oracle does not say how it is wired, and no ETH feed is known to ask it with")
