"""Cells of `ethmon supply`: one time frame as a line, as exact columns, or in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.cli.output import Cell, console
from monitor.cli.supply_outlook import interval, outlook_lines, percents
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
HEADINGS = (
    "frame", "blocks", "base burn", "blob burn", "total ETH", "ETH a year", "base fee mean", "seen", "issued",
    "net", "growth a year",
)  # fmt: skip
ISSUANCE_COLUMNS = (
    "issuance_low_gwei", "issuance_high_gwei", "issuance_method", "net_low_wei", "net_high_wei", "net_unknown",
    "hours_of_issuance_burned", "issuance_low_wei_per_year", "issuance_high_wei_per_year", "net_low_wei_per_year",
    "net_high_wei_per_year", "growth_low_per_year", "growth_high_per_year",
    "issuance_by_sweep_low_gwei", "issuance_by_sweep_high_gwei", "issuance_by_sweep_unknown",
)  # fmt: skip


def growth_words(one: SupplyFrame, view: SupplyView) -> str:
    """Yearly growth in per cent."""
    base = view.outlook.base_wei
    bounds = None if base is None else one.growth(base)
    return "not known" if bounds is None else percents(*bounds)


def net_cells(one: SupplyFrame) -> tuple[str, str]:
    """Issued and net, in ETH."""
    from monitor.supply.issuance import Unknown

    issued = "not known" if isinstance(one.issuance, Unknown) else _issued_interval(one)
    net = (
        "not known"
        if isinstance(one.net, Unknown)
        else interval(one.net.low_wei, one.net.high_wei, signed=True)
    )
    return (issued, net)


def _issued_interval(one: SupplyFrame) -> str:
    from monitor.supply.issuance import Unknown, bounds_gwei

    assert not isinstance(one.issuance, Unknown)
    low, high = bounds_gwei(one.issuance)
    return interval(low * 10**9, high * 10**9)


def issuance_cells(one: SupplyFrame, view: SupplyView) -> tuple[Cell, ...]:
    """A row of `ISSUANCE_COLUMNS`."""
    from monitor.reports.supply import method_words
    from monitor.supply.issuance import Unknown, bounds_gwei

    low, high = (None, None) if isinstance(one.issuance, Unknown) else bounds_gwei(one.issuance)
    net = (
        (None, None, one.net.cause)
        if isinstance(one.net, Unknown)
        else (str(one.net.low_wei), str(one.net.high_wei), "")
    )
    hours = None if one.hours_burned is None else f"{one.hours_burned:.2f}"
    base = view.outlook.base_wei
    growth = (one.growth(base) if base is not None else None) or (None, None)
    return (
        _text(low), _text(high), method_words(one.issuance), *net, hours,
        *(_text(amount) for amount in one.issued_per_year_wei or (None, None)),
        *(_text(amount) for amount in one.net_per_year_wei or (None, None)),
        *(None if share is None else f"{share:.9f}" for share in growth),
        *_second_cells(one),
    )  # fmt: skip


def _second_cells(one: SupplyFrame) -> tuple[Cell, ...]:
    from monitor.supply.issuance import Unknown

    second = one.second
    if isinstance(second, Unknown):
        return (None, None, second.cause)
    return (_text(second.low_gwei), _text(second.high_gwei), "")


def burn_cells(frame: BurnFrame) -> tuple[Cell, ...]:
    """The burn of a frame as a line of the table."""
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


def print_one(one: SupplyFrame, view: SupplyView) -> None:
    """One frame in full, and the whole."""
    from monitor.reports.burn import coverage_words
    from monitor.reports.supply import method_words

    frame = one.burn
    issued, net = net_cells(one)
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
        ("By the sweep", _second_words(one)),
        ("Net change", f"{net} ETH" if net != "not known" else f"not known: {unknown}"),
        ("Growth a year", _rate_words(one, view)),
        (
            "Issuance burned",
            "-" if one.hours_burned is None else f"{bound}{one.hours_burned:,.1f} hours' worth",
        ),
        ("Base fee", _fee_words(frame.totals.base_fee)),
        ("Blob base fee", _fee_words(frame.totals.blob_fee)),
        *outlook_lines(view),
    ]
    for name, value in lines:
        console().print(f"{name:<20} {value}", highlight=False, markup=False)


def _second_words(one: SupplyFrame) -> str:
    from monitor.supply.issuance import Unknown

    second = one.second
    if isinstance(second, Unknown):
        return f"not known: {second.cause}"
    return f"{interval(second.low_gwei * 10**9, second.high_gwei * 10**9)} ETH: {second.anchor}; {second.assumption}"


def _rate_words(one: SupplyFrame, view: SupplyView) -> str:
    rate = one.net_per_year_wei
    if rate is None or view.outlook.base_wei is None:
        return "not known"
    return f"{interval(*rate, signed=True)} ETH, {growth_words(one, view)} {view.outlook.base_label}"


def _fee_words(fee: FeeStats | None) -> str:
    if fee is None:
        return "-"
    return (
        f"min {format_gwei(fee.min_wei)} (block {fee.min_block:,})  mean {format_gwei(fee.mean_wei)}  "
        f"max {format_gwei(fee.max_wei)} gwei (block {fee.max_block:,})"
    )


def _eth(amount: int, unknown: int, places: int | None) -> str:
    return ("≥ " if unknown else "") + format_eth(amount, places)


def exact_cells(frame: BurnFrame) -> tuple[Cell, ...]:
    """A row of `EXACT_COLUMNS`."""
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
