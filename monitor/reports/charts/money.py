"""Picture of on-chain money: what exists, and who was minted or burned since the start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alerts.wording import cut
from monitor.reports.charts.style import Look, Sheet, Words, days, quiet
from monitor.reports.charts.wording import compact
from monitor.reports.token_series import Line, TokenTrack

NAN = float("nan")
MOST_LINES, MOST_ON_PHONE = 6, 4
LONGEST_NAME = 16
"""In a legend; names are the user's own."""


def money(found: TokenTrack, look: Look) -> bytes:
    """The sum above, each token's net change below; of a single token its supply alone."""
    with quiet(look):
        sheet = Sheet(_words(found), look, (1,) if found.is_single else (3, 2))
        top = sheet.axes[0]
        _line(top, found, found.total, sheet.palette.net, 2.2)
        top.margins(y=0.12)
        sheet.amounts(top)
        entries = [("line", sheet.palette.net, f"supply, {found.unit}")]
        if sheet.holes(found.holes, [top]):
            entries.append(("hole", "", "not seen"))
        sheet.legend(top, entries)
        if not found.is_single:
            _movers(sheet, sheet.axes[1], found)
        sheet.time_axis(found.times[0], max(found.times[-1], found.times[0] + 12))
        return sheet.save()


def _movers(sheet: Sheet, axes: Any, found: TokenTrack) -> None:
    """Net minted since the start, of those that moved most; the first and the last moment are known of all."""
    moved = [line for line in _by_move(found.lines) if line.change]
    moved = moved[: MOST_ON_PHONE if sheet.look.phone else MOST_LINES]
    if not moved:
        axes.set_yticks([])
        sheet.remark(axes, "no token was minted or burned")
        return
    entries: list[tuple[str, str, str]] = []
    for line, colour in zip(moved, sheet.palette.protocols, strict=False):
        start = line.values[0] or 0.0
        values = [None if value is None else value - start for value in line.values]
        _line(axes, found, values, colour, 1.8)
        entries.append(
            ("line", colour, f"{cut(line.token.name, LONGEST_NAME)} {_signed(line.change or 0.0)}")
        )
    axes.axhline(0, color=sheet.palette.faint, linewidth=0.8)
    axes.margins(y=0.12)
    sheet.amounts(axes)
    sheet.legend(axes, entries)


def _by_move(lines: Sequence[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: -abs(line.change or 0.0))


def _line(axes: Any, found: TokenTrack, values: Sequence[float | None], colour: str, width: float) -> None:
    """A supply holds until the next row says otherwise."""
    drawn = [NAN if value is None else value for value in values]
    times = [days(time) for time in found.times]
    axes.plot(times, drawn, drawstyle="steps-post", color=colour, linewidth=width)


def _words(found: TokenTrack) -> Words:
    first, last = found.total[0], found.total[-1]
    now = "not known now" if last is None else compact(last)
    change = f", {_percent(last, first)}" if last is not None and first else ""
    title = f"{found.title[:1].upper()}{found.title[1:]}: {now}{change}"
    names = ", ".join(cut(line.token.name, LONGEST_NAME) for line in found.lines)
    parts = ["totalSupply() on this chain"]
    if not found.is_single:
        parts = [
            "totalSupply() on this chain, at face value; below, what was minted since the start, net",
            names,
        ]
    if found.left_out:
        parts.append(
            f"left out, not seen at the start: {', '.join(cut(name, LONGEST_NAME) for name in found.left_out)}"
        )
    return Words(title, " · ".join(parts), found.at)


def _percent(last: float, first: float) -> str:
    change = (last - first) / first * 100
    sign = "\N{MINUS SIGN}" if change < 0 else "+"
    return f"{sign}{abs(change):.2f} % since the start"


def _signed(value: float) -> str:
    return compact(value) if value < 0 else f"+{compact(value)}"
