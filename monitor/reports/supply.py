"""Burn, issuance and net change over time frames; each issuance figure says how it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from monitor.domain import BlockRef
from monitor.issued import IssuanceSource
from monitor.reports.burn import BurnFrame, burn_series, burn_total, burn_view
from monitor.reports.outlook import PACES, Outlook, outlook
from monitor.reports.supply_frame import SupplyFrame
from monitor.store import history, identity
from monitor.store.database import Database
from monitor.store.history import Period
from monitor.supply.barrier import Barrier, Streak, barrier, streak
from monitor.supply.blobs import schedule_at
from monitor.supply.forks import CHAINS, MAINNET
from monitor.supply.issuance import (
    Issuance,
    Measured,
    Method,
    Unknown,
    bounds_gwei,
)
from monitor.supply.total import NetChange, net_change
from monitor.units import SECONDS_PER_DAY, WEI_PER_GWEI

STREAK_BLOCKS = 5_000
"""As far back as a streak is looked for: about 17 hours."""


@dataclass(frozen=True, slots=True)
class SupplyView:
    """All figures at one block."""

    at: BlockRef
    frames: Sequence[SupplyFrame]
    barrier: Barrier | None
    """Break-even fees at the issuance of the last day; None where that is not known."""
    streak: Streak | None
    outlook: Outlook


def supply_view(
    db: Database,
    since: str | None,
    stake: tuple[int, int] | None,
    anchor: tuple[int, int, int] | None = None,
) -> SupplyView:
    """The frames of `ethmon supply`. `stake` is ETHMON_STAKE, `anchor` ETHMON_SUPPLY_ANCHOR.

    Raises UsageError, StoreError.
    """
    with db.snapshot():
        view = burn_view(db, since)
        source = IssuanceSource(db, stake)
        frames = [_supply_frame(frame, source) for frame in view.frames]
        day = _supply_frame(burn_view(db, "24h").frames[0], source)
        fence = _barrier(db, day, view.at)
        run = None
        if fence is not None and fence.base_with_blobs is not None:
            run = streak(history.recent_blocks(db, STREAK_BLOCKS), fence.base_with_blobs)
        paces = [_supply_frame(burn_view(db, name).frames[0], source) for name in PACES]
        return SupplyView(view.at, frames, fence, run, outlook(db, source, view.at, anchor, paces))


def supply_series(
    db: Database, since: str, by: Period, stake: tuple[int, int] | None
) -> tuple[SupplyFrame, ...]:
    """One frame per period of `since`, without the second estimate. Raises UsageError, StoreError.

    That one counts a quarter of payouts anew for every end: minutes for a year of days.
    """
    unasked = Unknown("asked of whole frames only")
    with db.snapshot():
        source = IssuanceSource(db, stake)
        parts = burn_series(db, since, by)
        return tuple(SupplyFrame(part, *net_of(part, source), unasked) for part in parts)


def _supply_frame(frame: BurnFrame, source: IssuanceSource) -> SupplyFrame:
    issued, net = net_of(frame, source)
    return SupplyFrame(frame, issued, net, source.by_sweep(frame.start, frame.end))


def net_of(frame: BurnFrame, source: IssuanceSource) -> tuple[Issuance, NetChange | Unknown]:
    """What was issued in a frame, and what that leaves after its burn."""
    issued = source.issued(frame.start, frame.end, before_merge=True)
    if not frame.coverage.complete:
        return issued, Unknown("blocks of the frame are missing")
    rewards = source.pow_wei(frame.coverage.first, frame.coverage.last)
    return issued, net_change(issued, burn_total(frame.totals), rewards)


def _barrier(db: Database, day: SupplyFrame, at: BlockRef) -> Barrier | None:
    totals = day.burn.totals
    schedules = (CHAINS.get(identity.chain_id(db) or 0) or MAINNET).schedules
    schedule = schedule_at(schedules, at.timestamp)
    if isinstance(day.issuance, Unknown) or not totals.blocks or schedule is None:
        return None
    low, high = bounds_gwei(day.issuance)
    issued_wei = (low + high) * WEI_PER_GWEI // 2
    return barrier(
        issued_wei // totals.blocks,
        totals.gas_used // totals.blocks,
        totals.blob_gas_used // totals.blocks,
        schedule,
    )


def method_words(issued: Issuance) -> str:
    """`measured`, `estimated ±1.2 % (anchor, age)`, or the cause."""
    if isinstance(issued, Measured):
        return "measured"
    if isinstance(issued, Unknown):
        return issued.cause
    middle = issued.middle_gwei
    share = f" ±{Decimal(issued.spread_gwei) * 100 / abs(middle):.1f} %" if middle else ""
    if issued.method is Method.INTERPOLATED:
        return f"measured{share}: {issued.assumption}"
    return f"estimated{share} by {issued.method.value}: {issued.anchor}, {issued.anchor_age_s // SECONDS_PER_DAY} d old"
