"""How every picture looks: colours, sizes, header, source line, holes, and the bytes in the end.

Matplotlib is an extra and is loaded here, when a sheet is made, and nowhere else.
"""

from __future__ import annotations

import io
import re
import textwrap
import warnings
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Any, NamedTuple

from monitor.domain import BlockRef
from monitor.errors import EthmonError
from monitor.reports.charts import loading
from monitor.reports.charts.calendar import marks
from monitor.reports.charts.wording import compact, moment, short_hash
from monitor.units import SECONDS_PER_DAY

LONGEST_TEXT = 200
"""Names come from outside: no picture has room for more."""


class Palette(NamedTuple):
    """Colours of one ground; told apart by brightness too, not by hue alone."""

    ground: str
    ink: str
    faint: str
    grid: str
    hole: str
    price: str
    danger: str
    burn: str
    blob: str
    issued: str
    net: str
    protocols: tuple[str, ...]


LIGHT = Palette(
    "#ffffff", "#16202b", "#5b6875", "#e3e8ed", "#eceff3", "#1f5fd0", "#c81e3a", "#d9540b", "#7a3ff0",
    "#1478b8", "#0b7a53",
    ("#1f6fd1", "#e07b12", "#6f42d8", "#0d8f72", "#c2318a", "#8a6d1a", "#4a5b6c"),
)  # fmt: skip
DARK = Palette(
    "#10161d", "#e8edf2", "#9aa7b4", "#25303b", "#1d2731", "#7aa7ff", "#ff6b81", "#ff8f4d", "#b391ff",
    "#58b4f0", "#3fcf9a",
    ("#6ea8ff", "#ffb057", "#b296ff", "#43d3b0", "#ff83c8", "#d6b64a", "#9fb0c0"),
)  # fmt: skip


class Look(NamedTuple):
    """Which of the eight ways to draw."""

    dark: bool = False
    phone: bool = False
    """Narrower, with larger letters: legible at 390 pixels."""
    vector: bool = False
    """SVG instead of PNG."""
    inline: bool = False
    """SVG as a part of a page, whose style sheet sets the colours."""

    @property
    def palette(self) -> Palette:
        """Its colours."""
        return DARK if self.dark else LIGHT


class _Size(NamedTuple):
    inches: tuple[float, float]
    dpi: int
    points: float


_WIDE, _PHONE = _Size((8.0, 4.6), 150, 10.5), _Size((4.8, 4.2), 200, 10.0)


@dataclass(frozen=True, slots=True)
class Words:
    """What stands around a picture."""

    title: str
    subtitle: str
    at: BlockRef | None
    source: str = ""
    """In place of the block where its hash is no longer kept."""

    @property
    def stamp(self) -> str:
        """`Block 21,000,000 (0x1234…abcd), 2026-02-04 11:23 UTC`."""
        if self.at is None:
            return self.source
        return f"Block {self.at.number:,} ({short_hash(self.at.hash)}), {moment(self.at.timestamp)}"


@contextmanager
def quiet(look: Look) -> Generator[Any]:
    """Matplotlib with our settings. Raises EthmonError where it is not installed."""
    try:
        mpl = loading.matplotlib()
    except ImportError:
        raise EthmonError("Charts need Matplotlib. Install it: pip install 'ethmon[charts]'") from None
    settings: dict[str, Any] = {
        "text.parse_math": False,  # a `$` in a name is a dollar
        "font.family": ["DejaVu Sans"],
        "svg.fonttype": "none" if look.inline else "path",
        "svg.hashsalt": "ethmon",
        "axes.unicode_minus": True,
        "hatch.linewidth": 0.6,
        "path.simplify": True,
    }
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # names may hold anything
        yield mpl


