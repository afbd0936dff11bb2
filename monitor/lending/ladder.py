"""How many positions become liquidatable at which ETH price, for a hundred thousand of them at once.

A position here is its straight line in exact integers: liquidatable at a tick iff
a * tick + k < b * tick + m. The crossings are compared with the steps in float64; one that lies
within a billionth of a step is decided by the integers, so counts are exact. Sums are statistics.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
class _Side:
    """Positions with their crossings ascending; `sums[i]` adds up the first i of them."""

    rows: Sequence[LadderRow]
    places: NDArray[np.intp]
    """Of each crossing, its row."""
    crossings: Floats
    collateral_sums: Floats
    debt_sums: Floats


class Ladder:
    """Positions sorted once; any number of ladders over them in microseconds. Needs numpy (loaded here)."""

    def __init__(self, rows: Sequence[LadderRow]) -> None:
        import numpy as np

        def column(values: Iterable[float]) -> Floats:
            return np.fromiter(values, np.float64, len(rows))

        # Differences of exact integers first: floats would cancel where collateral and debt are close.
        net = column(row.a - row.b for row in rows)
        need = column(row.m - row.k for row in rows)
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = need / net
        always = ((need > 0) & (net <= 0)) | ((need == 0) & (net < 0))
        crossing[always] = np.inf
        values = column(row.collateral for row in rows), column(row.debt for row in rows)
        self._falling = _side(rows, ((net > 0) & (need > 0)) | always, crossing, values)
        self._rising = _side(rows, (net < 0) & (need < 0), crossing, values)

    def rungs(self, ticks: Sequence[int]) -> list[Rung]:
        """One rung per tick, in the order given. Ticks must be positive and below 2**53."""
        import numpy as np

        steps = np.array(ticks, dtype=np.float64)
        falling, rising = _windows(self._falling, steps), _windows(self._rising, steps)
        return [
            _rung(tick, _above(self._falling, fall, tick), _below(self._rising, rise, tick))
            for tick, fall, rise in zip(ticks, falling, rising, strict=True)
        ]


def _side(rows: Sequence[LadderRow], chosen: Any, crossing: Floats, values: tuple[Floats, Floats]) -> _Side:
    import numpy as np

    places = np.nonzero(chosen)[0]
    places = places[np.argsort(crossing[places])]
    sums = [np.concatenate(([0.0], np.cumsum(value[places]))) for value in values]
    return _Side(rows, places, crossing[places], sums[0], sums[1])


def _windows(side: _Side, steps: Floats) -> list[tuple[int, int]]:
    """For each step, the crossings too near to it for floats to decide: first and one past the last."""
    import numpy as np

    first = np.searchsorted(side.crossings, steps * (1 - _DOUBT), side="left")
    last = np.searchsorted(side.crossings, steps * (1 + _DOUBT), side="right")
    return list(zip(first.tolist(), last.tolist(), strict=True))


def _doubtful(side: _Side, window: tuple[int, int], tick: int) -> list[LadderRow]:
    """The liquidatable ones among the positions of a window, by exact integers."""
    rows = (side.rows[int(side.places[index])] for index in range(*window))
    return [row for row in rows if liquidatable(row, tick)]


def _above(side: _Side, window: tuple[int, int], tick: int) -> Rung:
    """Positions that are liquidatable below their crossing: those after the window, and some in it."""
    near, end = _doubtful(side, window, tick), window[1]
    return Rung(
        tick,
        len(side.crossings) - end + len(near),
        float(side.collateral_sums[-1] - side.collateral_sums[end]) + sum(row.collateral for row in near),
        float(side.debt_sums[-1] - side.debt_sums[end]) + sum(row.debt for row in near),
    )


def _below(side: _Side, window: tuple[int, int], tick: int) -> Rung:
    """Positions that are liquidatable above their crossing: those before the window, and some in it."""
    near, start = _doubtful(side, window, tick), window[0]
    return Rung(
        tick,
        start + len(near),
        float(side.collateral_sums[start]) + sum(row.collateral for row in near),
        float(side.debt_sums[start]) + sum(row.debt for row in near),
    )


def _rung(tick: int, falling: Rung, rising: Rung) -> Rung:
    return Rung(
        tick,
        falling.positions + rising.positions,
        falling.collateral + rising.collateral,
        falling.debt + rising.debt,
    )


def liquidatable(row: LadderRow, tick: int) -> bool:
    """The exact test of a row."""
    return row.a * tick + row.k < row.b * tick + row.m
