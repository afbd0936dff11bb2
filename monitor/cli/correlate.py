"""`ethmon correlate`: does ETH move with Bitcoin, gold, stocks?"""

from __future__ import annotations

import click

from monitor.cli import App
from monitor.cli.output import Cell, emit, table_options
from monitor.errors import EthmonError

_COLUMNS = ("day", "correlation", "low_95", "high_95", "returns", "not_known")
_SHOWN = 10


@click.command()
@click.option(
    "--with", "other", required=True, metavar="BTC/USD|XAU/USD|NAME|FILE.csv",
    help="A stored feed, a [[series]] of the watchlist, or a CSV file with the columns date and close.",
)  # fmt: skip
@click.option("--window", default="30d", show_default=True, help="Days that one figure is over, 14d or more.")
@click.option("--column", help="Column of the CSV file that holds the price (default: close).")
@click.option(
    "--last", type=click.IntRange(1), help=f"Newest rows only (default: {_SHOWN} in a table, else all)."
)
@table_options
@click.pass_obj
def correlate(app: App, other: str, window: str, column: str | None, last: int | None, shape: str) -> None:
    """Rolling correlation of ETH/USD with another price: daily closes (UTC), log returns, Pearson's r.

    Each row is the window that ends on its day: r, its 95 % interval, and the count of returns behind it. A
    window with too few of them is not known, and says so. Closes of feeds are their own rounds: the daemon keeps
    those of the last months, `ethmon backfill --prices` reads years. A day without a new answer has no close.
    """
    from monitor.comovement import eth_with
    from monitor.macro.correlation import needed
    from monitor.reports.comovement import window_days
    from monitor.watchlist import load_watchlist

    days = window_days(window)
    series = load_watchlist(app.settings.watchlist).series
    found = eth_with(app.settings.db, other, days, column, series)
    if all(one.value is None for one in found):
        most = max((one.returns for one in found), default=0)
        raise EthmonError(
            f"not known: {most} daily returns of ETH/USD and {other} at most in {days} days, {needed(days)} needed."
        )
    shown = found[-(last or (_SHOWN if shape == "table" else len(found))) :]
    title = f"ETH/USD with {other}: log returns of daily closes (UTC), window {days} days"
    emit(_COLUMNS, [_row(one) for one in shown], shape, title=title)


def _row(one: tuple[int, float | None, float | None, float | None, int, str]) -> tuple[Cell, ...]:
    from monitor.reports.comovement import day_text

    day, *values, returns, cause = one
    figures = [value if value is None else round(float(value), 4) for value in values]
    return (day_text(day), *figures, returns, cause or None)
