"""`ethmon supply --reconcile`: ours against every other source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.cli.output import Cell, console, emit
from monitor.errors import ConfigError, UsageError
from monitor.units import format_eth

if TYPE_CHECKING:
    from monitor.config import Settings
    from monitor.reports.reconcile import Comparison
    from monitor.store.database import Database
    from monitor.units import BlockNumber

HEADINGS = (
    "source",
    "what",
    "blocks",
    "compared",
    "ours",
    "theirs",
    "difference, wei",
    "blocks that differ",
    "note",
)
COLUMNS = (
    "source", "what", "first_block", "last_block", "compared", "ours_low_wei", "ours_high_wei", "theirs_wei",
    "difference_wei", "agrees", "differing_blocks", "first_differing_block", "note",
)  # fmt: skip
"""Of --json and --csv."""


def reconciled(
    db: Database, settings: Settings, since: str, tracer: Path | None, node: str | None
) -> list[Comparison]:
    """Every comparison that the options and settings ask for. Raises UsageError, StoreError."""
    from monitor.reports import reconcile
    from monitor.reports.burn import burn_view
    from monitor.reports.tracer_files import tracer_rows

    (frame,) = burn_view(db, since).frames
    found = reconcile.against_beacon(db, settings.stake, frame.start, frame.end)
    first, last = frame.coverage.first, frame.coverage.last
    if first is None or last is None:
        raise UsageError(
            f"--since {since}: no block of it is stored. `ethmon backfill --from {since}` reads them."
        )
    if tracer is not None:
        found += reconcile.against_tracer(db, tracer_rows(tracer, first, last), first, last)
    if node is not None:
        found += _against_node(db, settings, node, first, last)
    return found


def _against_node(
    db: Database, settings: Settings, url: str, first: BlockNumber, last: BlockNumber
) -> list[Comparison]:
    from monitor.chain.bulk import block_reader
    from monitor.chain.clock import SystemClock
    from monitor.chain.connect import connect
    from monitor.reports.reconcile import against_node
    from monitor.store import identity

    try:
        source = connect(replace(settings, eth_rpc_urls=(url,)), SystemClock(), identity.chain_id(db))
    except ConfigError as error:
        raise UsageError(f"--node: {error.problem} {error.fix}") from None
    try:
        return against_node(db, block_reader(source, source.blob_fee), "second node", first, last)
    finally:
        source.close()


def print_reconciled(found: Sequence[Comparison], shape: str) -> bool:
    """Print; whether everything that was compared agrees."""
    if shape != "table":
        emit(COLUMNS, [_exact(one) for one in found], shape)
    else:
        emit(HEADINGS, [_shown(one) for one in found], "table")
        compared = [one for one in found if one.difference_wei is not None]
        wrong = sum(not one.agrees for one in compared)
        words = (
            "Nothing could be compared." if not compared else f"{len(compared)} compared, {wrong} disagree."
        )
        console().print(f"\n{words}", highlight=False, markup=False)
    return all(one.agrees for one in found if one.difference_wei is not None)


def _shown(one: Comparison) -> tuple[Cell, ...]:
    from monitor.cli.supply_outlook import interval

    ours = "-"
    if one.ours_low_wei is not None and one.ours_high_wei is not None:
        exact = one.ours_low_wei == one.ours_high_wei
        ours = format_eth(one.ours_low_wei) if exact else interval(one.ours_low_wei, one.ours_high_wei)
    where = "-" if one.first is None else f"{one.first:,} to {one.last:,}"
    differs = f"{len(one.differing):,}, first {one.differing[0]:,}" if one.differing else "none"
    return (
        one.source, one.what, where, f"{one.compared:,}", ours,
        "-" if one.theirs_wei is None else format_eth(one.theirs_wei),
        "not compared" if one.difference_wei is None else f"{one.difference_wei:,}",
        differs if one.difference_wei is not None else "-", one.note,
    )  # fmt: skip


def _exact(one: Comparison) -> tuple[Cell, ...]:
    return (
        one.source, one.what, one.first, one.last, one.compared, _text(one.ours_low_wei), _text(one.ours_high_wei),
        _text(one.theirs_wei), _text(one.difference_wei), one.agrees if one.difference_wei is not None else None,
        len(one.differing), one.differing[0] if one.differing else None, one.note,
    )  # fmt: skip


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)
