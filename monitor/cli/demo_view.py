"""What a person sees while the demo runs: a line per block in a pipe; the screen is `demo_screen`'s."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import click

from monitor.cli import demo_positions
from monitor.cli.demo_positions import Danger
from monitor.domain import BlockRow
from monitor.errors import StoreError
from monitor.store import history, told
from monitor.store.database import Database, open_reader
from monitor.store.history import ReorgRecord, Totals
from monitor.store.told import SentMessage
from monitor.supply.blobs import GAS_PER_BLOB
from monitor.supply.burn import burn_of
from monitor.units import floor_div, format_eth, format_gwei

SHOWN_FEES = 60
PRICED_EVERY = 5
"""Blocks from one line about the positions to the next, while nothing changes its class."""


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
    from monitor.cli.demo_screen import Screen
    from monitor.cli.output import console

    out = console()
    return Screen(out, blocks) if out.is_terminal and not out.is_dumb_terminal else Lines()


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


def block_cells(row: BlockRow) -> tuple[str, ...]:
    """A block for a table: number, base fee, gas used, burn, blobs, transactions."""
    burn = burn_of(row)
    base = "not known" if burn.base_wei is None else f"{format_eth(burn.base_wei, 6)} ETH"
    return (
        f"{row.number:,}",
        fee_words(row),
        f"{floor_div(row.gas_used * 100, row.gas_limit)} %",
        base,
        str(blobs_in(row.blob_gas_used or 0)),
        str(row.tx_count),
    )


def block_words(row: BlockRow) -> tuple[str, ...]:
    """A block for a line of text."""
    number, fee, gas, burned, blobs, count = block_cells(row)
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


def fee_words(row: BlockRow) -> str:
    """Its base fee."""
    return "none" if row.base_fee_wei is None else f"{format_gwei(row.base_fee_wei, 3)} gwei"


def blobs_in(gas: int) -> int:
    """How many blobs that much blob gas is."""
    return floor_div(gas, GAS_PER_BLOB)
