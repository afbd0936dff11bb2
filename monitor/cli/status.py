"""`ethmon status`: the state at a glance, once or live."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from monitor.cli import App
from monitor.cli.output import as_json, console
from monitor.cli.when import utc
from monitor.units import UnixTime

if TYPE_CHECKING:
    from rich.table import Table

    from monitor.reports.status import Status


@click.command()
@click.option("--watch", is_flag=True, help="Keep showing it until ctrl-C.")
@click.option(
    "--every",
    default=2.0,
    show_default=True,
    type=click.FloatRange(0.2, 3600),
    help="Seconds between looks with --watch.",
)
@click.option("--json", "as_object", is_flag=True, help="Print JSON.")
@click.pass_obj
def status(app: App, watch: bool, every: float, as_object: bool) -> None:
    """Head, burn, gaps and endpoints at a glance, from the database alone."""
    from monitor.reports.status import read_status

    path = app.settings.db
    if as_object:
        click.echo(as_json(_record(read_status(path, _now()))))
        return
    if not watch:
        console().print(render(read_status(path, _now()), _now()))
        return
    from rich.live import Live

    with Live(render(read_status(path, _now()), _now()), console=console(), refresh_per_second=4) as live:
        while True:
            time.sleep(every)
            live.update(render(read_status(path, _now()), _now()))


_ALARMING = {"Gaps", "Trouble"}


def render(status: Status, now: UnixTime) -> Table:
    """The lines of a status, for a terminal."""
    from rich.table import Table
    from rich.text import Text

    from monitor.reports.status_lines import lines

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in lines(status, now):
        table.add_row(
            name, Text(text, style="bold red" if name in _ALARMING and not text.startswith("none") else "")
        )
    return table


def _record(status: Status) -> dict[str, object]:
    head, now = status.head, _now()
    return {
        "chain_id": status.chain_id,
        "database": str(status.database),
        "daemon_pid": status.daemon_pid,
        "head": None
        if head is None
        else {
            "number": head.number,
            "hash": head.hash,
            "time": utc(head.timestamp),
            "age_s": status.head_age_s(now),
        },
        "finalized": status.finalized,
        "burn": [
            {"frame": f.name, "total_burn_wei": str(f.total_wei), "exact": f.exact} for f in status.burn
        ],
        "open_gaps": len(status.gaps),
        "reorgs_24h": status.reorgs,
        "endpoints": [
            {"endpoint": e.endpoint, "state": e.state, "since": utc(e.at)} for e in status.endpoints
        ],
    }


def _now() -> UnixTime:
    return UnixTime(int(time.time()))
