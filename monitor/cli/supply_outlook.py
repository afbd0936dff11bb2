"""Lines and records of `ethmon supply` about the whole: total, peak, equilibrium, barrier, records."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from monitor.cli.when import utc
from monitor.units import format_eth, format_gwei

if TYPE_CHECKING:
    from monitor.reports.outlook import Outlook
    from monitor.reports.records import Records
    from monitor.reports.supply import SupplyView
    from monitor.store.records import Record
    from monitor.store.totals import FeeStats

Line = tuple[str, str]


def interval(low: int, high: int, places: int = 2, *, signed: bool = False) -> str:
    """One exact figure, or the middle with half the width, in ETH."""
    sign = "+" if signed and low + high >= 0 else ""
    if low == high:
        return f"{sign}{format_eth(low, max(places, 4))}"
    return f"{sign}{format_eth((low + high) // 2, places)} ±{format_eth((high - low + 1) // 2, places)}"


def percents(low: Decimal, high: Decimal) -> str:
    """A yearly growth: `+0.2312 %`, or the middle with half the width."""
    middle = f"{(low + high) / 2 * 100:+.3f} %"
    return middle if low == high else f"{middle} ±{(high - low) / 2 * 100:.3f}"


def outlook_lines(view: SupplyView) -> list[Line]:
    """What the standard view says below its table."""
    outlook = view.outlook
    return [
        ("Total supply", total_words(outlook)),
        *_uncounted_lines(outlook),
        ("Peak supply", _peak_words(outlook)),
        ("Equilibrium", _equilibrium_words(outlook)),
        ("Break-even base fee", _barrier_words(view)),
    ]


def total_words(outlook: Outlook) -> str:
    """`120,7xx,xxx.xx ETH ±200`, and what it starts from."""
    from monitor.supply.issuance import Unknown

    total = outlook.total
    if isinstance(total, Unknown):
        return f"not known: {total.cause}"
    anchor = total.anchor
    return (
        f"{interval(total.low_wei, total.high_wei)} ETH, from {format_eth(anchor.supply_wei, 2)} ETH "
        f"±{format_eth(anchor.slack_wei, 2)} after block {anchor.block:,} ({anchor.source})"
    )


def _uncounted_lines(outlook: Outlook) -> list[Line]:
    from monitor.supply.issuance import Unknown

    if isinstance(outlook.total, Unknown):
        return []
    return [("  not counted", one.what) for one in outlook.total.uncounted]


def _peak_words(outlook: Outlook) -> str:
    from monitor.supply.barrier import AtPeak, BackIn
    from monitor.supply.issuance import Unknown

    peak = outlook.peak
    if isinstance(peak, Unknown):
        return f"not known: {peak.cause}"
    highest = f"{format_eth(peak.supply_wei, 2)} ETH on {utc(peak.time)[:10]}"
    if isinstance(peak.reached, AtPeak):
        return f"now: supply has never been higher since the anchor ({highest})"
    if isinstance(peak.reached, BackIn):
        return f"{highest}; back there in {_days(peak.reached.seconds)} at the pace of {_pace(outlook)}"
    return f"{highest}; supply does not grow at the pace of {_pace(outlook)}"


def _equilibrium_words(outlook: Outlook) -> str:
    from monitor.supply.issuance import Unknown

    found = outlook.equilibrium
    if isinstance(found, Unknown):
        return f"not known: {found.cause}"
    words = f"{format_eth(found.supply_wei, 0)} ETH, if stake stays and {found.burn_share * 100:.2f} % of the rest burns a year as in {_pace(outlook)}"
    if outlook.base_wei is not None:
        words += f"; in 10 years {format_eth(found.after(outlook.base_wei, Decimal(10)), 0)} ETH"
    return words


def _barrier_words(view: SupplyView) -> str:
    if view.barrier is None or view.barrier.base_with_blobs is None:
        return "not known: issuance of the last 24 hours, its blocks or the blob schedule are missing"
    alone, both = view.barrier.base_alone, view.barrier.base_with_blobs
    words = f"{format_gwei(both, 3)} gwei with blobs"
    words += f", {format_gwei(alone, 3)} gwei without" if alone is not None else ""
    words += f"; blobs alone {format_gwei(view.barrier.blob_alone, 3)} gwei"
    if view.streak is None:
        return words
    from monitor.reports.supply import STREAK_BLOCKS

    side = "above" if view.streak.above else "below"
    least = "at least " if view.streak.blocks == STREAK_BLOCKS else ""
    return f"{words}; {side} it for {least}{view.streak.blocks:,} blocks, since {utc(view.streak.since)}"


def _pace(outlook: Outlook) -> str:
    return outlook.pace.burn.name if outlook.pace is not None else "-"


def _days(seconds: int) -> str:
    days = seconds // 86_400
    return f"{days / 365:.1f} years" if days > 730 else f"{days:,} days"


def outlook_record(view: SupplyView) -> dict[str, Any]:
    """The same for --json: exact amounts as strings, what is not known as null with its cause."""
    outlook, barrier, streak = view.outlook, view.barrier, view.streak
    return {
        "total_supply": _total_record(outlook),
        "peak": _peak_record(outlook),
        "equilibrium": _equilibrium_record(outlook),
        "pace": outlook.pace.burn.name if outlook.pace is not None else None,
        "barrier": None
        if barrier is None
        else {
            "base_fee_wei": _text(barrier.base_with_blobs),
            "base_fee_without_blobs_wei": _text(barrier.base_alone),
            "blob_fee_alone_wei": _text(barrier.blob_alone),
        },
        "streak": None
        if streak is None
        else {
            "above": streak.above,
            "blocks": streak.blocks,
            "since_block": streak.since_block,
            "since": utc(streak.since),
        },
    }


OUTLOOK_COLUMNS = (
    "total_supply_low_wei", "total_supply_high_wei", "total_supply_unknown",
    "peak_supply_wei", "peak_day", "peak_back_in_seconds", "equilibrium_supply_wei",
    "barrier_base_fee_wei",
)  # fmt: skip
"""Of --csv, after the columns of a frame: the whole at the view's block, the same in every row."""


