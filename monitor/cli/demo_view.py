"""What a person sees while the demo runs: a line per block in a pipe; the screen is `demo_screen`'s."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol, Self

import click

from monitor.cli import demo_positions
from monitor.cli.demo_positions import Danger
from monitor.cli.demo_window import Seen
from monitor.cli.demo_words import block_words, reorg_words
from monitor.units import floor_div

PRICED_EVERY = 5
"""Blocks from one line about the positions to the next, while nothing changes its class."""


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
