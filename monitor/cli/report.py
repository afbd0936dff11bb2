"""`ethmon report`: one HTML file to read or to send on."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli import App


@click.command()
@click.option(
    "--since", default="7d", show_default=True, help="24h, 7d, 1y, merge, 2025-Q3, 2025-03-01, FROM..TO."
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), default=Path("report.html"), show_default=True,
    help="The file to write.",
)  # fmt: skip
@click.pass_obj
def report(app: App, since: str, out: Path) -> None:
    """Write a report: supply, burn, fees, positions, alerts, gaps, with how each figure is known.

    One self-contained file: it loads nothing from anywhere, reads well on a phone, and follows the
    reader's light or dark setting.
    """
    from monitor.cli.chart import write
    from monitor.reports.report.content import gather
    from monitor.reports.report.page import page
    from monitor.store.database import open_reader
    from monitor.watchlist import load_watchlist

    watchlist = load_watchlist(app.settings.watchlist)
    with open_reader(app.settings.db) as db:
        content = gather(db, since, app.settings.stake, watchlist.rules, watchlist.series)
    write(out, page(content).encode())
