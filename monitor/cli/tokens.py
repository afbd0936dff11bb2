"""`ethmon tokens`: stablecoins and tokenised assets, how much there is and how that moves."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import click

from alerts.model import CannotSee
from monitor.cli import App
from monitor.cli.output import Cell, as_json, console, emit, table_options
from monitor.cli.when import utc
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.domain import ListedToken
    from monitor.reports.tokens import GroupLine, TokenLine, TokenView

HEADINGS = ("token", "kind", "supply", "of", "24h", "7d", "30d", "age", "source")
FIELDS = (
    "name", "kind", "denomination", "supply", "decimals", "change_24h_percent", "change_7d_percent",
    "change_30d_percent", "block_number", "time", "cause", "symbol", "address", "source",
)  # fmt: skip


@click.command()
@click.option(
    "--live", is_flag=True, help="Ask the node now, at its head; no database needed, no changes shown."
)
@table_options
@click.pass_obj
def tokens(app: App, live: bool, shape: str) -> None:
    """Supply of stablecoins and tokenised assets, and its change over 24 h, 7 and 30 days.

    What the contracts say (totalSupply) on this chain alone: tokens that an issuer holds back count, copies on
    other chains do not. Sums are over tokens of one kind and denomination, at face value. The age is that of the
    stored row: a supply that stays the same gets one every hour.
    """
    view = _read(app) if live else _stored(app)
    if shape == "json":
        click.echo(as_json(_record(view)))
    elif shape == "csv":
        emit(FIELDS, [tuple(_fields(line).values()) for line in view.lines], shape)
    else:
        _print(view)


def _stored(app: App) -> TokenView:
    from monitor.reports.tokens import token_view
    from monitor.store.database import open_reader

    with open_reader(app.settings.db) as db:
        return token_view(db)


def _read(app: App) -> TokenView:
    from monitor.chain.clock import SystemClock
    from monitor.chain.connect import connect
    from monitor.reports.tokens import live_view
    from monitor.watch import SnapshotReader

    source = connect(app.settings, SystemClock())
    try:
        listed = listed_tokens(app, source.chain_id())
        at = source.head()
        reader = SnapshotReader(source, (), {})
        found = reader.read(at, (), supplies_of=[token.address for token in listed])
    finally:
        source.close()
    return live_view(at, listed, found.supplies)


def listed_tokens(app: App, chain_id: int) -> tuple[ListedToken, ...]:
    """The tokens that the daemon reads on a chain. Raises UsageError where there is none."""
    from monitor.watchlist import load_watchlist

    listed = load_watchlist(app.settings.watchlist).tokens_on(chain_id, app.settings.tokens)
    if not listed:
        raise UsageError(f"No token is listed for chain {chain_id}. See ETHMON_TOKENS and [[token]].")
    return listed


def _print(view: TokenView) -> None:
    at = view.at
    if at is not None:
        heading = f"Block {at.number:,}  {at.hash}  {utc(at.timestamp)}\n"
        console().print(heading, highlight=False, markup=False)
    lines = sorted(view.lines, key=_by_size)
    rows = [_cells(line) for line in lines]
    emit(HEADINGS, rows + [_group_cells(line) for line in view.groups], "table")
    remarks = [f"{line.listed.name}: {remark}" for line in lines for remark in line.remarks]
    remarks += [_lost(line) for line in view.groups if isinstance(line.total, CannotSee)]
    for remark in remarks:
        console().print(remark, highlight=False, markup=False)


def _by_size(line: TokenLine) -> tuple[str, str, Decimal]:
    row = line.last
    size = 0 if row is None or row.units is None else Decimal(row.units).scaleb(-(row.decimals or 0))
    return line.listed.kind, line.listed.denomination or "~", -Decimal(size)


def _cells(line: TokenLine) -> tuple[Cell, ...]:
    from monitor.readings.words import age

    listed = line.listed
    changes = (_percent(value) for value in line.changes.values())
    source = listed.source or "watchlist"
    return (
        listed.name, listed.kind, _amount(line.row.amount), listed.denomination or "shares", *changes, age(max(0, line.age_s)), source,
    )  # fmt: skip


def _group_cells(line: GroupLine) -> tuple[Cell, ...]:
    changes = (_percent(value) for value in line.changes.values())
    name = f"all {len(line.names)}"
    return (name, line.group.kind, _amount(line.total), line.group.denomination, *changes, None, None)


def _lost(line: GroupLine) -> str:
    assert isinstance(line.total, CannotSee)
    return f"all {line.group.kind}, {line.group.denomination}: no sum, {line.total.cause}"


def _amount(value: Decimal | CannotSee) -> str | None:
    """Cut, never rounded up: whole tokens, with cents below ten thousand."""
    from alerts.wording import trimmed

    return None if isinstance(value, CannotSee) else trimmed(value, 0 if value >= 10_000 else 2)


def _percent(value: Decimal | CannotSee) -> str | None:
    return None if isinstance(value, CannotSee) else f"{value:+.2f}%".replace("-0.00%", "+0.00%")


def _fields(line: TokenLine) -> dict[str, Cell]:
    row, listed = line.row, line.listed
    changes = (_number(value) for value in line.changes.values())
    values: tuple[Cell, ...] = (
        listed.name, listed.kind, listed.denomination, None if row.units is None else str(row.units), row.decimals,
        *changes, row.block_number, utc(row.block_time), row.cause or None, line.symbol, listed.address, listed.source,
    )  # fmt: skip
    return dict(zip(FIELDS, values, strict=True))


def _number(value: Decimal | CannotSee) -> float | None:
    return None if isinstance(value, CannotSee) else round(float(value), 6)


def _record(view: TokenView) -> dict[str, object]:
    at = view.at
    return {
        "block": None if at is None else {"number": at.number, "hash": at.hash, "time": utc(at.timestamp)},
        "tokens": [{**_fields(line), "age_s": line.age_s} for line in view.lines],
        "totals": [_total(line) for line in view.groups],
    }


def _total(line: GroupLine) -> dict[str, object]:
    total = line.total
    return {
        "kind": line.group.kind,
        "denomination": line.group.denomination,
        "tokens": list(line.names),
        "supply_tokens": None if isinstance(total, CannotSee) else format(total, "f"),
        "cause": total.cause if isinstance(total, CannotSee) else None,
        **{f"change_{name}_percent": _number(value) for name, value in line.changes.items()},
    }
