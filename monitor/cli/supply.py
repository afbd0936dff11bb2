"""`ethmon supply`: burn and fees over time frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from monitor.cli import App
from monitor.cli.output import Cell, as_json, console, emit, table_options
from monitor.cli.when import utc
from monitor.units import format_eth, format_gwei

if TYPE_CHECKING:
    from monitor.reports.burn import BurnFrame, BurnView
    from monitor.store.history import FeeStats

EXACT_COLUMNS = (
    "frame", "start", "end", "first_block", "last_block", "blocks", "missing_blocks", "exact",
    "base_burn_wei", "blob_burn_wei", "total_burn_wei", "base_burn_unknown_blocks", "blob_burn_unknown_blocks",
    "total_burn_wei_per_year",
    "base_fee_min_wei", "base_fee_min_block", "base_fee_mean_wei", "base_fee_max_wei", "base_fee_max_block",
    "blob_fee_min_wei", "blob_fee_min_block", "blob_fee_mean_wei", "blob_fee_max_wei", "blob_fee_max_block",
)  # fmt: skip
"""Of --json and --csv."""


@click.command()
@click.option(
    "--since",
    help="24h, 7d, 1y, merge, pectra, month, 2025, 2025-Q3, 2025-03-01, FROM..TO; without it: the usual frames.",
)
@click.option(
    "--by", type=click.Choice(["hour", "day", "month"]), help="One line per hour, day or month of --since."
)
@table_options
@click.pass_obj
def supply(app: App, since: str | None, by: str | None, shape: str) -> None:
    """Burn and fees over any time frame, exact to the wei.

    A frame in which blocks are missing says so: its burn is then a lower bound, marked with ≥.
    """
    from monitor.reports.burn import burn_series, burn_view
    from monitor.store.database import open_reader
    from monitor.store.history import Period

    with open_reader(app.settings.db) as db:
        if by is not None:
            parts = burn_series(db, since or "30d", Period(by))
            _print_series(parts, shape)
            return
        view = burn_view(db, since)
    if shape == "json":
        click.echo(
            as_json(
                {
                    "block": view.at.number,
                    "hash": view.at.hash,
                    "time": utc(view.at.timestamp),
                    "frames": _records(view.frames),
                }
            )
        )
    elif shape == "csv":
        emit(EXACT_COLUMNS, [_exact(frame) for frame in view.frames], shape)
    else:
        _print_view(view)


def _print_view(view: BurnView) -> None:
    console().print(
        f"Block {view.at.number:,}  {view.at.hash}  {utc(view.at.timestamp)}\n",
        highlight=False,
        markup=False,
    )
    if len(view.frames) == 1:
        _print_one(view.frames[0])
        return
    seen = [frame for frame in view.frames if frame.totals.blocks]
    rows = [_summary(frame) for frame in seen if not _same_as_shorter(frame, seen)]
    emit(
        ("frame", "blocks", "base burn", "blob burn", "total ETH", "ETH a year", "base fee mean", "seen"),
        rows,
        "table",
    )


def _same_as_shorter(frame: BurnFrame, frames: Sequence[BurnFrame]) -> bool:
    """A frame that begins before the first stored block repeats the shorter one: it says nothing new."""
    earlier = [f for f in frames[: list(frames).index(frame)] if f.coverage.starts_late]
    return frame.coverage.starts_late and bool(earlier)


def _summary(frame: BurnFrame) -> tuple[Cell, ...]:
    from monitor.reports.burn import coverage_words

    yearly = frame.per_year_wei(frame.total_wei)
    fee = frame.totals.base_fee
    return (
        frame.name,
        f"{frame.totals.blocks:,}",
        _eth(frame.totals.burn_wei, frame.totals.burn_unknown, 6),
        _eth(frame.totals.blob_burn_wei, frame.totals.blob_burn_unknown, 6),
        ("" if frame.exact else "≥ ") + format_eth(frame.total_wei, 6),
        "-" if yearly is None else format_eth(yearly, 0),
        "-" if fee is None else f"{format_gwei(fee.mean_wei, 3)} gwei",
        coverage_words(frame),
    )


def _print_one(frame: BurnFrame) -> None:
    from monitor.reports.burn import coverage_words

    bound = "" if frame.exact else "≥ "
    yearly = frame.per_year_wei(frame.total_wei)
    lines = [
        ("Frame", f"{frame.name}, to {utc(frame.end)}"),
        ("Blocks", f"{frame.totals.blocks:,} ({coverage_words(frame)})"),
        ("Base burn", f"{_eth(frame.totals.burn_wei, frame.totals.burn_unknown, None)} ETH"),
        ("Blob burn", f"{_eth(frame.totals.blob_burn_wei, frame.totals.blob_burn_unknown, None)} ETH"),
        ("Total burn", f"{bound}{format_eth(frame.total_wei)} ETH"),
        ("A year at this pace", "-" if yearly is None else f"{format_eth(yearly, 2)} ETH"),
        ("Base fee", _fee_words(frame.totals.base_fee)),
        ("Blob base fee", _fee_words(frame.totals.blob_fee)),
    ]
    for name, value in lines:
        console().print(f"{name:<20} {value}", highlight=False, markup=False)


def _fee_words(fee: FeeStats | None) -> str:
    if fee is None:
        return "-"
    return (
        f"min {format_gwei(fee.min_wei)} (block {fee.min_block:,})  mean {format_gwei(fee.mean_wei)}  "
        f"max {format_gwei(fee.max_wei)} gwei (block {fee.max_block:,})"
    )


def _eth(amount: int, unknown: int, places: int | None) -> str:
    return ("≥ " if unknown else "") + format_eth(amount, places)


def _print_series(parts: Sequence[BurnFrame], shape: str) -> None:
    if shape != "table":
        emit(EXACT_COLUMNS[1:], [_exact(part)[1:] for part in parts], shape)
        return
    rows = [(utc(part.start + 1), *_summary(part)[1:]) for part in parts]
    emit(
        ("from", "blocks", "base burn", "blob burn", "total ETH", "ETH a year", "base fee mean", "seen"),
        rows,
        "table",
    )


def _records(frames: Sequence[BurnFrame]) -> list[dict[str, Cell]]:
    return [dict(zip(EXACT_COLUMNS, _exact(frame), strict=True)) for frame in frames]


def _exact(frame: BurnFrame) -> tuple[Cell, ...]:
    from monitor.reports.burn import fee_columns

    totals, coverage = frame.totals, frame.coverage
    yearly = frame.per_year_wei(frame.total_wei)
    return (
        frame.name, utc(frame.start), utc(frame.end), coverage.first, coverage.last, totals.blocks,
        coverage.missing + coverage.maybe_missing, frame.exact,
        str(totals.burn_wei), str(totals.blob_burn_wei), str(frame.total_wei), totals.burn_unknown, totals.blob_burn_unknown,
        None if yearly is None else str(yearly),
        *_fee_cells(fee_columns(totals.base_fee)), *_fee_cells(fee_columns(totals.blob_fee)),
    )  # fmt: skip


def _fee_cells(
    columns: tuple[int | None, int | None, int | None, int | None, int | None],
) -> tuple[Cell, ...]:
    low, low_block, mean, high, high_block = columns
    return (_text(low), low_block, _text(mean), _text(high), high_block)


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)
