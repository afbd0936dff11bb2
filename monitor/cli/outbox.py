"""`ethmon outbox`: messages on their way, and those that did not arrive."""

from __future__ import annotations

import time

import click

from monitor.cli import App
from monitor.cli.families import Listing
from monitor.cli.output import emit, table_options
from monitor.cli.when import utc
from monitor.errors import UsageError

COLUMNS = ("id", "channel", "state", "severity", "created", "attempts", "done", "title", "error")
STATES = ("pending", "sending", "delivered", "dead", "dropped")


@click.group(cls=Listing)
def outbox() -> None:
    """Messages on their way, and those that did not arrive. Without a command: `list`."""


@outbox.command("list")
@click.option(
    "--state", "states", multiple=True, type=click.Choice(STATES), help="Only these; several times."
)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@table_options
@click.pass_obj
def list_(app: App, states: tuple[str, ...], limit: int, shape: str) -> None:
    """Rows, newest first."""
    from monitor.store.backlog import list_rows
    from monitor.store.database import open_reader

    with open_reader(app.settings.db) as db:
        rows = list_rows(db, states, limit)
    if not rows and shape == "table":
        click.echo("No messages.")
        return
    emit(
        COLUMNS,
        [
            (
                row.id,
                row.channel,
                row.state,
                row.severity.name.lower(),
                utc(int(row.created_at)),
                row.attempts,
                None if row.done_at is None else utc(int(row.done_at)),
                row.title,
                row.last_error,
            )
            for row in rows
        ],
        shape,
    )


@outbox.command()
@click.argument("row", type=int, required=False)
@click.pass_obj
def retry(app: App, row: int | None) -> None:
    """Try dead messages (ROW, or all) and disabled channels again at once."""
    from alerts.wording import counted
    from monitor.store import outbox as store
    from monitor.store.database import open_beside

    with open_beside(app.settings.db) as db:
        count = store.retry(db, row)
    if row is not None and not count:
        raise UsageError(f"Message {row} is not dead. `ethmon outbox list` shows all.")
    click.echo(
        f"{counted(count, 'dead message')} {'waits' if count == 1 else 'wait'} for delivery again; every channel is tried at once."
    )


@outbox.command()
@click.argument("row", type=int)
@click.pass_obj
def drop(app: App, row: int) -> None:
    """Never send message ROW."""
    from monitor.store import outbox as store
    from monitor.store.database import open_beside

    with open_beside(app.settings.db) as db:
        if not store.drop(db, row, time.time()):
            raise UsageError(f"Message {row} does not wait and is not dead. `ethmon outbox list` shows all.")
    click.echo(f"Message {row} is dropped.")
