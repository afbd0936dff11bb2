"""`ethmon supply`: burn, issuance, net change and fees over time frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli import App
from monitor.cli.output import Cell, as_json, console, emit, table_options
from monitor.cli.supply_frames import (
    EXACT_COLUMNS,
    HEADINGS,
    ISSUANCE_COLUMNS,
    burn_cells,
    exact_cells,
    growth_words,
    issuance_cells,
    net_cells,
    print_one,
)
from monitor.cli.supply_outlook import (
    OUTLOOK_COLUMNS,
    RECORD_COLUMNS,
    outlook_cells,
    outlook_lines,
    outlook_record,
    record_rows,
)
from monitor.cli.supply_reconcile import print_reconciled, reconciled
from monitor.cli.when import utc
from monitor.errors import UsageError
from monitor.units import format_eth, format_gwei

if TYPE_CHECKING:
    from monitor.config import Settings
    from monitor.reports.burn import BurnFrame
    from monitor.reports.supply import SupplyView
    from monitor.store.database import Database


@click.command()
@click.option(
    "--since",
    help="24h, 7d, 1y, merge, pectra, month, 2025, 2025-Q3, 2025-03-01, FROM..TO; without it: the usual frames.",
)
@click.option(
    "--by", type=click.Choice(["hour", "day", "month"]), help="One line per hour, day or month of --since."
)
@click.option(
    "--blobs", is_flag=True, help="Blobs against base burn: what layer 2 pays, and how full blocks are."
)
@click.option(
    "--records", is_flag=True, help="The most burned in a block, hour and day; highest and lowest fees."
)
@click.option(
    "--reconcile",
    is_flag=True,
    help="Ours against every other source over --since (24h), in wei. Exit code 1: they differ.",
)
@click.option(
    "--tracer",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="With --reconcile: folder of geth's supply tracer files.",
)
@click.option("--node", help="With --reconcile: URL of a second execution node.")
@table_options
@click.pass_obj
def supply(
    app: App,
    since: str | None,
    by: str | None,
    blobs: bool,
    records: bool,
    reconcile: bool,
    tracer: Path | None,
    node: str | None,
    shape: str,
) -> None:
    """Total supply, burn, issuance and net change over any time frame; burn is exact to the wei.

    A frame in which blocks are missing says so: its burn is then a lower bound, marked with ≥. Issuance is
    measured where BEACON_URLS is set, else an estimate, with its interval and what it rests on.
    """
    from monitor.store.database import open_reader

    _check(since, by, blobs, records, reconcile, tracer, node)
    with open_reader(app.settings.db) as db:
        if reconcile:
            if not print_reconciled(reconciled(db, app.settings, since or "24h", tracer, node), shape):
                raise SystemExit(1)
        elif records:
            _print_records(db, shape)
        elif blobs:
            _print_blobs(db, since, by, shape)
        elif by is not None:
            _print_by(db, since or "30d", by, shape)
        else:
            _print_frames(db, app.settings, since, shape)


def _check(
    since: str | None,
    by: str | None,
    blobs: bool,
    records: bool,
    reconcile: bool,
    tracer: Path | None,
    node: str | None,
) -> None:
    """Raises UsageError for options that make no sense together."""
    if records and (since or by or blobs):
        raise UsageError("--records are of everything that is stored: give it alone.")
    if (tracer or node) and not reconcile:
        raise UsageError("--tracer and --node go with --reconcile.")
    if reconcile and (by or blobs or records):
        raise UsageError("--reconcile goes with --since, --tracer and --node alone.")


def _print_by(db: Database, since: str, by: str, shape: str) -> None:
    from monitor.reports.burn import burn_series
    from monitor.store.history import Period

    _print_series(burn_series(db, since, Period(by)), shape)


def _print_frames(db: Database, settings: Settings, since: str | None, shape: str) -> None:
    from monitor.reports.supply import supply_view

    view = supply_view(db, since, settings.stake, settings.supply_anchor)
    if shape == "json":
        click.echo(as_json(_view_record(view)))
    elif shape == "csv":
        whole = outlook_cells(view)
        emit(
            EXACT_COLUMNS + ISSUANCE_COLUMNS + OUTLOOK_COLUMNS,
            [exact_cells(one.burn) + issuance_cells(one, view) + whole for one in view.frames],
            shape,
        )
    else:
        _print_view(view)


def _view_record(view: SupplyView) -> dict[str, object]:
    columns = EXACT_COLUMNS + ISSUANCE_COLUMNS
    return {
        "block": view.at.number,
        "hash": view.at.hash,
        "time": utc(view.at.timestamp),
        "frames": [
            dict(zip(columns, exact_cells(one.burn) + issuance_cells(one, view), strict=True))
            for one in view.frames
        ],
        **outlook_record(view),
    }


def _print_view(view: SupplyView) -> None:
    head = f"Block {view.at.number:,}  {view.at.hash}  {utc(view.at.timestamp)}\n"
    console().print(head, highlight=False, markup=False)
    if len(view.frames) == 1:
        print_one(view.frames[0], view)
        return
    burns = [frame.burn for frame in view.frames]
    shown = [one for one in view.frames if one.burn.totals.blocks and not _same_as_shorter(one.burn, burns)]
    emit(
        HEADINGS,
        [burn_cells(one.burn) + net_cells(one) + (growth_words(one, view),) for one in shown],
        "table",
    )
    for text in _footnotes(view):
        console().print(text, highlight=False, markup=False)


def _footnotes(view: SupplyView) -> list[str]:
    from monitor.reports.supply import method_words

    found = [""]
    shown = [one for one in view.frames if one.burn.totals.blocks]
    lines = [(f"Issuance ({one.burn.name})", method_words(one.issuance)) for one in shown[:1]]
    if view.outlook.base_wei is not None:
        lines.append(("Growth a year", view.outlook.base_label))
    return found + [f"{name + ':':<21} {value}" for name, value in (*lines, *outlook_lines(view))]


def _print_records(db: Database, shape: str) -> None:
    from monitor.errors import StoreError
    from monitor.reports.records import stored_records

    found = stored_records(db)
    if found is None:
        raise StoreError(f"ETHMON_DB: {db.path} holds no block yet. Start `ethmon run`, then ask again.")
    rows = record_rows(found)
    if shape != "table":
        emit(RECORD_COLUMNS, rows, shape)
        return
    emit(("record", "value", "blocks", "from", "to"), [_record_cells(row) for row in rows], "table")
    first, last, missing = found.coverage.first, found.coverage.last, found.coverage.missing
    said = f"\nOf stored blocks {first:,} to {last:,}" + (
        f", of which {missing:,} are missing" if missing else ""
    )
    console().print(said, highlight=False, markup=False)


def _record_cells(row: Sequence[Cell]) -> tuple[Cell, ...]:
    name, value, unit, first, last, since, until = row
    shown = (
        f"{format_eth(int(str(value)), 6)} ETH" if unit == "wei" else f"{format_gwei(int(str(value)))} gwei"
    )
    where = f"{first:,}" if first == last else f"{first:,} to {last:,}"
    return (name, shown, where, since, None if since == until else until)


def _print_blobs(db: Database, since: str | None, by: str | None, shape: str) -> None:
    from monitor.cli import supply_blobs
    from monitor.reports.offload import offload_series, offload_view
    from monitor.store.history import Period

    view = None if by is not None else offload_view(db, since)
    found = offload_series(db, since or "30d", Period(by)) if by is not None else []
    found = list(view.frames) if view is not None else found
    if shape != "table":
        emit(supply_blobs.COLUMNS, [supply_blobs.exact(one) for one in found], shape)
        return
    if view is not None:
        head = f"Block {view.at.number:,}  {view.at.hash}  {utc(view.at.timestamp)}\n"
        console().print(head, highlight=False, markup=False)
        burns = [one.burn for one in found]
        found = [one for one in found if one.burn.totals.blocks and not _same_as_shorter(one.burn, burns)]
    rows = [supply_blobs.shown(one, one.burn.name or utc(one.burn.start + 1)) for one in found]
    emit(supply_blobs.HEADINGS, rows, "table")


def _same_as_shorter(frame: BurnFrame, frames: Sequence[BurnFrame]) -> bool:
    """A frame that begins before the first stored block repeats the shorter one: it says nothing new."""
    earlier = [one for one in frames[: list(frames).index(frame)] if _reaches_back(one)]
    return _reaches_back(frame) and bool(earlier)


def _reaches_back(frame: BurnFrame) -> bool:
    return frame.coverage.starts_late or frame.coverage.first == 0


def _print_series(parts: Sequence[BurnFrame], shape: str) -> None:
    if shape != "table":
        emit(EXACT_COLUMNS[1:], [exact_cells(part)[1:] for part in parts], shape)
        return
    rows = [(utc(part.start + 1), *burn_cells(part)[1:]) for part in parts]
    emit(
        ("from", "blocks", "base burn", "blob burn", "total ETH", "ETH a year", "base fee mean", "seen"),
        rows,
        "table",
    )
