"""What a liquidation costs an owner, and the least that would prevent it. Exact, by the protocol's own test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from monitor.units import MAX_UINT256, Wad


@dataclass(frozen=True, slots=True)
class LiquidationTerms:
    """The terms of one liquidation at the present state."""

    close_factor: Wad
    """Largest share of the debt that one liquidation may close, 1e18."""
    penalty: Wad
    """What the owner pays above the debt that is closed, as a share of it, 1e18."""
    note: str = ""
    """Where the two numbers do not say all: one clause for a reader."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What makes an account safe at one price: either of the two alone, in the tokens' own units.

    0: safe already. None: no amount of it is enough.
    """

    repay: int | None
    add: int | None


LARGEST_AMOUNT: Final = MAX_UINT256


def least(enough: Callable[[int], bool], most: int = LARGEST_AMOUNT) -> int | None:
    """The smallest amount of `0..most` that is `enough`; None where even `most` is not.

    `enough` must not turn back to False as the amount grows.
    """
    if enough(0):
        return 0
    reach = 1
    while reach < most and not enough(reach):
        reach *= 2
    high = min(reach, most)
    if not enough(high):
        return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
