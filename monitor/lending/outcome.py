"""What a liquidation price can be: a closed union, because most accounts have no single number.

Prices are integers of the feed's own scale: 8 decimals for a Chainlink ETH/USD feed (a tick),
18 for protocols that keep their price in wad (`decimals` says which).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

FEED_DECIMALS = 8


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where an account changes sides: every crossing of its price range lies in this span, inclusive.

    Rounding in the contracts makes some accounts cross more than once; `single` is the usual case.
    """

    lowest: int
    highest: int
    single: bool

    @property
    def width(self) -> int:
        """Ticks between the outermost crossings; 0 where there is one."""
        return 0 if self.single else self.highest - self.lowest


@dataclass(frozen=True, slots=True)
class LiquidatableBelow:
    """Safe now; `tick` is the first liquidatable price on the way down (a long position)."""

    tick: int
    cluster: Cluster
    other_side: int | None = None
    """First liquidatable price on the way up, where rounding makes one."""
    decimals: int = FEED_DECIMALS


@dataclass(frozen=True, slots=True)
class LiquidatableAbove:
    """Safe now; `tick` is the first liquidatable price on the way up (a short position)."""

    tick: int
    cluster: Cluster
    other_side: int | None = None
    """First liquidatable price on the way down, where rounding makes one."""
    decimals: int = FEED_DECIMALS


class NeverReason(StrEnum):
    """Why no ETH price in the searched range liquidates an account."""

    NO_DEBT = "no debt"
    NO_ETH = "neither collateral nor debt moves with the ETH price"
    COVERED = "the other collateral alone covers the other debt"
    OUT_OF_RANGE = "it crosses outside the searched prices"
    NO_PRICE = "the protocol does not liquidate at its present price state"


@dataclass(frozen=True, slots=True)
class NeverByEth:
    """Safe now and at every ETH price searched."""

    reason: NeverReason
    what_else: str = ""
    """What would liquidate it instead, one clause for a reader; empty where nothing is known."""
    other_drop: float | None = None
    """Fall of all other collateral, as a fraction, that would liquidate at today's ETH price
    (an estimate for display); None where no fall does or there is none."""


@dataclass(frozen=True, slots=True)
class AlreadyLiquidatable:
    """The protocol's own test says yes at the present price."""

    lowest: int
    """Lower end of the liquidatable stretch around the present price (or of the range searched)."""
    highest: int
    decimals: int = FEED_DECIMALS


@dataclass(frozen=True, slots=True)
class Insensitive:
    """Collateral and debt both move with ETH: its price does not decide, rates and ratios do."""

    ratio_drop: float
    """Fall of the collateral's exchange ratio, as a fraction, that liquidates: 1 - 1/HF."""
    carry_days: float | None
    """Days until the interest difference has eaten the buffer; None where it grows instead."""


@dataclass(frozen=True, slots=True)
class Range:
    """Soft liquidation: it begins at `upper` and is complete at `lower`."""

    upper: int
    lower: int
    decimals: int = FEED_DECIMALS


Outcome: TypeAlias = (
    LiquidatableBelow | LiquidatableAbove | NeverByEth | AlreadyLiquidatable | Insensitive | Range
)


def liquidation_tick(outcome: Outcome) -> int | None:
    """The one price to alert on, in the outcome's own decimals; None where there is none."""
    match outcome:
        case LiquidatableBelow(tick=tick) | LiquidatableAbove(tick=tick):
            return tick
        case Range(upper=upper):
            return upper
        case NeverByEth() | AlreadyLiquidatable() | Insensitive():
            return None


def gap(outcome: Outcome, price: int) -> int | None:
    """How far `price` (same decimals) has to move to liquidation; None where no price liquidates.

    0 once it is there, and beyond: inside the range of a soft liquidation nothing is left to fall.
    """
    match outcome:
        case AlreadyLiquidatable():
            return 0
        case LiquidatableBelow(tick=tick) | Range(upper=tick):
            return max(price - tick, 0)
        case LiquidatableAbove(tick=tick):
            return max(tick - price, 0)
        case NeverByEth() | Insensitive():
            return None


def distance(outcome: Outcome, price: int) -> float | None:
    """`gap` as a fraction of `price`; for display. None also where there is no price to measure from."""
    left = gap(outcome, price)
    if left is None:
        return None
    return left / price if price > 0 else None if left else 0.0
