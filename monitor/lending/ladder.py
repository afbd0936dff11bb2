"""How many positions become liquidatable at which ETH price, for a hundred thousand of them at once.

A position here is its straight line in exact integers: liquidatable at a tick iff
a * tick + k < b * tick + m. The crossings are compared with the steps in float64; one that lies
within a billionth of a step is decided by the integers, so counts are exact. Sums are statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_DOUBT: Final = 1e-9
"""Relative distance to a step below which floats do not decide; their error is below 1e-15."""


class LadderRow(NamedTuple):
    """One position. a, k: collateral times threshold that follows ETH, or not; b, m: debt likewise.

    All four in one scale of the caller's choice, `a` and `b` per tick. `collateral` and `debt` are
    what the sums add up, in whatever unit.
    """

    a: int
    k: int
    b: int
    m: int
    collateral: float = 0.0
    debt: float = 0.0


@dataclass(frozen=True, slots=True)
class Rung:
    """What is liquidatable with the ETH feed at `tick`."""

    tick: int
    positions: int
    collateral: float
    debt: float


@dataclass(frozen=True, slots=True)
class _Kind:
    """Positions that are liquidatable on one side of their crossing, or always (crossing infinite)."""

    crossings: Floats
    collateral: Floats
    debt: Floats
    rows: NDArray[np.intp]


class Ladder:
    """Positions prepared once; any number of ladders over them. Needs numpy (loaded here)."""

    def __init__(self, rows: Sequence[LadderRow]) -> None:
        import numpy as np

        self._rows = rows
        # Differences of exact integers first: floats would cancel where collateral and debt are close.
        net = np.array([row.a - row.b for row in rows], dtype=np.float64)
        need = np.array([row.m - row.k for row in rows], dtype=np.float64)
        collateral = np.array([row.collateral for row in rows], dtype=np.float64)
        debt = np.array([row.debt for row in rows], dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = need / net
        long, short = (net > 0) & (need > 0), (net < 0) & (need < 0)
        always = (need > 0) & (net <= 0) | (need == 0) & (net < 0)
        crossing[always] = np.inf
        self._falling = self._kind(long | always, crossing, collateral, debt)
        self._rising = self._kind(short, crossing, collateral, debt)

    def rungs(self, ticks: Sequence[int]) -> list[Rung]:
        """One rung per tick, in the order given. Ticks must be positive and below 2**53."""
        import numpy as np

        steps = sorted(set(ticks))
        if not steps:
            return []
        falling = self._sums(self._falling, steps)
        rising = self._sums(self._rising, steps)
        at_most = [np.cumsum(part)[:-1] for part in rising]
        above = [np.cumsum(part[::-1])[::-1][1:] for part in falling]
        counts, collateral, debt = (low + high for low, high in zip(at_most, above, strict=True))
        found = {
            tick: Rung(tick, round(float(counts[i])), float(collateral[i]), float(debt[i]))
            for i, tick in enumerate(steps)
        }
        return [found[tick] for tick in ticks]

    def _kind(self, chosen: Any, crossing: Floats, collateral: Floats, debt: Floats) -> _Kind:
        import numpy as np

        return _Kind(crossing[chosen], collateral[chosen], debt[chosen], np.nonzero(chosen)[0])

    def _sums(self, kind: _Kind, steps: Sequence[int]) -> list[Floats]:
        """Count, collateral and debt of the positions between neighbouring steps."""
        import numpy as np

        grid = np.array(steps, dtype=np.float64)
        places = np.searchsorted(grid, kind.crossings, side="left")
        self._decide(kind, grid, steps, places)
        size = len(steps) + 1
        weights = (None, kind.collateral, kind.debt)
        return [np.bincount(places, weights=weight, minlength=size).astype(np.float64) for weight in weights]

    def _decide(self, kind: _Kind, grid: Floats, steps: Sequence[int], places: NDArray[np.intp]) -> None:
        """Correct the places of crossings in doubt: `places` is how many steps lie on the lower side.

        For positions liquidatable below, steps below the crossing; for those above, steps up to it.
        """
        import numpy as np

        crossings = kind.crossings
        below = grid[np.clip(places - 1, 0, None)]
        here = grid[np.clip(places, None, len(steps) - 1)]
        with np.errstate(invalid="ignore"):
            close = (np.abs(crossings - here) <= here * _DOUBT) | (
                np.abs(crossings - below) <= below * _DOUBT
            )
        rising = kind is self._rising
        for index in np.nonzero(close & np.isfinite(crossings))[0]:
            row = self._rows[int(kind.rows[index])]
            places[index] = _exact_place(row, steps, int(places[index]), rising=rising)


def _exact_place(row: LadderRow, steps: Sequence[int], guess: int, *, rising: bool) -> int:
    """How many steps are liquidatable (falling) or safe (rising), looked up around the guess."""

    def lower_side(step: int) -> bool:
        return liquidatable(row, step) != rising

    place = guess
    while place > 0 and not lower_side(steps[place - 1]):
        place -= 1
    while place < len(steps) and lower_side(steps[place]):
        place += 1
    return place


def liquidatable(row: LadderRow, tick: int) -> bool:
    """The exact test of a row."""
    return row.a * tick + row.k < row.b * tick + row.m
