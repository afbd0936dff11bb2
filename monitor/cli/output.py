"""Tables in three shapes: for people, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import click

Cell = str | int | float | bool | None
_UNLIMITED = 100_000
"""Columns of a pipe."""


def table_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --json and --csv; the command gets `shape`: 'table', 'json' or 'csv'."""
    function = click.option("--csv", "shape", flag_value="csv", help="Print CSV.")(function)
    function = click.option(
        "--json", "shape", flag_value="json", help="Print JSON; exact amounts are strings."
    )(function)
    return click.option("--table", "shape", flag_value="table", default="table", hidden=True)(function)


def emit(columns: Sequence[str], rows: Sequence[Sequence[Cell]], shape: str, *, title: str = "") -> None:
    """Print rows in the asked shape."""
    if shape == "json":
        click.echo(as_json([dict(zip(columns, row, strict=True)) for row in rows]))
    elif shape == "csv":
        click.echo(_csv(columns, rows), nl=False)
    else:
        emit_table(columns, rows, title=title)


def as_json(value: object) -> str:
    """JSON for people and programs. Callers give exact amounts as strings: a double cannot hold wei."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def emit_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, title: str = "") -> None:
    """A table for a terminal; numbers to the right. In a pipe or a file it is as wide as its cells."""
    from rich.text import Text

    from monitor.cli.table import drawn

    if title:
        show(Text(title, style="italic"))
    right = [bool(rows) and all(_is_figure(row[index]) for row in rows) for index in range(len(columns))]
    cells = [["-" if cell is None else str(cell) for cell in row] for row in rows]
    out = console()
    for part in drawn(columns, cells, right, out.width if out.is_terminal else None):
        show(part)


def show(renderable: Any) -> None:
    """Print what rich can draw; in a pipe or a file no line is folded or padded."""
    out = console()
    if out.is_terminal:
        out.print(renderable)
        return
    with out.capture() as captured:
        out.print(renderable)
    click.echo("\n".join(line.rstrip() for line in captured.get().split("\n")), nl=False)


def _is_figure(cell: Cell) -> bool:
    if isinstance(cell, str):
        return re.fullmatch(r"(≥ )?-?[$]?[\d,]+(\.\d+)?( ?(gwei|ETH|%|s))?|-", cell) is not None
    return not isinstance(cell, bool)


def console() -> Any:
    """A rich console that does not cut lines when its output is a pipe or a file."""
    from rich.console import Console

    class Quiet(Console):
        def on_broken_pipe(self) -> None:
            """Told as elsewhere; rich's own ends with 1."""
            raise BrokenPipeError

    plain = Quiet()
    return plain if plain.is_terminal else Quiet(width=_UNLIMITED, soft_wrap=True)


def _csv(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()
