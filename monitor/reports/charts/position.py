"""Picture of a position: the price that its protocol uses against the price that liquidates it."""

from __future__ import annotations

from math import isnan
from typing import Any, NamedTuple

from alerts.model import Severity
from monitor.reports.charts.style import Look, Sheet, Words, days, quiet
from monitor.reports.charts.track import Point, Track
from monitor.reports.charts.wording import moment
from monitor.reports.positions import health_words, liquidation_words, protocol_name
from monitor.units import WAD

NAN = float("nan")
_WIDEST = 0.6
"""Levels further from the price than this share of it would flatten the picture."""


def position(found: Track, look: Look) -> bytes:
    """Price and liquidation price where there is one; else the health factor."""
    words = _words(found)
    with quiet(look):
        sheet = Sheet(words, look)
        axes = sheet.axes[0]
        priced = any(point.liquidation is not None for point in found.points)
        entries = _prices(sheet, axes, found) if priced else _health(sheet, axes, found)
        if found.happenings:
            entries += _happenings(sheet, axes, found)
        if sheet.holes(found.holes):
            entries.append(("hole", "", "not seen"))
        if found.points:
            start, end = found.points[0].time, found.points[-1].time
            sheet.time_axis(start, max(end, start + 12))
        sheet.legend(axes, entries)
        return sheet.save()


def _words(found: Track) -> Words:
    now = found.now
    title = f"{now.name or now.account}, {protocol_name(now)}"
    away = (
        ""
        if now.distance is None
        else f"{now.distance:.2%} from liquidation"
        if now.distance
        else "liquidatable now"
    )
    proof = f" ({now.proof})" if now.liquidation_price is not None else ""
    at = f"liquidated at {liquidation_words(now)}{proof}" if now.liquidation_price else liquidation_words(now)
    at = "" if now.outcome == "already" else at
    health = "" if now.health_factor is None else f"health factor {health_words(now)}"
    price = "" if now.price_usd is None else f"ETH ${now.price_usd:,.2f} (protocol's feed)"
    parts = dict.fromkeys(part for part in (away, at, price, health) if part)
    return Words(title, " · ".join(parts), found.at, f"Block {now.block_number:,}, {moment(now.block_time)}")


class _Lines(NamedTuple):
    """In USD, broken where the position was not seen and where there is no such price."""

    times: list[float]
    price: list[float]
    limit: list[float]
    lower: list[float]


def _prices(sheet: Sheet, axes: Any, found: Track) -> list[tuple[str, str, str]]:
    palette, lines = sheet.palette, _lines(found)
    step: dict[str, Any] = {"step": "post", "linewidth": 0}
    axes.fill_between(lines.times, lines.price, lines.limit, color=palette.price, alpha=0.10, **step)
    line: dict[str, Any] = {"drawstyle": "steps-post"}
    axes.plot(lines.times, lines.limit, color=palette.danger, linewidth=2, linestyle=(0, (4, 2)), **line)
    axes.plot(lines.times, lines.price, color=palette.price, linewidth=2.2, **line)
    entries = [("line", palette.price, "ETH price"), ("dash", palette.danger, "liquidation price")]
    if any(point.lower is not None for point in found.points):
        axes.fill_between(lines.times, lines.limit, lines.lower, color=palette.danger, alpha=0.18, **step)
        entries.append(("band", palette.danger, "soft liquidation"))
    if _liquidatable(sheet, axes, found):
        entries.append(("band", palette.danger, "liquidatable"))
    _levels(sheet, axes, found, lines)
    if lines.price and not isnan(lines.price[-1]):
        colour = palette.danger if found.points[-1].outcome == "already" else palette.price
        axes.plot(
            lines.times[-1:], lines.price[-1:], "o", color=colour, markersize=6, zorder=6, clip_on=False
        )
    axes.margins(y=0.12)
    sheet.amounts(axes, "$")
    return entries


def _lines(found: Track) -> _Lines:
    """A value holds until the next row says otherwise, but not into a hole."""
    lines = _Lines([], [], [], [])
    holes = {start for start, _ in found.holes}
    before: Point | None = None
    for point in found.points:
        if before is not None and before.time not in holes and _numbers(before) != _numbers(point):
            _add(lines, point.time, before)
        _add(lines, point.time, point)
        if point.time in holes:
            _add(lines, point.time, None)
        before = point
    return lines


