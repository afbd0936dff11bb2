"""What a person sees while the demo runs: a live screen in a terminal, a line per block in a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import click

from monitor.cli import demo_positions
from monitor.cli.demo_positions import Danger
from monitor.cli.when import utc
from monitor.domain import BlockRow
from monitor.errors import StoreError
from monitor.store import history, told
from monitor.store.database import Database, open_reader
from monitor.store.history import ReorgRecord, Totals
from monitor.store.positions import StoredPosition
from monitor.store.told import SentMessage
from monitor.supply.blobs import GAS_PER_BLOB
from monitor.supply.burn import burn_of
from monitor.units import floor_div, format_eth, format_gwei

SHOWN_BLOCKS = 8
SHOWN_FEES = 60
PRICED_EVERY = 5
"""Blocks from one line about the positions to the next, while nothing changes its class."""
_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Seen:
    """The database at one moment."""

    blocks: tuple[BlockRow, ...]
    """The newest, newest first."""
    totals: Totals
    missing: int
    """Blocks between the first and the last that are not stored."""
    reorgs: tuple[ReorgRecord, ...]
    """Newest first."""
    danger: Danger

    @property
    def head(self) -> int | None:
        """The number of the newest stored block."""
        return self.blocks[0].number if self.blocks else None


class Window:
    """Looks into the database while the daemon writes it; sees nothing until it exists."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: Database | None = None

    def look(self) -> Seen | None:
        """What is stored now."""
        db = self._open()
        if db is None:
            return None
        with db.snapshot():
            frame = history.frame(db)
            return Seen(
                blocks=history.recent_blocks(db, SHOWN_FEES),
                totals=frame.totals,
                missing=frame.coverage.missing,
                reorgs=history.reorgs(db),
                danger=demo_positions.look(db),
            )

    def head(self) -> int | None:
        """The number of the newest stored block."""
        db = self._open()
        newest = history.head(db) if db is not None else None
        return None if newest is None else newest.number

    def messages(self) -> tuple[SentMessage, ...]:
        """What was sent, oldest first."""
        db = self._open()
        return told.messages(db) if db is not None else ()

    def is_delivering(self) -> bool:
        """Whether a message is on its way."""
        return any(one.missed for one in self.messages())

    def awaits_pictures(self) -> bool:
        """Whether a message in the chat has not got its picture yet."""
        db = self._open()
        return db is not None and told.awaits_pictures(db, "telegram")

    def close(self) -> None:
        """Close the connection."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _open(self) -> Database | None:
        if self._db is None:
            try:
                self._db = open_reader(self._path)
            except StoreError:
                return None
        return self._db


class View(Protocol):
    """Shows what is seen, as often as it is called."""

    def show(self, seen: Seen) -> None:
        """Bring the view up to date."""
        ...


def open_view(blocks: int) -> AbstractContextManager[View]:
    """A screen where there is one, else lines. `blocks` is the length of the story."""
    from monitor.cli.output import console

    out = console()
    return Screen(out, blocks) if out.is_terminal else Lines()


class Lines:
    """A line for each new block, reorg, liquidation and alert; every few blocks one for the positions."""

    def __init__(self) -> None:
        self._shown = -1
        self._reorgs = 0
        self._alerts = 0
        self._priced: tuple[object, ...] = ()
        self._liquidations: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, seen: Seen) -> None:
        """Print what is new, oldest first."""
        for record in reversed(seen.reorgs[: len(seen.reorgs) - self._reorgs]):
            click.echo(reorg_words(record))
            self._shown = min(self._shown, record.reorg.ancestor)
        self._reorgs = len(seen.reorgs)
        for row in reversed([row for row in seen.blocks if row.number > self._shown]):
            click.echo("  ".join(block_words(row)))
            self._shown = row.number
        self._show_danger(seen.danger)

    def _show_danger(self, danger: Danger) -> None:
        for one in danger.liquidations:
            if one.transaction not in self._liquidations:
                self._liquidations.add(one.transaction)
                click.echo(demo_positions.liquidation_words(one))
        for alert in reversed([alert for alert in danger.alerts if alert.serial > self._alerts]):
            click.echo(demo_positions.alert_words(alert))
            self._alerts = alert.serial
        priced = (floor_div(self._shown, PRICED_EVERY), *(row.outcome for row in danger.positions))
        if danger.positions and priced != self._priced:
            self._priced = priced
            click.echo(demo_positions.price_words(danger.positions))


class Screen:
    """A live screen: totals, the base fee's curve, the newest blocks, what happened."""

    def __init__(self, console: Any, blocks: int) -> None:
        from rich.live import Live

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
        from rich.console import Group

        if not seen.blocks:
            return
        parts = (
            _headline(seen, self._blocks),
            _block_table(seen.blocks[:SHOWN_BLOCKS]),
            _position_table(seen.danger.positions),
            _happenings(seen),
        )
        self._live.update(Group(*parts), refresh=True)


