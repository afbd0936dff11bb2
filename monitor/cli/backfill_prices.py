"""`ethmon backfill --prices`: daily closes of the price feeds."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import click

from monitor.cli import App
from monitor.errors import EthmonError, UsageError

if TYPE_CHECKING:
    from monitor.chain.endpoints import Endpoints
    from monitor.store.database import Database


def run_prices(
    app: App, db: Database, source: Endpoints, span: tuple[str, str], cancel: Event, *, quiet: bool
) -> None:
    """Read what is missing of the days that `span` (as given on the command line) names."""
    from rich.progress import Progress

    from monitor.adapters import FEEDS
    from monitor.past.closes import fill, missing_days

    feeds = FEEDS.get(source.chain_id(), {})
    if not feeds:
        raise UsageError("--prices: no price feed is known on this chain.")
    first, last = _days(source, *span)
    wanted = missing_days(db, feeds, first, last)
    with Progress(disable=quiet) as bar:
        task = bar.add_task(f"closes of {', '.join(feeds)}", total=len(wanted))
        done = fill(
            db, source, feeds, wanted, cancel=cancel, progress=lambda count: bar.update(task, completed=count)
        )
    _correlate(app, db)
    if not wanted:
        click.echo("Nothing to do: the closes of all of these days are stored.")
        return
    left = len(wanted) - done.read - len(done.empty)
    click.echo(f"{done.read:,} daily closes stored, {len(done.empty):,} days without one, {left:,} left.")
    for feed, cause in done.unread.items():
        click.echo(f"not read: {feed}: {cause}", err=True)
    if left and not done.unread:
        click.echo("Run the same command again to go on.")


def _days(source: Endpoints, first: str, last: str) -> tuple[int, int]:
    """Whole days (since 1970) of a time frame, as a finalized block has them."""
    from monitor.past.closes import last_whole_day
    from monitor.supply import frames
    from monitor.supply.forks import CHAINS
    from monitor.units import SECONDS_PER_DAY

    at, chain = source.finalized(), CHAINS.get(source.chain_id())
    if at is None:
        raise EthmonError("--prices: the node has no finalized block yet.")
    if first.isdecimal():
        raise UsageError(
            f"--prices --from {first}: write a time back (1y) or a date (2025-03-01), not a block."
        )
    start = (frames.parse(first, chain, at.timestamp).start + 1) // SECONDS_PER_DAY
    end = last_whole_day(at)
    if last != "head":
        end = min(end, (frames.parse(last, chain, at.timestamp).start + 1) // SECONDS_PER_DAY - 1)
    if start > end:
        raise UsageError(f"--from {first} is after --to {last}, or its day is not over.")
    return start, end


def _correlate(app: App, db: Database) -> None:
    from monitor.comovement import Others
    from monitor.past.closes import store_correlations
    from monitor.watchlist import load_watchlist

    series = load_watchlist(app.settings.watchlist).series
    for name, cause in store_correlations(db, Others(series)).items():
        click.echo(f"no correlation with {name}: {cause}", err=True)
