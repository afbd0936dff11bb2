"""The demo's live screen: totals, the newest blocks, positions as bars, what happened; in any size."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Group
from rich.live import Live
from rich.text import Text

from monitor.cli import demo_positions
from monitor.cli.board.blocks import Stack, Titled
from monitor.cli.board.danger import bars
from monitor.cli.board.pieces import DIM, Section, curve, fit, flow, joined, labelled, plain
from monitor.cli.demo_window import Seen
from monitor.cli.demo_words import blobs_in, block_cells, fee_words, reorg_words
from monitor.cli.when import utc
from monitor.reports.board.content import Near
from monitor.store.positions import StoredPosition
from monitor.units import format_eth

if TYPE_CHECKING:
    from rich.console import Console

SHOWN_BLOCKS = 8
_HEADINGS = ("block", "base fee", "gas used", "burned", "blobs", "transactions")


class Screen:
    """Drawn anew at each look; the terminal scrolls on from where it was at the end."""

    def __init__(self, console: Console, blocks: int) -> None:
        self._console = console
        self._blocks = blocks
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, seen: Seen) -> None:
        """Draw anew."""
        if seen.blocks:
            width, height = self._console.size
            self._live.update(Group(*draw(seen, self._blocks, width, height - 1)), refresh=True)


def draw(seen: Seen, blocks: int, width: int, height: int) -> list[Text]:
    """At most `height` lines of at most `width` cells. `blocks` is the length of the story."""
    sections = [
        _story(seen, blocks, width),
        _block_table(seen, width),
        _positions(seen.danger.positions, width, height),
        _happenings(seen, width),
    ]
    return Stack([Titled(section, width) for section in sections], [0, 3, 1, 2]).draw(height)


def _story(seen: Seen, blocks: int, width: int) -> Section:
    newest, totals = seen.blocks[0], seen.totals
    place = Text.assemble(
        (f"block {newest.number:,}", "bold"), f" of about {blocks:,}   {utc(newest.timestamp)}"
    )
    burned = labelled("burned", Text(f"{format_eth(totals.burn_wei, 9)} ETH", "bold yellow"), " by base fee")
    blobs = Text(f"{format_eth(totals.blob_burn_wei)} ETH by {blobs_in(totals.blob_gas_used)} blobs")
    fees = [row.base_fee_wei for row in reversed(seen.blocks)]
    fee = joined([labelled("base fee", fee_words(newest)), curve(fees, width - 26, "cyan")], width, " ")
    missing = [Text(f"{seen.missing} blocks are missing", "red")] if seen.missing else []
    lines = [fit(place, width), *flow([burned, blobs], width), fee, *missing]
    return Section("ethmon demo: a local chain, followed live", lines, worth=len(lines))


def _block_table(seen: Seen, width: int) -> Section:
    rows = [_HEADINGS, *(block_cells(row) for row in seen.blocks[:SHOWN_BLOCKS])]
    widths = [max(len(row[column]) for row in rows) + 3 for column in range(len(_HEADINGS))]
    lines = [
        fit(Text("".join(cell.rjust(cells) for cell, cells in zip(row, widths, strict=True))), width)
        for row in rows
    ]
    lines[0].stylize(DIM)
    return Section("Blocks", lines, worth=3)


def _positions(rows: Sequence[StoredPosition], width: int, height: int) -> Section:
    if not rows:
        return Section("Positions", [Text("none yet", DIM)])
    title = f"Positions: {demo_positions.eth_words(rows)}"
    return bars(title, [Near(row, ()) for row in rows], width, height)


def _happenings(seen: Seen, width: int) -> Section:
    """What is grave stays when lines are few."""
    lines = [Text(demo_positions.liquidation_words(one), "bold red") for one in seen.danger.liquidations]
    lines += [Text(reorg_words(record), "magenta") for record in seen.reorgs[:3]]
    lines += [Text(plain(demo_positions.alert_words(alert)), "yellow") for alert in seen.danger.alerts]
    if not lines:
        return Section("What happened", [Text("nothing yet", DIM)])
    return Section("What happened", items=[[fit(line, width)] for line in lines])