def _headline(seen: Seen, blocks: int) -> Any:
    from rich.panel import Panel
    from rich.text import Text

    newest, totals = seen.blocks[0], seen.totals
    text = Text()
    text.append(f"block {newest.number:,}", "bold").append(
        f" of about {blocks:,}   {utc(newest.timestamp)}\n"
    )
    text.append("burned   ").append(f"{format_eth(totals.burn_wei, 9)} ETH", "bold yellow")
    text.append(
        f" by base fee, {format_eth(totals.blob_burn_wei)} ETH by {_blobs(totals.blob_gas_used)} blobs\n"
    )
    text.append("base fee ").append(_curve(seen.blocks), "cyan").append(f" {_gwei(newest)}")
    return Panel(text, title="ethmon demo: a local chain, followed live", title_align="left")


def _block_table(blocks: Sequence[BlockRow]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("block", "base fee", "gas used", "burned", "blobs", "transactions"):
        table.add_column(name, justify="right", min_width=len(name) + 4)
    for row in blocks:
        table.add_row(*_cells(row))
    return table


def _position_table(rows: Sequence[StoredPosition]) -> Any:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    first = f"position ({demo_positions.eth_words(rows)})" if rows else "no position yet"
    for name in (first, "health", "liquidated", "distance", "proof", ""):
        table.add_column(name, min_width=len(name) + 2, no_wrap=True)
    for row in rows:
        filled, colour = demo_positions.bar(row)
        table.add_row(*demo_positions.cells(row), Text(filled, colour))
    return Group(Text(""), table)


def _happenings(seen: Seen) -> Any:
    from rich.text import Text

    lines = [Text(reorg_words(record), "magenta") for record in seen.reorgs[:3]]
    lines += [Text(demo_positions.liquidation_words(one), "bold red") for one in seen.danger.liquidations]
    lines += [Text(demo_positions.alert_words(alert), "yellow") for alert in seen.danger.alerts]
    if seen.missing:
        lines.append(Text(f"{seen.missing} blocks are missing", "red"))
    return Text("\n").join([Text(""), *lines])


def _cells(row: BlockRow) -> tuple[str, ...]:
    burn = burn_of(row)
    base = "not known" if burn.base_wei is None else f"{format_eth(burn.base_wei, 6)} ETH"
    return (
        f"{row.number:,}",
        _gwei(row),
        f"{floor_div(row.gas_used * 100, row.gas_limit)} %",
        base,
        str(_blobs(row.blob_gas_used or 0)),
        str(row.tx_count),
    )


def block_words(row: BlockRow) -> tuple[str, ...]:
    """A block for a line of text."""
    number, fee, gas, burned, blobs, count = _cells(row)
    return (
        f"block {number:>4}",
        f"base fee {fee:>12}",
        f"gas {gas:>4}",
        f"burned {burned:>13}",
        f"{blobs} {'blob ' if blobs == '1' else 'blobs'}",
        f"{count:>3} transactions",
    )


def reorg_words(record: ReorgRecord) -> str:
    """A reorg in a line."""
    reorg = record.reorg
    return (
        f"REORG: {reorg.depth} blocks above {reorg.ancestor:,} were replaced; "
        f"the {format_eth(record.burn_wei, 6)} ETH that they burned were taken back"
    )


def _curve(blocks: Sequence[BlockRow]) -> str:
    """The base fee of the blocks, oldest first, between its own lowest and highest."""
    fees = [row.base_fee_wei for row in reversed(blocks) if row.base_fee_wei is not None]
    low, high = min(fees, default=0), max(fees, default=0)
    top = len(_BARS) - 1
    return "".join(_BARS[floor_div((fee - low) * top, high - low) if high > low else 0] for fee in fees)


def _gwei(row: BlockRow) -> str:
    return "none" if row.base_fee_wei is None else f"{format_gwei(row.base_fee_wei, 3)} gwei"


def _blobs(gas: int) -> int:
    return floor_div(gas, GAS_PER_BLOB)