class Sheet:
    """One picture: header, panels below each other on one time axis or any other, source line."""

    def __init__(
        self, words: Words, look: Look, panels: Sequence[float] = (1,), *, taller: float = 1
    ) -> None:
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        self.look, self.palette, self._words = look, look.palette, words
        size = _PHONE if look.phone else _WIDE
        width, height = size.inches[0], size.inches[1] * taller
        self.size = size._replace(inches=(width, height))
        figure: Any = Figure(figsize=(width, height), dpi=self.size.dpi, facecolor=self.palette.ground)
        top = self._header(figure)
        foot = self.size.points * 2.0 / 72 / height
        figure.set_layout_engine(
            ConstrainedLayoutEngine(rect=(0.005, foot, 0.985, top - foot), h_pad=0.05, w_pad=0.05)
        )
        grid = figure.add_gridspec(len(panels), 1, height_ratios=list(panels))
        self.axes: list[Any] = []
        for row in range(len(panels)):
            self.axes.append(figure.add_subplot(grid[row], sharex=self.axes[0] if self.axes else None))
        for axes in self.axes:
            self._tidy(axes)
        for axes in self.axes[:-1]:
            axes.tick_params(labelbottom=False)
        self.figure = figure

    def _header(self, figure: Any) -> float:
        """Title and subtitle, as many lines as they need; where the panels may begin (0 to 1)."""
        (width, height), points = self.size.inches, self.size.points
        at = 1 - 0.10 / height
        title = _wrapped(self._words.title, width, points * 1.3, 2)
        below = _wrapped(self._words.subtitle, width, points * 0.92)
        for lines, size, weight, colour in (
            (title, points * 1.25, "bold", self.palette.ink),
            (below, points * 0.92, "normal", self.palette.faint),
        ):
            for line in lines:
                figure.text(0.02, at, line, va="top", fontsize=size, fontweight=weight, color=colour)
                at -= size * 1.42 / 72 / height
        figure.text(
            0.02,
            0.07 / height,
            self._words.stamp,
            va="bottom",
            fontsize=points * 0.78,
            color=self.palette.faint,
        )
        return at - 0.02

    def _tidy(self, axes: Any) -> None:
        axes.set_facecolor(self.palette.ground)
        axes.grid(axis="y", color=self.palette.grid, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(colors=self.palette.faint, labelsize=self.size.points * 0.9, length=0)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(self.palette.grid)

    def time_axis(self, start: float, end: float) -> None:
        """UTC below the last panel; moments are seconds since 1970."""
        found = marks(start, end, 5 if self.look.phone else 8)
        self.axes[-1].set_xticks([days(moment) for moment, _ in found], [text for _, text in found])
        slack = max(1.0, (end - start) * 0.01)
        self.axes[-1].set_xlim(days(start - slack), days(end + slack))

    def amounts(self, axes: Any, unit: str = "") -> None:
        """Short numbers up the side, `unit` before them where it is a `$`."""
        axes.yaxis.set_major_formatter(ticks(lambda value: compact(value, unit)))
        axes.locator_params(axis="y", nbins=5)

    def holes(self, spans: Iterable[tuple[float, float]], panels: Sequence[Any] = ()) -> bool:
        """Hatch stretches of time in which nothing is known; whether there were any."""
        listed = list(spans)
        for axes in panels or self.axes:
            axes.broken_barh(
                [(days(start), days(end) - days(start)) for start, end in listed], (0, 1),
                transform=axes.get_xaxis_transform(), facecolor=self.palette.hole, edgecolor=self.palette.faint,
                hatch="////", linewidth=0, zorder=0.5,
            )  # fmt: skip
        return bool(listed)

    def legend(self, axes: Any, entries: Sequence[tuple[str, str, str]]) -> None:
        """Above a panel: (kind, colour, text); kinds are bar, line, dash, band, bound, hole."""
        handles = [_handle(kind, colour, self.palette) for kind, colour, _ in entries]
        shown: Any = axes.legend(
            handles, [text for *_, text in entries], loc="lower left", bbox_to_anchor=(-0.01, 1.0),
            ncols=self._columns([text for *_, text in entries]), frameon=False, borderaxespad=0.1,
            fontsize=self.size.points * 0.86, handlelength=1.2, handleheight=0.9, columnspacing=1.2,
            handletextpad=0.5, labelcolor=self.palette.ink,
        )  # fmt: skip
        shown.set_zorder(10)

    def _columns(self, texts: Sequence[str]) -> int:
        """How many of these fit side by side; the first columns have one entry more where it does not come out even."""
        room = (self.size.inches[0] - 0.8) * 72 / (self.size.points * 0.86 * 0.6)
        for count in range(len(texts), 1, -1):
            rows, longer = divmod(len(texts), count)
            ends = [column * rows + min(column, longer) for column in range(count + 1)]
            columns = [texts[first:last] for first, last in pairwise(ends)]
            if sum(max(map(len, column)) + 4.5 for column in columns) <= room:
                return count
        return 1

    def remark(self, axes: Any, text: str) -> None:
        """A few words in the middle of a panel that has nothing else to say."""
        lines = "\n".join(_wrapped(text, self.size.inches[0] * 0.75, self.size.points))
        axes.text(
            0.5, 0.5, lines, transform=axes.transAxes, ha="center", va="center", color=self.palette.faint,
            fontsize=self.size.points, zorder=9,
            bbox={"facecolor": self.palette.ground, "edgecolor": "none", "alpha": 0.85, "pad": 4},
        )  # fmt: skip

    def save(self) -> bytes:
        """PNG or SVG."""
        target = io.BytesIO()
        kind = "svg" if self.look.vector or self.look.inline else "png"
        block = "" if self._words.at is None else f"block {self._words.at.number} {self._words.at.hash}"
        facts = {
            "Title": self._words.title,
            "Description": f"{self._words.subtitle}. ethmon, {block}".strip(),
        }
        facts = {} if self.look.inline else facts
        unsaid = ("Creator", "Date", "Format", "Type") if kind == "svg" else ("Software",)
        self.figure.savefig(target, format=kind, metadata={**facts, **dict.fromkeys(unsaid)})
        return self._numbered(target.getvalue()) if kind == "svg" else target.getvalue()

    def _numbered(self, svg: bytes) -> bytes:
        """Ids by order of appearance: Matplotlib makes them of memory addresses, which differ and can meet in a page."""
        prefix = sha256(self._words.title.encode() + self._words.subtitle.encode()).hexdigest()[:8]
        text = svg.decode()
        used = dict.fromkeys(re.findall(r'(?:url\(#|href="#)([\w-]+)', text))
        numbers = {name: f"{prefix}-{number}" for number, name in enumerate(used)}
        pattern = re.compile(r'(\bid="|url\(#|href="#)([\w-]+)')
        return pattern.sub(lambda found: found[1] + numbers.get(found[2], found[2]), text).encode()


def days(seconds: float) -> float:
    """Matplotlib's measure of time."""
    return seconds / SECONDS_PER_DAY


def ticks(words: Callable[[float], str]) -> Any:
    """A formatter of an axis, which is called with a place too."""

    def text(value: float, _place: int | None) -> str:
        return words(value)

    return text


def _wrapped(text: str, inches: float, points: float, lines: int = 4) -> list[str]:
    letters = max(12, int(inches * 0.96 * 72 / (points * 0.585)))
    return textwrap.wrap(text[: 2 * LONGEST_TEXT], letters, max_lines=lines, placeholder=" …")


def _handle(kind: str, colour: str, palette: Palette) -> Any:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    match kind:
        case "line" | "dash":
            return Line2D([], [], color=colour, linewidth=2, linestyle=(0, (4, 2)) if kind == "dash" else "-")
        case "mark":
            return Line2D([], [], color=colour, marker="v", linestyle="none", markersize=6)
        case "band":
            return Patch(facecolor=colour, alpha=0.28, linewidth=0)
        case "bound":
            return Patch(facecolor=palette.ground, edgecolor=colour, hatch="////", linewidth=0.8)
        case "hole":
            return Patch(facecolor=palette.hole, edgecolor=palette.faint, hatch="////", linewidth=0)
        case _:
            return Patch(facecolor=colour, linewidth=0)
