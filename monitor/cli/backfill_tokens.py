"""`ethmon backfill --tokens`: supplies of the listed tokens in the past."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import click

from monitor.cli import App

if TYPE_CHECKING:
    from monitor.chain.endpoints import Endpoints
    from monitor.store.database import Database
    from monitor.units import BlockNumber


def run_tokens(
    app: App,
    db: Database,
    source: Endpoints,
    span: tuple[BlockNumber, BlockNumber],
    cancel: Event,
    *,
    quiet: bool,
) -> None:
    """Read what is missing of a range of blocks."""
    from rich.progress import Progress

    from monitor.cli.tokens import listed_tokens
    from monitor.past.supplies import EVERY_BLOCKS, read_supplies

    listed = listed_tokens(app, source.chain_id())
    with Progress(disable=quiet) as bar:
        task = bar.add_task(f"supply of {len(listed)} tokens, every {EVERY_BLOCKS:,} blocks", total=None)
        done = read_supplies(
            source, db, listed, *span, cancel=cancel,
            progress=lambda state: bar.update(task, total=state.total, completed=state.done),
        )  # fmt: skip
    if not done.total:
        click.echo("Nothing to do: these supplies are stored.")
        return
    click.echo(f"{done.done:,} of {done.total:,} looks at {len(listed)} tokens stored.")
    if done.done < done.total:
        click.echo("Run the same command again to go on.")
