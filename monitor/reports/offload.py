"""Layer-2 offloading over time frames, from rollups: who fills blocks, and who pays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from monitor.domain import BlobSchedule, BlockRef
from monitor.reports.burn import BurnFrame, burn_series, burn_total, burn_view
from monitor.store import frames, identity
from monitor.store.database import Database
from monitor.store.floor import blocks_at_floor
from monitor.store.periods import Period
from monitor.supply.blobs import GAS_PER_BLOB
from monitor.supply.forks import CHAINS, MAINNET
from monitor.supply.offload import Offload
from monitor.units import UnixTime


@dataclass(frozen=True, slots=True)
class OffloadFrame:
    """One frame: its burn and coverage, and what blobs did in it."""

    burn: BurnFrame
    offload: Offload


@dataclass(frozen=True, slots=True)
class OffloadView:
    """Frames that all end at one block."""

    at: BlockRef
    frames: Sequence[OffloadFrame]


def offload_view(db: Database, since: str | None) -> OffloadView:
    """The standard frames, or the one that `since` names. Raises UsageError, StoreError."""
    with db.snapshot():
        view = burn_view(db, since)
        return OffloadView(view.at, [_frame(db, frame) for frame in view.frames])


def offload_series(db: Database, since: str, by: Period) -> list[OffloadFrame]:
    """One frame per period of `since`."""
    with db.snapshot():
        return [_frame(db, part) for part in burn_series(db, since, by)]


def _frame(db: Database, frame: BurnFrame) -> OffloadFrame:
    totals, coverage = frame.totals, frame.coverage
    floor = 0
    if coverage.first is not None and coverage.last is not None:
        floor = blocks_at_floor(db, coverage.first, coverage.last)
    burn = burn_total(totals)
    blobs = totals.blob_gas_used // GAS_PER_BLOB
    target = sum(_targets(db, frame))
    return OffloadFrame(frame, Offload(burn, totals.gas_used, totals.gas_limit, blobs, target, floor))


def _targets(db: Database, frame: BurnFrame) -> Iterator[int]:
    """Blobs aimed at, of each schedule's blocks in the frame."""
    schedules = (CHAINS.get(identity.chain_id(db) or 0) or MAINNET).schedules
    for schedule, until in _spans(schedules, frame.end):
        start = max(schedule.activation_time, UnixTime(frame.start + 1))
        if start < until:
            yield schedule.target * frames.frame(db, UnixTime(start), UnixTime(until)).totals.blocks


def _spans(schedules: Sequence[BlobSchedule], end: UnixTime) -> Iterator[tuple[BlobSchedule, UnixTime]]:
    """Each schedule, and when it ends or the frame does: the first second after."""
    after = UnixTime(end + 1)
    for schedule, following in pairwise((*schedules, None)):
        assert schedule is not None
        yield schedule, min(after, following.activation_time) if following else after
