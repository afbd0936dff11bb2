"""What the sections are made of: lines that keep to a width, curves, bars. Data in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.text import Text

from alerts.model import Severity
from alerts.wording import one_line
from monitor.units import floor_div

HEIGHTS = "▁▂▃▄▅▆▇█"
EIGHTHS = " ▏▎▍▌▋▊▉"
EMPTY = "·"
NOT_KNOWN = "?"
"""Stands in a curve where a block or its figure is not known: never a low bar."""
GOOD, MILD, LOUD, BAD, DIM = "green", "yellow", "dark_orange", "bold red", "bright_black"
UNSEEN = "magenta"
LEVELS: dict[Severity | None, str] = {
    None: GOOD,
    Severity.INFO: MILD,
    Severity.WARNING: LOUD,
    Severity.CRITICAL: BAD,
}
# Isolates have no width but reorder; joiners and variation selectors are drawn as wide as each terminal likes.
_UNSTEADY = {**{ord(char): None for char in "\u2066\u2067\u2068\u2069\u200d\ufe0e\ufe0f"}, 0xA0: " "}


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of the screen. `lines` stand first; `items` may be left out from the end, and counted."""

    title: str
    lines: Sequence[Text] = ()
    items: Sequence[Sequence[Text]] = ()
    """Each of one or more lines that stay together."""
    worth: int = 1
    """Items (without any: lines) below which it is not worth its title."""
    hidden: int = 0
    """Items that are not even given, because no screen of this height shows them."""

    @property
    def height(self) -> int:
        """Lines in full, without the title."""
        return len(self.lines) + sum(map(len, self.items)) + bool(self.hidden)

    @property
    def least(self) -> int:
        """Lines that it must have, without the title: some items, and how many more there are."""
        if not self.items:
            return min(self.height, self.worth)
        return min(self.height, len(self.lines) + sum(map(len, self.items[: self.worth])) + 1)

    def cut(self, height: int) -> list[Text]:
        """At most `height` lines; what is left out is said."""
        if self.height <= height and not self.hidden:
            return [*self.lines, *(line for item in self.items for line in item)]
        if not self.items:
            return list(self.lines[:height])
        kept = list(self.lines[: max(height - 1, 0)])
        shown = 0
        for item in self.items:
            if len(kept) + len(item) > height - 1:
                break
            kept += item
            shown += 1
        more = Text(f"and {len(self.items) - shown + self.hidden:,} more", DIM)
        return [*kept, more][:height]


def plain(text: str) -> str:
    """A text that anybody may have chosen, as one line whose width terminals agree on."""
    return one_line(text).translate(_UNSTEADY)


def fit(line: Text, width: int) -> Text:
    """The line cut to `width` cells with an ellipsis; a copy."""
    found = line.copy()
    found.truncate(max(width, 0), overflow="ellipsis")
    return found


def padded(line: Text, width: int, *, right: bool = False) -> Text:
    """Exactly `width` cells."""
    found = fit(line, width)
    space = Text(" " * (width - found.cell_len))
    return space + found if right else found + space


def ends(left: Text, right: Text, width: int) -> Text:
    """One part at each end of the line; the right one goes where there is no room for both."""
    room = width - left.cell_len - right.cell_len
    return fit(left, width) if room < 2 else Text.assemble(left, " " * room, right)


def joined(parts: Sequence[Text], width: int, gap: str = "   ") -> Text:
    """As many of the parts as fit, in order; the first one is cut if it must be."""
    line = fit(parts[0], width)
    for part in parts[1:]:
        if line.cell_len + len(gap) + part.cell_len > width:
            break
        line = Text.assemble(line, gap, part)
    return line


def flow(parts: Sequence[Text], width: int, gap: str = "   ") -> list[Text]:
    """All parts, on as few lines as hold them."""
    lines: list[Text] = []
    for part in parts:
        if lines and lines[-1].cell_len + len(gap) + part.cell_len <= width:
            lines[-1] = Text.assemble(lines[-1], gap, part)
        else:
            lines.append(fit(part, width))
    return lines


def curve(values: Sequence[int | None], width: int, style: str, *, from_zero: bool = False) -> Text:
    """The newest `width` values as a curve, oldest first, between their own lowest and highest (or 0)."""
    shown = values[max(len(values) - width, 0) :]
    known = [value for value in shown if value is not None]
    low, high = (0 if from_zero else min(known, default=0)), max(known, default=0)
    return _runs(
        (NOT_KNOWN, UNSEEN) if value is None else (_height(value, low, high), style) for value in shown
    )


def _height(value: int, low: int, high: int) -> str:
    return HEIGHTS[floor_div((value - low) * (len(HEIGHTS) - 1), high - low) if high > low else 0]


def bar(share: float, width: int, style: str, marks: Sequence[float] = ()) -> Text:
    """`share` (0 to 1) of `width` cells filled, with a tick at each of `marks` (0 to 1)."""
    eighths = min(round(max(share, 0.0) * width * 8), width * 8)
    ticks = {min(int(mark * width), width - 1) for mark in marks if 0 < mark < 1}
    return _runs(
        ("│", DIM if char == EMPTY else f"{style} reverse")
        if cell in ticks
        else (char, DIM if char == EMPTY else style)
        for cell, char in enumerate(_cells(eighths, width))
    )


def _runs(cells: Iterable[tuple[str, str]]) -> Text:
    """Characters with their styles; a style for each of them would make drawing slow."""
    text = Text()
    for style, run in groupby(cells, key=lambda cell: cell[1]):
        text.append("".join(char for char, _ in run), style)
    return text


def _cells(eighths: int, width: int) -> Iterator[str]:
    for cell in range(width):
        left = eighths - cell * 8
        yield "█" if left >= 8 else EMPTY if left <= 0 else EIGHTHS[left]


def labelled(name: str, *parts: Text | str) -> Text:
    """`name` in dim letters, then its value."""
    return Text.assemble((f"{name} ", DIM), *parts)
