"""The live status as an SVG file that needs nothing from anywhere: no font, no script, no other host."""

from __future__ import annotations

import io
import re

from rich.console import Console
from rich.terminal_theme import MONOKAI

from monitor.cli.board.layout import draw, full_height
from monitor.reports.board.content import Board
from monitor.units import UnixTime

WIDTH, MOST_LINES = 120, 60
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
    drawn = console.export_svg(title="ethmon status --watch", theme=MONOKAI)
    return _REMOTE.sub("", drawn).replace("Fira Code, monospace", _FONTS)
