"""A table on a terminal: no word and no number is broken, however narrow the terminal is."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

GAP = 2
_WORD = re.compile(r"[≤≥] \S+|\S+")
_LONG = 40
_LEAST_OF_LONG = 24
"""A column of sentences that is narrower than this is a stack of words."""


def widths(cells: Sequence[Sequence[str]], room: int | None) -> list[int] | None:
    """How wide each column is, in terminal cells; None where the columns do not fit into `room`.

    `cells`: lines of the table, headings included. Wide columns give way first, none below its longest word.
    `room` None: as wide as it likes.
    """
    from rich.cells import cell_len

    columns = list(zip(*cells, strict=True))
    natural = [max(cell_len(text) for text in column) for column in columns]
    if room is None:
        return natural
    words = [
        max((cell_len(w) for text in column for w in _WORD.findall(text)), default=0) for column in columns
    ]
    least = [
        max(word, _LEAST_OF_LONG if full > _LONG else 0) for word, full in zip(words, natural, strict=True)
    ]

    def capped(cap: int) -> list[int]:
        return [max(low, min(full, cap)) for low, full in zip(least, natural, strict=True)]

    space = room - GAP * (len(columns) - 1)
    fitting = bisect_right(range(max(natural) + 1), space, key=lambda cap: sum(capped(cap)))
    return capped(fitting - 1) if fitting else None


def drawn(
    headings: Sequence[str], rows: Sequence[Sequence[str]], to_the_right: Sequence[bool], room: int | None
) -> Iterator[Any]:
    """What rich prints: one table; where it does not fit, a block of lines for each row."""
    from rich.table import Table
    from rich.text import Text

    sizes = widths([headings, *rows], room)
    if sizes is None:
        yield from _blocks(headings, rows)
        return
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for name, size, right in zip(headings, sizes, to_the_right, strict=True):
        table.add_column(Text(name), width=size, justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    yield table


def _blocks(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[Any]:
    from rich.table import Table
    from rich.text import Text

    for index, row in enumerate(rows):
        if index:
            yield Text()
        block = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=False)
        block.add_column(style="bold", no_wrap=True)
        block.add_column(overflow="fold")
        for name, text in zip(headings, row, strict=True):
            block.add_row(Text(name), Text(text))
        yield block
