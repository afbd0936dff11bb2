"""Proves a Morpho liquidation price on the node: `liquidate` tests health before it asks to be paid."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from contracts_abi import morpho as abi
from monitor.errors import CannotSee
from monitor.lending.outcome import LiquidatableAbove, LiquidatableBelow
from monitor.lending.position import Position
from monitor.protocols.asking import ANYONE
from monitor.protocols.base import Answer, Check, Refusal, Substitute, View
from monitor.protocols.feed_stub import constant_feed
from monitor.protocols.morpho_position import MorphoModel
from monitor.units import Address

HEALTHY: Final = b"position is healthy"
UNPAID: Final = (b"transferFrom reverted", b"transferFrom returned false", b"transfer reverted", b"no code")
"""What a liquidation without funds fails with once the position was found liquidatable."""


def checks(morpho: Address, position: Position, eth_feeds: Collection[Address] = ()) -> Sequence[Check]:
    """At the tick and one tick on the safe side; nothing where no single feed decides.

    `eth_feeds`: what an oracle of unknown make is asked with.
    """
    model, outcome = position.model, position.outcome
    if not isinstance(model, MorphoModel) or not isinstance(outcome, LiquidatableBelow | LiquidatableAbove):
        return []
    moving = set(eth_feeds) if model.market.opaque else _feeds(model)
    if model.early is not None or not moving:
        return []
    call = abi.LIQUIDATE.encode(model.market.params, position.key.account, 0, 1, b"")
    safe = outcome.tick + (1 if isinstance(outcome, LiquidatableBelow) else -1)
    return [
        Check(
            View(morpho, call),
            {feed: Substitute(code=constant_feed(tick)) for feed in moving},
            _was_liquidatable,
            expected,
            ANYONE,
        )
        for tick, expected in ((outcome.tick, True), (safe, False))
    ]


def _feeds(model: MorphoModel) -> set[Address]:
    """The ETH/USD feeds of the oracle; none where a feed that only follows ETH decides."""
    oracle = model.oracle
    moving = {feed.address for side in (oracle.base, oracle.quote) for feed in side.feeds if feed.is_eth_usd}
    return moving if oracle.eth is not None and oracle.eth.address in moving else set()


def _was_liquidatable(answer: Answer) -> bool:
    if not isinstance(answer, Refusal):
        return True
    if HEALTHY in answer.data:
        return False
    if any(text in answer.data for text in UNPAID):
        return True
    raise CannotSee(f"liquidate failed for another reason: {answer.cause}")
