"""`ethmon query`: SQL, read-only."""

from __future__ import annotations

import click

from monitor.cli import App
from monitor.cli.output import Cell, emit, table_options
from monitor.errors import UsageError


@click.command()
@click.argument("sql", required=False)
@click.option("--limit", default=10_000, show_default=True, type=click.IntRange(1), help="Rows at most.")
@click.option(
    "--timeout", default=10.0, show_default=True, type=click.FloatRange(0.1, 3600), help="Seconds at most."
)
@table_options
@click.pass_obj
def query(app: App, sql: str | None, limit: int, timeout: float, shape: str) -> None:
    """Ask the database in SQL. Nothing can be written, and nothing but this file be read.

    Without SQL: list the tables and views. The v_* views have human units; docs/history.md has the
    schema and twenty useful queries.
    """
    from monitor.store.query import run

    asked = (
        sql
        or "SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%' ORDER BY type DESC, name"
    )
    result = run(app.settings.db, asked, row_limit=limit, time_limit_s=timeout)
    if shape == "json" and len(set(result.columns)) < len(result.columns):
        raise UsageError("Two columns have the same name: name them apart with AS.")
    emit(result.columns, [tuple(_cell(value) for value in row) for row in result.rows], shape)
    if result.truncated:
        click.echo(f"ethmon: cut after {limit:,} rows; ask for more with --limit.", err=True)


def _cell(value: str | float | bytes | None) -> Cell:
    return f"0x{value.hex()}" if isinstance(value, bytes) else value
