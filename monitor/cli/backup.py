"""`ethmon backup` and `ethmon restore`: copies of the database."""

from __future__ import annotations

import time
from pathlib import Path

import click

from monitor.cli import App


@click.command()
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(path_type=Path),
    help="File, replaced when the copy is proved; or a folder, which gets ethmon-TIME.db.",
)
@click.option("--no-audit", is_flag=True, help="Do not prove the copy against itself (reads every page).")
@click.pass_obj
def backup(app: App, target: Path, no_audit: bool) -> None:
    """Write a copy of the database, of one moment, also while the daemon runs.

    The copy is one file. It is audited first: an older copy of the same name stays until the new
    one is proved. `ethmon restore` puts it back.
    """
    from monitor.store.copies import save

    if target.is_dir():
        target /= time.strftime("ethmon-%Y%m%dT%H%M%SZ.db", time.gmtime())
    save(app.settings.db, target, audit=not no_audit)
    click.echo(str(target))


@click.command()
@click.option(
    "--from", "source", required=True, type=click.Path(path_type=Path), help="A file that `backup` wrote."
)
@click.option("--replace", is_flag=True, help="Set an existing database aside; it is kept, never deleted.")
@click.pass_obj
def restore(app: App, source: Path, replace: bool) -> None:
    """Put a backup in the place of the database (ETHMON_DB or --db).

    Refused while a daemon or another program has the database open, and when the backup does not
    pass the audit. A backup of an older version is migrated. The daemon goes on from its head.
    Messages that waited in it are not sent: they may have been since. One message says which.
    """
    from alerts.wording import counted
    from monitor.store.copies import restore as put_back
    from monitor.units import UnixTime

    done = put_back(source, app.settings.db, UnixTime(int(time.time())), replace=replace)
    head = "no block" if done.head is None else f"blocks to {done.head:,}"
    click.echo(f"{app.settings.db}: {head}" + (f"; before: {done.kept}" if done.kept else ""))
    if done.unsent:
        click.echo(
            f"{counted(done.unsent, 'message')} that waited in it: not sent, `ethmon outbox list --state dropped`"
        )
