"""What a terminal is given: one line of printable signs, and plain ones of the same width where it does not speak UTF-8."""

from __future__ import annotations

import codecs
import sys
from io import TextIOWrapper

_LIKE = {
    "≥": ">", "≤": "<", "±": "~", "\u00d7": "x", "…": "~", "·": ".", "•": "*", "●": "*", "○": "o", "→": ">",
    "▏": "-", "▎": "-", "▍": "-", "▌": "=", "▋": "=", "▊": "=", "▉": "#", "█": "#", "░": ".",
    "▁": "_", "▂": "_", "▃": "-", "▄": "-", "▅": "=", "▆": "=", "▇": "#",
    "─": "-", "│": "|", "╭": "+", "╮": "+", "╰": "+", "╯": "+", "└": "+", "├": "+", "\u00a0": " ",
}  # fmt: skip
_HANDLER = "ethmon"


def tolerate_poor_terminals() -> None:
    """From now on no text is refused by stdout or stderr. Nothing changes where they take UTF-8."""
    codecs.register_error(_HANDLER, _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and not stream.encoding.lower().startswith("utf"):
            stream.reconfigure(errors=_HANDLER)


def printable(text: str) -> str:
    """One line that moves no cursor and changes no colour: files, nodes and contracts have a say in our texts."""
    return "".join(char if char.isprintable() else " " for char in text)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "".join(_LIKE.get(char, "?") for char in error.object[error.start : error.end]), error.end
