"""Bars over stretches of time, all of one kind as one drawing: a year of days takes no longer than a week."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from monitor.reports.charts.style import Palette, days

_APART = 120
"""Fewer bars than this stand a hair apart."""


class Bar(NamedTuple):
    """From `low` to `high` over `start` to `end`."""

    start: int
    end: int
    low: float
    high: float
    sure: bool = True
    """False: the height is only a lower bound, which is hatched."""


def draw_bars(axes: Any, bars: Sequence[Bar], colour: str, palette: Palette, *, alpha: float = 1.0) -> None:
    """Draw them in one colour."""
    from matplotlib.collections import PolyCollection

    gap = 0.12 if len(bars) < _APART else 0.0
    for sure in (True, False):
        corners = [_corners(bar, gap) for bar in bars if bar.sure is sure and bar.high != bar.low]
        if corners:
            look: dict[str, Any] = (
                {"facecolor": colour, "linewidth": 0.0}
                if sure
                else {"facecolor": palette.ground, "edgecolor": colour, "hatch": "////", "linewidth": 0.8}
            )
            axes.add_collection(PolyCollection(corners, alpha=alpha, **look))
    axes.autoscale_view()


def _corners(bar: Bar, gap: float) -> list[tuple[float, float]]:
    left, right = days(bar.start), days(bar.start + (bar.end - bar.start) * (1 - gap))
    return [(left, bar.low), (left, bar.high), (right, bar.high), (right, bar.low)]
