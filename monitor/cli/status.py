"""`ethmon status`: the state at a glance, once or live."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli import App
from monitor.cli.output import as_json, console, show
from monitor.errors import EthmonError, UsageError
from monitor.units import UnixTime

if TYPE_CHECKING:
    from rich.table import Table

    from monitor.reports.board.content import Board, Wishes
    from monitor.reports.board.reader import BoardReader

_ALARMING = {"Gaps", "Trouble"}


@click.command()
@click.option(
    "--watch", is_flag=True, help="A live screen until q or ctrl-C; in a pipe, lines again and again."
)
@click.option(
    "--every",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.2, 3600),
    help="Seconds between looks with --watch.",
)
@click.option("--json", "as_object", is_flag=True, help="Print JSON; with --watch one object a line.")
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the live screen as it is now to this SVG file.",
)
@click.pass_obj
def status(app: App, watch: bool, every: float, as_object: bool, picture: Path | None) -> None:
    """Head, burn, net supply, positions, alerts and endpoints at a glance, from the database alone.

    With --watch a screen that keeps itself up to date, in any size from 40 columns on.
    """
    from monitor.reports.board.reader import BoardReader

    if picture is not None and (watch or as_object):
        raise UsageError("--picture stands alone: it is neither --watch nor --json.")
    with BoardReader(app.settings.db, _wishes(app)) as reader:
        if picture is not None:
            _draw(reader.look(_now()), picture)
        elif not watch:
            _print(reader.look(_now()), as_object=as_object)
        elif as_object or not _has_screen():
            _repeat(reader, every, as_object=as_object)
        else:
            from monitor.cli.board.screen import watch as watch_on

            watch_on(console(), reader.look, every)


def _wishes(app: App) -> Callable[[], Wishes]:
    """Alert levels only give colours: a broken watchlist costs no status, and an edited one is taken up."""
    from monitor.reload import WatchlistFile
    from monitor.reports.board.content import Wishes
    from monitor.watchlist import Watchlist, load_watchlist

    stake, file = app.settings.stake, WatchlistFile(app.settings.watchlist, ())
    known: Watchlist | None = None
    with suppress(EthmonError):
        known = load_watchlist(app.settings.watchlist)

    def now() -> Wishes:
        nonlocal known
        found = file.look()
        known = found if isinstance(found, Watchlist) else known
        return Wishes(stake) if known is None else Wishes(stake, known.rules, len(known.wallets))

    return now


def _has_screen() -> bool:
    out = console()
    return bool(out.is_terminal and not out.is_dumb_terminal)


def _repeat(reader: BoardReader, every: float, *, as_object: bool) -> None:
    """For a pipe, a file, or a terminal that cannot move its cursor. Ctrl-C is the way to end it."""
    try:
        while True:
            _print(reader.look(_now()), as_object=as_object, again=True)
            time.sleep(every)
    except KeyboardInterrupt:
        return


def _print(board: Board, *, as_object: bool, again: bool = False) -> None:
    from monitor.cli.board.plain import record

    now = _now()
    if as_object:
        found = record(board, now)
        click.echo(json.dumps(found, ensure_ascii=False) if again else as_json(found))
        return
    show(render(board, now))
    if again:
        click.echo()


def render(board: Board, now: UnixTime) -> Table:
    """The lines of a status, for a terminal."""
    from rich.table import Table
    from rich.text import Text

    from monitor.cli.board.plain import lines
    from monitor.cli.charset import printable

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in lines(board, now):
        alarming = name in _ALARMING and not text.startswith("none")
        table.add_row(name, Text(printable(text), style="bold red" if alarming else ""))
    return table


def _draw(board: Board, file: Path) -> None:
    from monitor.cli.board.picture import svg

    if file.suffix.lower() != ".svg":
        raise UsageError(f"--picture {file}: only SVG is written. Name a file that ends in .svg.")
    try:
        file.write_text(svg(board, _now()), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--picture {file}: cannot be written ({error.strerror}).") from None


def _now() -> UnixTime:
    return UnixTime(int(time.time()))
