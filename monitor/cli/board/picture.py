"""The live status as an SVG file that needs nothing from anywhere: no font, no script, no other host."""

from __future__ import annotations

import io
import re

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from monitor.cli.board.layout import draw, full_height
from monitor.reports.board.content import Board
from monitor.units import UnixTime

WIDTH, MOST_LINES = 120, 60
_THEME = TerminalTheme(
    (13, 17, 23),
    (213, 219, 226),
    [(72, 79, 88), (255, 103, 96), (63, 185, 80), (219, 171, 52), (88, 166, 255), (201, 148, 255), (70, 200, 212), (177, 186, 196)],
    [(132, 141, 151), (255, 161, 152), (86, 211, 100), (227, 179, 65), (121, 192, 255), (210, 168, 255), (86, 212, 221), (240, 246, 252)],
)  # fmt: skip
"""Grey that can be read on dark, and red apart from magenta."""
_FONTS = "'DejaVu Sans Mono', 'Menlo', 'Consolas', 'Liberation Mono', monospace"
_REMOTE = re.compile(r"@font-face\s*\{[^}]*\}|<!--.*?-->", re.DOTALL)


def svg(board: Board, now: UnixTime) -> str:
    """A terminal of `WIDTH` columns and as many lines as it takes."""
    height = full_height(board, now, WIDTH, MOST_LINES)
    console = Console(
        record=True,
        width=WIDTH,
        height=height,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    for line in draw(board, now, WIDTH, height):
        console.print(line, soft_wrap=True)
    drawn = console.export_svg(title="ethmon status --watch", theme=_THEME)
    return _REMOTE.sub("", drawn).replace("Fira Code, monospace", _FONTS)
