"""Morpho positions whose oracle does not say what it rests on: the oracle is asked at supposed ETH prices."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from contracts_abi import morpho as abi
from monitor.errors import CannotSee
from monitor.lending.morpho import is_pre_liquidatable
from monitor.lending.outcome import (
    NeverByEth,
    NeverReason,
)
from monitor.lending.position import Position
from monitor.protocols.asked import Question, all_at_once, eth_usd, search
from monitor.protocols.asking import decoded
from monitor.protocols.base import Answer, Reading, View, attempt
from monitor.protocols.feeds import FeedAnswer, price_of_feed
from monitor.protocols.morpho_position import MorphoModel
from monitor.units import Address


def priced(row: Position, model: MorphoModel, feeds: Collection[Address]) -> Reading[Position]:
    """The row with its liquidation price in ETH. Raises `CannotSee` where the oracle does not follow ETH."""
    if not row.debts:
        return row
    eth = yield from _eth(sorted(feeds))

    def unhealthy(answer: Answer) -> bool:
        price = decoded(abi.ORACLE_PRICE, answer, "price of the oracle at a supposed ETH price")
        return is_pre_liquidatable(model.market.state, model.position, price, model.lltv)

    view = View(Address(model.market.params.oracle), abi.ORACLE_PRICE.encode())
    found = yield from search(Question(view, all_at_once(sorted(feeds)), unhealthy), eth.answer)
    if not found.moves:
        raise CannotSee(
            "the oracle does not say how it is wired, and does not move with the ETH feeds known here"
        )
    outcome = found.outcome or NeverByEth(NeverReason.OUT_OF_RANGE)
    return replace(
        row,
        price=price_of_feed(eth),
        outcome=outcome,
        notes=(*row.notes, "found by asking the oracle at supposed ETH prices"),
        proof=found.proof,
    )


def _eth(feeds: Sequence[Address]) -> Reading[FeedAnswer]:
    found = yield from attempt(eth_usd(feeds))
    if isinstance(found, CannotSee):
        raise CannotSee("the oracle does not say how it is wired, and no ETH feed is known to ask it with")
    return found
