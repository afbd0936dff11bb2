"""`ethmon supply --blobs`: layer-2 offloading."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from monitor.cli.output import Cell
from monitor.cli.when import utc
from monitor.units import format_eth

if TYPE_CHECKING:
    from monitor.reports.offload import OffloadFrame

HEADINGS = (
    "frame", "blocks", "blobs", "of target", "blob burn", "base burn", "share by blobs", "ETH per blob",
    "blob fee at floor", "gas used", "seen",
)  # fmt: skip
COLUMNS = (
    "frame", "start", "end", "blocks", "missing_blocks", "blobs", "blob_target", "blob_burn_wei", "base_burn_wei",
    "blob_share_of_burn", "burn_per_blob_wei", "blocks_at_blob_floor", "blob_fee_mean_wei", "gas_used", "gas_limit",
    "gas_share_of_limit", "burn_unknown_blocks",
)  # fmt: skip
"""Of --json and --csv; shares are 0 to 1."""


def shown(one: OffloadFrame, name: str) -> tuple[Cell, ...]:
    """A line of the table."""
    from monitor.reports.burn import coverage_words

    found, frame = one.offload, one.burn
    bound = "≥ " if found.burn.unknown_base or found.burn.unknown_blob else ""
    at_floor = Decimal(found.at_blob_floor) / frame.totals.blocks if frame.totals.blocks else None
    per_blob = found.burn_per_blob_wei
    return (
        name,
        f"{frame.totals.blocks:,}",
        f"{found.blobs:,}",
        _percent(found.blob_fill),
        bound + format_eth(found.burn.blob_wei, 6),
        bound + format_eth(found.burn.base_wei, 6),
        _percent(found.blob_share),
        "-" if per_blob is None else format_eth(per_blob, 9),
        _percent(at_floor),
        _percent(found.gas_share),
        coverage_words(frame),
    )


def exact(one: OffloadFrame) -> tuple[Cell, ...]:
    """A row of `COLUMNS`."""
    found, frame = one.offload, one.burn
    coverage, fee = frame.coverage, frame.totals.blob_fee
    per_blob = found.burn_per_blob_wei
    return (
        frame.name, utc(frame.start), utc(frame.end), frame.totals.blocks, coverage.missing + coverage.maybe_missing,
        found.blobs, found.blob_target, str(found.burn.blob_wei), str(found.burn.base_wei), _share(found.blob_share),
        None if per_blob is None else str(per_blob), found.at_blob_floor, None if fee is None else str(fee.mean_wei),
        found.gas_used, found.gas_limit, _share(found.gas_share), max(found.burn.unknown_base, found.burn.unknown_blob),
    )  # fmt: skip


def _percent(share: Decimal | None) -> str:
    return "-" if share is None else f"{share * 100:.2f} %"


def _share(share: Decimal | None) -> str | None:
    return None if share is None else f"{share:.9f}"
