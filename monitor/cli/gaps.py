"""`ethmon gaps`: what could not be read, and its repair."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import click

from monitor.cli import App
from monitor.cli.output import Cell, emit, table_options
from monitor.cli.when import utc

if TYPE_CHECKING:
    from monitor.store.gaps import GapRecord

COLUMNS = ("kind", "first", "last", "blocks", "opened", "attempts", "closed", "cause")


@click.command()
@click.option("--all", "closed_too", is_flag=True, help="Closed gaps as well.")
@click.option("--repair", "mend", is_flag=True, help="Read them again now.")
@table_options
@click.pass_obj
def gaps(app: App, closed_too: bool, mend: bool, shape: str) -> None:
    """List blocks, receipts and blob fees that could not be read, with the cause.

    A running daemon reads them again by itself, at first every half minute, later every hour.
    """
    from monitor.store.database import open_reader
    from monitor.store.gaps import all_gaps, open_gaps

    if mend:
        _repair(app)
    with open_reader(app.settings.db) as db:
        records = all_gaps(db) if closed_too else open_gaps(db)
    if not records and shape == "table":
        click.echo("No gaps." if closed_too else "No open gaps.")
        return
    emit(COLUMNS, [_row(record) for record in records], shape)


def _repair(app: App) -> None:
    from rich.progress import Progress

    from monitor.chain.clock import SystemClock
    from monitor.chain.connect import connect
    from monitor.past.gaps import repair
    from monitor.rule_check import resume
    from monitor.store import identity
    from monitor.store.database import open_beside
    from monitor.store.gaps import open_gaps

    clock = SystemClock()
    with open_beside(app.settings.db) as db:
        records = open_gaps(db)
        source = connect(app.settings, clock, identity.chain_id(db))
        resume(db, source)
        total = sum(record.gap.last - record.gap.first + 1 for record in records)
        with Progress(transient=True) as bar:
            task = bar.add_task("Reading gaps again", total=total)
            result = repair(
                source, db, clock, records, cancel=Event(), progress=lambda count: bar.advance(task, count)
            )
        source.close()
    click.echo(f"Asked for {result.asked:,} blocks again, {result.closed:,} are complete now.", err=True)


def _row(record: GapRecord) -> tuple[Cell, ...]:
    gap = record.gap
    return (
        gap.kind.value,
        gap.first,
        gap.last,
        gap.last - gap.first + 1,
        utc(record.opened_at),
        record.attempts,
        None if record.closed_at is None else utc(record.closed_at),
        gap.cause,
    )
