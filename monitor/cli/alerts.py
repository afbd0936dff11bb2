"""`ethmon alerts`: what is open, answers to it, and test messages."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from monitor.cli import App
from monitor.cli.families import Listing
from monitor.cli.output import Cell, emit, table_options
from monitor.cli.when import utc
from monitor.errors import UsageError

if TYPE_CHECKING:
    from alerts.model import Message, Rule
    from monitor.notify import Make

OPEN_COLUMNS = ("severity", "state", "what", "told", "now", "rule", "id")
HISTORY_COLUMNS = ("time", "block", "severity", "news", "what", "rule", "id", "stands")
READING_COLUMNS = ("reading", "unit", "worse", "labels", "window", "what")


@click.group(cls=Listing)
def alerts() -> None:
    """What is open, answers to it, and test messages. Without a command: `list`."""


@alerts.command("list")
@click.option("--history", type=click.IntRange(1, 10_000), help="The last N alerts instead, newest first.")
@table_options
@click.pass_obj
def list_(app: App, history: int | None, shape: str) -> None:
    """Incidents that are not over, loudest first; or with --history what was told.

    `what` is as it was told last. `now` says "better" where it has come back to a milder level since, or to none:
    its end is told after the rule's cool-down.
    """
    from monitor.store import incidents
    from monitor.store.database import open_reader

    with open_reader(app.settings.db) as db:
        if history:
            emit(HISTORY_COLUMNS, [_told(row) for row in incidents.history(db, history)], shape)
            return
        rows = incidents.list_open(db)
    if not rows and shape == "table":
        click.echo("Nothing is open.")
        return
    emit(
        OPEN_COLUMNS,
        [
            (
                row.severity.name.lower(),
                row.phase,
                row.title,
                utc(int(row.told_at)),
                "better" if row.better else "",
                row.rule,
                row.id,
            )
            for row in rows
        ],
        shape,
    )


@alerts.command()
@click.argument("target")
@click.pass_obj
def ack(app: App, target: str) -> None:
    """Acknowledge TARGET: silence until it gets worse or recovers.

    TARGET is an incident's id, a rule's name, the key in a mail, or `all`.
    """
    from monitor.store import incidents
    from monitor.store.database import open_beside

    with open_beside(app.settings.db) as db:
        _answer(incidents.acknowledge(db, target), target, "acknowledged")


@alerts.command()
@click.argument("target")
@click.option("--for", "period", default="6h", show_default=True, help="How long: 30m, 6h, 2d.")
@click.pass_obj
def snooze(app: App, target: str, period: str) -> None:
    """Silence TARGET for a while, or until it recovers. TARGET as for `ack`."""
    from alerts.quantity import parse_duration
    from monitor.store import incidents
    from monitor.store.database import open_beside

    seconds = parse_duration(period)
    if not seconds:
        raise UsageError(f"--for: {period!r} is not a time. Write 30m, 6h or 2d.")
    with open_beside(app.settings.db) as db:
        _answer(incidents.snooze(db, target, int(time.time()) + seconds), target, f"silent for {period}")


@alerts.command()
@click.option("--rule", "rule_name", help="The rule whose message to send; default: the first.")
@click.option("--channel", "channel_name", help="The channel to use; default: all that are configured.")
@click.pass_obj
def test(app: App, rule_name: str | None, channel_name: str | None) -> int:
    """Send a test message of a rule now, past the outbox. Exit code 1 when a channel did not take it."""
    from alerts.ports import Dispatch, Outcome, Verdict
    from alerts.trial import trial_message
    from monitor.errors import ConfigError
    from monitor.notify import channel_makers
    from monitor.watchlist import load_watchlist

    makers = channel_makers(app.settings)
    rules = load_watchlist(app.settings.watchlist, makers).rules
    message: Message = trial_message(_rule(rules, rule_name), int(time.time()))
    failed = 0
    for name, make in _chosen(makers, channel_name).items():
        try:
            outcome = make().send(Dispatch(message))
        except ConfigError as error:
            outcome = Outcome.rejected(str(error))
        sent = outcome.verdict is Verdict.SENT
        failed += not sent
        click.echo(f"{name}: {'accepted' if sent else 'FAILED, ' + outcome.cause}", err=True)
    return 1 if failed else 0


@alerts.command()
@table_options
def readings(shape: str) -> None:
    """Everything that a [[rule]] can look at."""
    from monitor.readings.catalogue import CATALOGUE

    rows: list[tuple[Cell, ...]] = [
        (
            spec.key,
            spec.unit.value,
            spec.worse.value,
            ", ".join(spec.labels),
            "yes" if spec.windowed else "",
            spec.what,
        )
        for spec in CATALOGUE.readings.values()
    ]
    emit(READING_COLUMNS, rows, shape)


def _told(row: tuple[Cell, ...]) -> tuple[Cell, ...]:
    at_time, block, severity, *rest, standing = row
    assert isinstance(at_time, int)
    return utc(at_time), block, severity, *rest, "yes" if standing else "corrected"


def _answer(count: int, target: str, done: str) -> None:
    if not count:
        raise UsageError(f"No open incident is called {target!r}. `ethmon alerts list` shows all.")
    click.echo(f"{count} {done}.")


def _rule(rules: tuple[Rule, ...], name: str | None) -> Rule:
    from alerts.fields import nearest

    named = {rule.name: rule for rule in rules}
    if name is None:
        return rules[0]
    if name not in named:
        raise UsageError(f"--rule: {name!r} is not a rule. {nearest(name, named)}")
    return named[name]


def _chosen(makers: dict[str, Make], name: str | None) -> dict[str, Make]:
    from alerts.fields import nearest

    if name is None:
        return makers
    if name not in makers:
        raise UsageError(f"--channel: {name!r} is not configured. {nearest(name, makers)}")
    return {name: makers[name]}
