"""The small picture in a message about a position: the price that counts, and where it liquidates.

Matplotlib is an extra (`pip install 'ethmon[charts]'`); without it messages come without pictures.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from alerts.model import ChartRequest
from monitor.readings.positions import subject_of
from monitor.store import positions
from monitor.store.database import Database, open_reader
from monitor.store.positions import StoredPosition
from monitor.units import SECONDS_PER_DAY, UnixTime

SPAN_S = 7 * SECONDS_PER_DAY
_INK, _FAINT, _PRICE, _LIQUIDATION = "#1b2026", "#9aa5b1", "#2563eb", "#c62828"
_INCHES, _DPI = (6.0, 3.2), 150


class Point(NamedTuple):
    """One row of a position's history, in USD."""

    time: UnixTime
    price: float
    liquidation: float


def chart_renderer(database: Path) -> Callable[[ChartRequest], bytes | None]:
    """Draws what messages ask for from the history in `database`; None where there is too little of it."""

    def render(request: ChartRequest) -> bytes | None:
        if request.kind != "position":
            return None
        with open_reader(database) as db:
            points = position_points(db, request.arguments.get("subject", ""))
        return draw(points, request.alt) if len(points) > 1 else None

    return render


def position_points(db: Database, subject: str) -> list[Point]:
    """The last seven days of one position, oldest first, with its newest state at the end."""
    now = next((row for row in positions.current(db) if subject_of(row.key) == subject), None)
    if now is None:
        return []
    rows = positions.history(db, now.key, UnixTime(now.block_time - SPAN_S))
    return [point for row in (*rows, now) for point in _point(row)]


def _point(row: StoredPosition) -> Sequence[Point]:
    if row.price_usd is None or row.liquidation_usd is None:
        return ()  # not seen, or no ETH price liquidates it: a hole, not a value
    return (Point(row.block_time, row.price_usd, row.liquidation_usd),)


def draw(points: Sequence[Point], title: str) -> bytes | None:
    """A PNG of 900 x 480 pixels; None without Matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    figure: Any = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained", facecolor="white")
    axes: Any = figure.add_subplot()
    times = [datetime.fromtimestamp(point.time, UTC) for point in points]
    prices = [point.price for point in points]
    limits = [point.liquidation for point in points]
    axes.plot(times, prices, color=_PRICE, linewidth=2)
    axes.plot(times, limits, color=_LIQUIDATION, linewidth=2, linestyle=(0, (4, 2)))
    axes.fill_between(times, prices, limits, color=_PRICE, alpha=0.08, linewidth=0)
    for at, value, colour in ((0.0, prices[-1], _PRICE), (0.24, limits[-1], _LIQUIDATION)):
        axes.plot([times[-1]], [value], "o", color=colour, markersize=4)
        words = f"{'Liquidation' if at else 'ETH'} ${value:,.2f}".replace("$", r"\$")
        axes.text(at, 1.03, words, transform=axes.transAxes, color=colour, fontsize=9, fontweight="bold")
    _tidy(axes, title, times)
    target = io.BytesIO()
    figure.savefig(target, format="png")
    return target.getvalue()


def _tidy(axes: Any, title: str, times: Sequence[datetime]) -> None:
    axes.set_title(title.replace("$", r"\$"), loc="left", fontsize=10, color=_INK, pad=22)
    axes.grid(axis="y", color="#e6e9ed", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(y=0.12)
    axes.tick_params(colors=_FAINT, labelsize=8, length=0)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    span = times[-1] - times[0]
    ticks = [times[0] + span * part / 4 for part in range(5)]
    shape = (
        "%H:%M:%S" if span < timedelta(minutes=10) else "%H:%M" if span < timedelta(hours=36) else "%d %b %Hh"
    )
    axes.set_xticks(ticks, [tick.strftime(shape) for tick in ticks])
    axes.yaxis.set_major_formatter(_dollars)


def _dollars(value: float, _position: int) -> str:
    return f"${value:,.0f}"
