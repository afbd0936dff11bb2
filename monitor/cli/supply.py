"""`ethmon supply`: burn, issuance, net change and fees over time frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from monitor.cli import App
from monitor.cli.output import Cell, as_json, console, emit, table_options
from monitor.cli.when import utc
from monitor.units import format_eth, format_gwei

if TYPE_CHECKING:
    from monitor.reports.burn import BurnFrame
    from monitor.reports.supply import SupplyFrame, SupplyView
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
    """Burn, issuance and net change over any time frame; burn is exact to the wei.

    A frame in which blocks are missing says so: its burn is then a lower bound, marked with ≥. Issuance is
    measured where BEACON_URLS is set, else an estimate, with its interval and what it rests on.
    """
    from monitor.reports.burn import burn_series
    from monitor.reports.supply import supply_view
    from monitor.store.database import open_reader
    from monitor.store.history import Period

    with open_reader(app.settings.db) as db:
        if by is not None:
            parts = burn_series(db, since or "30d", Period(by))
            _print_series(parts, shape)
            return
        view = supply_view(db, since, app.settings.stake)
    if shape == "json":
        click.echo(as_json(_view_record(view)))
    elif shape == "csv":
        emit(
            EXACT_COLUMNS + ISSUANCE_COLUMNS, [_exact(one.burn) + _issued(one) for one in view.frames], shape
        )
    else:
        _print_view(view)


def _view_record(view: SupplyView) -> dict[str, object]:
    columns = EXACT_COLUMNS + ISSUANCE_COLUMNS
    return {
        "block": view.at.number,
        "hash": view.at.hash,
        "time": utc(view.at.timestamp),
        "frames": [dict(zip(columns, _exact(one.burn) + _issued(one), strict=True)) for one in view.frames],
    }


def _print_view(view: SupplyView) -> None:
    head = f"Block {view.at.number:,}  {view.at.hash}  {utc(view.at.timestamp)}\n"
    console().print(head, highlight=False, markup=False)
    if len(view.frames) == 1:
        _print_one(view.frames[0])
        return
    burns = [frame.burn for frame in view.frames]
    shown = [one for one in view.frames if one.burn.totals.blocks and not _same_as_shorter(one.burn, burns)]
    emit(HEADINGS, [_summary(one.burn) + _net_cells(one) for one in shown], "table")
    for text in _footnotes(view):
        console().print(text, highlight=False, markup=False)


def _footnotes(view: SupplyView) -> list[str]:
    from monitor.reports.supply import method_words

    found = [""]
    shown = [one for one in view.frames if one.burn.totals.blocks]
    found += [f"Issuance ({one.burn.name}): {method_words(one.issuance)}" for one in shown[:1]]
    if view.barrier is not None and view.barrier.base_with_blobs is not None:
        side = (
            ""
            if view.streak is None
            else f"; {'above' if view.streak.above else 'below'} it for {view.streak.blocks:,} blocks"
        )
        found.append(f"Break-even base fee: {format_gwei(view.barrier.base_with_blobs, 3)} gwei{side}")
    return found


def _same_as_shorter(frame: BurnFrame, frames: Sequence[BurnFrame]) -> bool:
    """A frame that begins before the first stored block repeats the shorter one: it says nothing new."""
    earlier = [one for one in frames[: list(frames).index(frame)] if _reaches_back(one)]
    return _reaches_back(frame) and bool(earlier)


def _reaches_back(frame: BurnFrame) -> bool:
    return frame.coverage.starts_late or frame.coverage.first == 0


HEADINGS = (
    "frame", "blocks", "base burn", "blob burn", "total ETH", "ETH a year", "base fee mean", "seen", "issued", "net",
)  # fmt: skip
ISSUANCE_COLUMNS = (
    "issuance_low_gwei", "issuance_high_gwei", "issuance_method", "net_low_wei", "net_high_wei", "net_unknown",
    "hours_of_issuance_burned",
)  # fmt: skip


def _net_cells(one: SupplyFrame) -> tuple[Cell, ...]:
    from monitor.supply.issuance import Unknown

    issued = "not known" if isinstance(one.issuance, Unknown) else _interval(*_gwei_bounds(one))
    net = (
        "not known"
        if isinstance(one.net, Unknown)
        else _interval(one.net.low_wei, one.net.high_wei, signed=True)
    )
    return (issued, net)


def _gwei_bounds(one: SupplyFrame) -> tuple[int, int]:
    from monitor.supply.issuance import Unknown, bounds_gwei

    assert not isinstance(one.issuance, Unknown)
    low, high = bounds_gwei(one.issuance)
    return low * 10**9, high * 10**9


def _interval(low: int, high: int, *, signed: bool = False) -> str:
    """One exact figure, or the middle with half the width."""
    sign = "+" if signed and low >= 0 else ""
    if low == high:
        return f"{sign}{format_eth(low, 4)}"
    sign = "+" if signed and low + high >= 0 else ""
    return f"{sign}{format_eth((low + high) // 2, 2)} ±{format_eth((high - low + 1) // 2, 2)}"


def _issued(one: SupplyFrame) -> tuple[Cell, ...]:
    from monitor.reports.supply import method_words
    from monitor.supply.issuance import Unknown, bounds_gwei

    low, high = (None, None) if isinstance(one.issuance, Unknown) else bounds_gwei(one.issuance)
    net = (
        (None, None, one.net.cause)
        if isinstance(one.net, Unknown)
        else (str(one.net.low_wei), str(one.net.high_wei), "")
    )
    hours = None if one.hours_burned is None else f"{one.hours_burned:.2f}"
    return (_text(low), _text(high), method_words(one.issuance), *net, hours)


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


def _print_one(one: SupplyFrame) -> None:
    from monitor.reports.burn import coverage_words
    from monitor.reports.supply import method_words

    frame = one.burn
    issued, net = _net_cells(one)
    unknown = getattr(one.net, "cause", "")
    bound = "" if frame.exact else "≥ "
    yearly = frame.per_year_wei(frame.total_wei)
    lines = [
        ("Frame", f"{frame.name}, to {utc(frame.end)}"),
        ("Blocks", f"{frame.totals.blocks:,} ({coverage_words(frame)})"),
        ("Base burn", f"{_eth(frame.totals.burn_wei, frame.totals.burn_unknown, None)} ETH"),
        ("Blob burn", f"{_eth(frame.totals.blob_burn_wei, frame.totals.blob_burn_unknown, None)} ETH"),
        ("Total burn", f"{bound}{format_eth(frame.total_wei)} ETH"),
        ("A year at this pace", "-" if yearly is None else f"{format_eth(yearly, 2)} ETH"),
        (
            "Issuance",
            f"{issued} ETH: {method_words(one.issuance)}"
            if issued != "not known"
            else f"not known: {method_words(one.issuance)}",
        ),
        ("Net change", f"{net} ETH" if net != "not known" else f"not known: {unknown}"),
        ("Issuance burned", "-" if one.hours_burned is None else f"{one.hours_burned:,.1f} hours' worth"),
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
