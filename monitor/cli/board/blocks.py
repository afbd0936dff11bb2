"""Sections below and beside each other in the lines that there are.

Titled   one section under its title
Stack    blocks below each other; the first to go are the last in the order of `ranks`
Beside   blocks next to each other, as high as the highest
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rich.text import Text

from monitor.cli.board.pieces import DIM, Section, fit, padded

COLUMN_GAP = "   "


class Block(Protocol):
    """A part of the screen of some width."""

    @property
    def full(self) -> int:
        """Lines that it would like to have."""
        ...

    @property
    def least(self) -> int:
        """Lines below which it is left out."""
        ...

    def draw(self, height: int) -> list[Text]:
        """At most `height` lines, none wider than the block."""
        ...


@dataclass(frozen=True, slots=True)
class Titled:
    """A section under its title."""

    section: Section
    width: int

    @property
    def full(self) -> int:
        """With the title."""
        return 1 + self.section.height

    @property
    def least(self) -> int:
        """With the title."""
        return 1 + self.section.least

    def draw(self, height: int) -> list[Text]:
        """The title, and what fits."""
        title = fit(Text.assemble(("─ ", DIM), (self.section.title, "bold"), " "), self.width)
        rule = Text.assemble(title, ("─" * (self.width - title.cell_len), DIM))
        return [rule, *(fit(line, self.width) for line in self.section.cut(height - 1))][:height]


@dataclass(frozen=True, slots=True)
class Stack:
    """Blocks below each other."""

    blocks: Sequence[Block]
    ranks: Sequence[int]
    """Which block goes first when there is no room: the one of the highest rank."""

    @property
    def full(self) -> int:
        """Of all blocks."""
        return sum(block.full for block in self.blocks)

    @property
    def least(self) -> int:
        """Of the block that goes last."""
        return min(zip(self.ranks, self.blocks, strict=True), key=lambda pair: pair[0])[1].least

    def draw(self, height: int) -> list[Text]:
        """What fits, in the order of the blocks."""
        heights = shared([(block.full, block.least) for block in self.blocks], self.ranks, height)
        return [
            line
            for block, lines in zip(self.blocks, heights, strict=True)
            if lines
            for line in block.draw(lines)
        ]


@dataclass(frozen=True, slots=True)
class Beside:
    """Blocks next to each other, with the width of each."""

    blocks: Sequence[tuple[Block, int]]

    @property
    def full(self) -> int:
        """Of the highest."""
        return max(block.full for block, _ in self.blocks)

    @property
    def least(self) -> int:
        """Enough for each of them."""
        return max(block.least for block, _ in self.blocks)

    def draw(self, height: int) -> list[Text]:
        """Lines through all columns."""
        columns = [(block.draw(height), width) for block, width in self.blocks]
        rows = max(len(lines) for lines, _ in columns)
        return [
            Text(COLUMN_GAP).join(
                padded(lines[row] if row < len(lines) else Text(), width) for lines, width in columns
            )
            for row in range(rows)
        ]


def shared(wants: Sequence[tuple[int, int]], ranks: Sequence[int], height: int) -> list[int]:
    """`height` lines among blocks that want (full, least): each its least in the order of rank, then line by line.

    0 for a block that there is no room for.
    """
    given = [0] * len(wants)
    order = sorted(range(len(wants)), key=lambda index: ranks[index])
    left = height
    for index in order:
        least = wants[index][1]
        if least <= left:
            given[index] = least
            left -= least
    while left > 0:
        hungry = [index for index in order if 0 < given[index] < wants[index][0]]
        if not hungry:
            break
        for index in hungry[:left]:
            given[index] += 1
        left -= min(left, len(hungry))
    return given


def columns(width: int, *shares: int) -> list[int]:
    """`width` cells less the gaps, divided by `shares`."""
    room = width - len(COLUMN_GAP) * (len(shares) - 1)
    widths = [room * share // sum(shares) for share in shares]
    widths[-1] = room - sum(widths[:-1])
    return widths