def outlook_cells(view: SupplyView) -> tuple[str | int | None, ...]:
    """A row of `OUTLOOK_COLUMNS`."""
    found = outlook_record(view)
    total, peak, barrier = found["total_supply"], found["peak"], found["barrier"]
    return (
        total["low_wei"], total["high_wei"], total["unknown"],
        peak["supply_wei"], peak.get("day"), peak.get("back_in_seconds"), found["equilibrium"]["supply_wei"],
        None if barrier is None else barrier["base_fee_wei"],
    )  # fmt: skip


def _total_record(outlook: Outlook) -> dict[str, Any]:
    from monitor.supply.issuance import Unknown

    total = outlook.total
    if isinstance(total, Unknown):
        return {"low_wei": None, "high_wei": None, "unknown": total.cause}
    return {
        "low_wei": str(total.low_wei),
        "high_wei": str(total.high_wei),
        "unknown": "",
        "anchor_wei": str(total.anchor.supply_wei),
        "anchor_slack_wei": str(total.anchor.slack_wei),
        "anchor_block": total.anchor.block,
        "anchor_source": total.anchor.source,
        "burned_since_wei": str(total.burn.known_wei),
        "not_counted": [{"what": one.what, "at_most_wei": _text(one.at_most_wei)} for one in total.uncounted],
    }


def _peak_record(outlook: Outlook) -> dict[str, Any]:
    from monitor.supply.barrier import AtPeak, BackIn
    from monitor.supply.issuance import Unknown

    peak = outlook.peak
    if isinstance(peak, Unknown):
        return {"supply_wei": None, "unknown": peak.cause}
    back = peak.reached.seconds if isinstance(peak.reached, BackIn) else None
    return {
        "supply_wei": str(peak.supply_wei),
        "unknown": "",
        "day": utc(peak.time)[:10],
        "is_now": isinstance(peak.reached, AtPeak),
        "back_in_seconds": back,
    }


def _equilibrium_record(outlook: Outlook) -> dict[str, Any]:
    from monitor.supply.issuance import Unknown

    found = outlook.equilibrium
    if isinstance(found, Unknown):
        return {"supply_wei": None, "unknown": found.cause}
    return {
        "supply_wei": str(found.supply_wei),
        "unknown": "",
        "burn_share_per_year": f"{found.burn_share:.6f}",
    }


RECORD_COLUMNS = ("record", "value", "unit", "first_block", "last_block", "from", "to")
"""Of `ethmon supply --records`; burn in wei, fees in wei per gas."""


def record_rows(found: Records) -> list[tuple[str | int | None, ...]]:
    """One row a record; one that there is not yet is left out."""
    rows: list[tuple[str | int | None, ...]] = []
    for name, one in (("a block", found.block), ("an hour", found.hour), ("a day", found.day)):
        if one is not None:
            rows.append(_burn_row(f"most burned in {name}", one))
    for name, fee in (("base fee", found.base_fee), ("blob base fee", found.blob_fee)):
        rows += _fee_rows(name, fee)
    return rows


def _burn_row(name: str, one: Record) -> tuple[str | int | None, ...]:
    return (name, str(one.burned_wei), "wei", one.first_block, one.last_block, utc(one.start), utc(one.end))


def _fee_rows(name: str, fee: FeeStats | None) -> list[tuple[str | int | None, ...]]:
    if fee is None:
        return []
    ends = (("highest", fee.max_wei, fee.max_block), ("lowest", fee.min_wei, fee.min_block))
    return [(f"{which} {name}", str(wei), "wei per gas", at, at, None, None) for which, wei, at in ends]


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)
