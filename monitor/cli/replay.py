"""`ethmon replay`: back-test of the alert rules. Sends nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from monitor.cli import App
from monitor.cli.output import as_json, console, emit, table_options
from monitor.cli.when import utc
from monitor.errors import StoreError, UsageError
from monitor.readings.words import age

if TYPE_CHECKING:
    from alerts.model import BlockStamp
    from monitor.replay import Moment, Replayed
    from monitor.watchlist import Watchlist

TIMELINE = ("time", "block", "severity", "what", "alert", "rule")
COUNTS = ("rule", "subject", "alerts", "first told", "worst level", "lead time", "false alarms")


@click.command()
@click.option(
    "--from", "first", type=click.IntRange(0), help="First block. With --history: default the oldest stored."
)
@click.option("--to", "last", type=click.IntRange(0), help="Last block (default: the newest).")
@click.option("--history", "stored", is_flag=True, help="Over what is stored, without a node.")
@click.option(
    "--step",
    default=25,
    show_default=True,
    type=click.IntRange(1),
    help="Every so many blocks of an archive node (25 is five minutes).",
)
@table_options
@click.pass_obj
def replay(app: App, first: int | None, last: int | None, stored: bool, step: int, shape: str) -> None:
    """Which alerts would the rules of watchlist.toml have sent? Nothing is sent.

    Prints the timeline, and for each rule how early it spoke before its most severe level and how
    often it cried wolf.
    """
    from monitor.watchlist import load_watchlist

    if first is not None and last is not None and first > last:
        raise UsageError(f"--from {first} is after --to {last}: exchange them.")
    watchlist = load_watchlist(app.settings.watchlist)
    outcome = _stored(app, watchlist, first, last) if stored else _archive(app, watchlist, first, last, step)
    _print(outcome, shape)


def _stored(app: App, watchlist: Watchlist, first: int | None, last: int | None) -> Replayed:
    from monitor.replay import stored_moments
    from monitor.store import coverage
    from monitor.store.database import open_reader
    from monitor.units import BlockNumber

    with open_reader(app.settings.db) as db:
        spans = coverage.ranges(db)
        if not spans:
            raise StoreError(
                "Nothing is stored yet: start `ethmon run`, or give --from and --to for an archive node."
            )
        low = first if first is not None else spans[0].first
        high = last if last is not None else spans[-1].last
        return _run(
            watchlist, stored_moments(db, watchlist, BlockNumber(low), BlockNumber(high)), high - low + 1
        )


def _archive(app: App, watchlist: Watchlist, first: int | None, last: int | None, step: int) -> Replayed:
    from monitor.adapters import FEEDS, adapters_for
    from monitor.chain.clock import SystemClock
    from monitor.chain.connect import connect
    from monitor.replay import archive_moments
    from monitor.units import BlockNumber
    from monitor.watch import SnapshotReader

    if first is None:
        raise UsageError("--from BLOCK is needed for an archive node; --history replays what is stored.")
    source = connect(app.settings, SystemClock())
    high = last if last is not None else source.head().number
    chain_id = source.chain_id()
    reader = SnapshotReader(
        source, adapters_for(chain_id, app.settings.deployments), FEEDS.get(chain_id, {}), proves=False
    )
    numbers = [BlockNumber(number) for number in range(first, high + 1, step)]
    outcome = _run(watchlist, archive_moments(source, reader, watchlist, numbers), len(numbers))
    source.close()
    return outcome


def _run(watchlist: Watchlist, moments: Iterable[Moment], total: int) -> Replayed:
    from rich.console import Console
    from rich.progress import Progress

    from monitor.replay import replay as judge

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Replaying", total=total)

        def step(_: BlockStamp) -> None:
            bar.advance(task)

        return judge(watchlist.rules, moments, step)


def _print(outcome: Replayed, shape: str) -> None:
    from alerts.compose import title

    rows = [
        (
            utc(one.time),
            one.block,
            one.alert.severity.name.lower(),
            one.alert.transition.value,
            title(one.alert),
            one.alert.rule.name,
        )
        for one in outcome.told
    ]
    verdicts = outcome.verdicts()
    if shape == "csv":
        emit(TIMELINE, rows, shape)
        return
    counts = [
        (one.rule, one.name, one.alerts, utc(one.first), None if one.worst is None else utc(one.worst),
         None if one.lead_s is None else age(one.lead_s), one.false_alarms)
        for one in verdicts
    ]  # fmt: skip
    if shape == "json":
        timeline = [dict(zip(TIMELINE, row, strict=True)) for row in rows]
        click.echo(
            as_json(
                {
                    "moments": outcome.moments,
                    "alerts": timeline,
                    "not_judged": outcome.unjudged,
                    "rules": [dict(zip(COUNTS, row, strict=True)) for row in counts],
                }
            )
        )
        return
    click.echo(f"{len(rows)} alerts at {outcome.moments:,} blocks. Nothing was sent.\n")
    if rows:
        emit(TIMELINE, rows, shape)
        console().print()
        emit(COUNTS, counts, shape)
    if outcome.unjudged:
        click.echo(
            f"\nNot judged, nothing that they look at is in there: {'; '.join(outcome.unjudged)}.", err=True
        )
