"""`ethmon export`: tables and views as files for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli import App


@click.command()
@click.option(
    "--view", "views", required=True, multiple=True, help="Table or view, may be given again; `ethmon query` lists them."
)  # fmt: skip
@click.option(
    "--format", "form", default="parquet", show_default=True, type=click.Choice(["parquet", "csv"]),
    help="Parquet needs the extra ethmon[export].",
)  # fmt: skip
@click.option(
    "--to", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder, made when absent."
)
@click.pass_obj
def export(app: App, views: tuple[str, ...], form: str, to: Path) -> None:
    """Write tables and views as Parquet or CSV, a file for each UTC day: TO/VIEW/day=2026-02-04/data.parquet.

    Run it again, by a timer, to keep the files up to date: days that are as they were are skipped,
    the running day and what was repaired since are replaced whole. Safe beside a running daemon.
    """
    from monitor.reports.export import export as write
    from monitor.store.database import open_reader

    with open_reader(app.settings.db) as db:
        for view in dict.fromkeys(views):
            done = write(db, view, to, form)
            removed = f", {done.removed} removed" if done.removed else ""
            click.echo(f"{done.folder}: {done.written} written, {done.unchanged} unchanged{removed}")