def _numbers(point: Point) -> tuple[bool, ...]:
    return (point.price is None, point.liquidation is None, point.lower is None)


def _add(lines: _Lines, time: int, point: Point | None) -> None:
    lines.times.append(days(time))
    values = (None, None, None) if point is None else (point.price, point.liquidation, point.lower)
    unit = 1 if point is None else 10**point.decimals
    for line, value in zip(lines[1:], values, strict=True):
        line.append(NAN if value is None else value / unit)


def _liquidatable(sheet: Sheet, axes: Any, found: Track) -> bool:
    """Shade the time in which the protocol's own test said yes."""
    points = found.points
    spans = [
        (point.time, after.time)
        for point, after in zip(points, [*points[1:], points[-1]], strict=True)
        if point.outcome == "already"
    ]
    for start, end in spans:
        axes.axvspan(days(start), days(end), color=sheet.palette.danger, alpha=0.22, linewidth=0)
    return any(end > start for start, end in spans)


def _levels(sheet: Sheet, axes: Any, found: Track, lines: _Lines) -> None:
    """The prices at which alerts are due, following the liquidation price; labels where they do not collide."""
    last = next(
        (index for index in reversed(range(len(lines.limit))) if not isnan(lines.limit[index])),
        None,
    )
    shown = [float(level.distance) for level in found.levels]
    loud = {float(level.distance) for level in found.levels if level.severity is Severity.CRITICAL}
    height = _height(lines)
    free = list[float]()
    for share in sorted(share for share in shown if 0 < share <= _WIDEST):
        factor = 1 / (1 + share) if found.short else 1 / (1 - share)
        values = [value * factor for value in lines.limit]
        colour = sheet.palette.danger if share in loud else sheet.palette.faint
        axes.plot(
            lines.times, values, drawstyle="steps-post", color=colour, linewidth=0.9, linestyle=(0, (1, 2.2))
        )
        if last is not None and all(abs(values[last] - other) > height * 0.07 for other in free):
            free.append(values[last])
            axes.annotate(
                f"{share:.0%}", (lines.times[last], values[last]), xytext=(3, 0), textcoords="offset points",
                va="center", ha="left", fontsize=sheet.size.points * 0.78, color=colour, annotation_clip=False,
            )  # fmt: skip


def _height(lines: _Lines) -> float:
    known = [value for value in (*lines.price, *lines.limit) if not isnan(value)]
    return max(known) - min(known)


def _health(sheet: Sheet, axes: Any, found: Track) -> list[tuple[str, str, str]]:
    """For positions that no ETH price liquidates: the number that does count."""
    palette = sheet.palette
    holes = {start for start, _ in found.holes}
    times, values = list[float](), list[float]()
    for point in found.points:
        times.append(days(point.time))
        known = point.health_factor is not None and point.health_factor < 10**24
        values.append((point.health_factor or 0) / WAD if known else NAN)
        if point.time in holes:
            times.append(days(point.time))
            values.append(NAN)
    if all(isnan(value) for value in values):
        axes.set_yticks([])
        sheet.remark(axes, "no liquidation price and no health factor in this time")
        return []
    axes.plot(times, values, drawstyle="steps-post", color=palette.price, linewidth=2.2)
    axes.axhline(1, color=palette.danger, linewidth=1.6, linestyle=(0, (4, 2)))
    axes.margins(y=0.15)
    axes.yaxis.set_major_formatter("{x:.3f}")
    return [("line", palette.price, "health factor"), ("dash", palette.danger, "liquidatable below 1")]


def _happenings(sheet: Sheet, axes: Any, found: Track) -> list[tuple[str, str, str]]:
    """Marks along the foot: what the owner did, what was liquidated."""
    entries: list[tuple[str, str, str]] = []
    for colour, text, kinds in (
        (sheet.palette.faint, "owner acted", {"supply", "withdraw", "borrow", "repay"}),
        (sheet.palette.danger, "liquidation", {"liquidation"}),
    ):
        times = sorted({days(one.time) for one in found.happenings if one.kind in kinds})
        if times:
            axes.plot(
                times, [0.02] * len(times), "v", color=colour, markersize=7, zorder=8,
                transform=axes.get_xaxis_transform(), clip_on=False,
            )  # fmt: skip
            entries.append(("mark", colour, text))
    return entries
