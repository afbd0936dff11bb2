"""Burn over time frames, ready to print: every figure of one view is at one block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.domain import BlockRef
from monitor.errors import StoreError
from monitor.store import frames as stored
from monitor.store import identity, ledger
from monitor.store.database import Database
from monitor.store.history import Coverage, FeeStats, Period, Totals, series
from monitor.supply import frames
from monitor.supply.burn import BurnTotal, per_year_wei
from monitor.supply.forks import CHAINS
from monitor.units import UnixTime, Wei


@dataclass(frozen=True, slots=True)
class BurnFrame:
    """What was burned in one frame, and how much of the frame was seen."""

    name: str
    start: UnixTime
    """Blocks later than this, up to and including `end`."""
    end: UnixTime
    totals: Totals
    coverage: Coverage
    seen_seconds: int
    """Length of the part of the frame in which blocks are stored; rates are over this."""

    @property
    def total_wei(self) -> Wei:
        """Base and blob burn; a lower bound where parts are not known."""
        return Wei(self.totals.burn_wei + self.totals.blob_burn_wei)

    @property
    def exact(self) -> bool:
        """Every block of the frame is stored and every burn in it is known."""
        return self.coverage.complete and not (self.totals.burn_unknown or self.totals.blob_burn_unknown)

    def per_year_wei(self, amount: Wei) -> Wei | None:
        """`amount` of this frame at the same pace for 365 days; None without a span to go by."""
        return per_year_wei(amount, self.seen_seconds) if self.seen_seconds > 0 else None


@dataclass(frozen=True, slots=True)
class BurnView:
    """Frames that all end at one block."""

    at: BlockRef
    frames: Sequence[BurnFrame]


def burn_view(db: Database, since: str | None) -> BurnView:
    """The standard frames, or the one that `since` names. Raises UsageError for nonsense."""
    with db.snapshot():
        head = _head(db)
        chain = CHAINS.get(identity.chain_id(db) or 0)
        wanted = (
            frames.standard(chain, head.timestamp)
            if since is None
            else [frames.parse(since, chain, head.timestamp)]
        )
        return BurnView(head, [_burn_frame(db, frame) for frame in wanted])


def burn_series(db: Database, since: str, by: Period) -> tuple[BurnFrame, ...]:
    """One frame per period of `since`."""
    with db.snapshot():
        head = _head(db)
        chain = CHAINS.get(identity.chain_id(db) or 0)
        whole = frames.parse(since, chain, head.timestamp)
        parts = series(db, UnixTime(whole.start + 1), UnixTime(whole.end + 1), by)
        return tuple(_part(db, part) for part in parts)


def burn_total(totals: Totals) -> BurnTotal:
    """Stored totals as the pure functions take them."""
    return BurnTotal(
        totals.burn_wei, totals.blob_burn_wei, totals.blocks, totals.burn_unknown, totals.blob_burn_unknown
    )


def coverage_words(frame: BurnFrame) -> str:
    """How much of a frame was seen, in a few words."""
    coverage = frame.coverage
    missing = coverage.missing + coverage.maybe_missing
    words: list[str] = []
    if coverage.starts_late and coverage.first is not None:
        words.append(f"from block {coverage.first:,}")
    if missing:
        words.append(f"{missing:,} missing")
    unknown = max(frame.totals.burn_unknown, frame.totals.blob_burn_unknown)
    if unknown:
        words.append(f"{unknown:,} in doubt")
    return ", ".join(words) or ("all" if coverage.first is not None else "none")


def fee_columns(fee: FeeStats | None) -> tuple[int | None, int | None, int | None, int | None, int | None]:
    """min, its block, mean, max, its block; all None where no block has the fee."""
    if fee is None:
        return (None, None, None, None, None)
    return (fee.min_wei, fee.min_block, fee.mean_wei, fee.max_wei, fee.max_block)


def _head(db: Database) -> BlockRef:
    head = ledger.cursor(db)
    if head is None:
        raise StoreError(f"ETHMON_DB: {db.path} holds no block yet. Start `ethmon run`, then ask again.")
    return head


def _burn_frame(db: Database, frame: frames.Frame) -> BurnFrame:
    found = stored.frame(db, UnixTime(frame.start + 1), UnixTime(frame.end + 1))
    return BurnFrame(
        frame.name,
        frame.start,
        frame.end,
        found.totals,
        found.coverage,
        _seen_seconds(db, found, frame.start),
    )


def _part(db: Database, part: stored.Frame) -> BurnFrame:
    assert part.start is not None
    assert part.end is not None
    start, end = UnixTime(part.start - 1), UnixTime(part.end - 1)
    return BurnFrame("", start, end, part.totals, part.coverage, _seen_seconds(db, part, start))


def _seen_seconds(db: Database, found: stored.Frame, start: UnixTime) -> int:
    """From the frame's start, or from the first stored block where the frame begins before it, to the last block."""
    first, last = found.coverage.first, found.coverage.last
    if first is None or last is None:
        return 0
    until = stored.time_of(db, last)
    # Before block 0 there was nothing to see: a young chain's rates are over its own age.
    since = stored.time_of(db, first) if found.coverage.starts_late or first == 0 else start
    return max(0, (until or 0) - (since or 0))
