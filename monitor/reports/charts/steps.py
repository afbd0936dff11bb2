"""Burn, fees and net change cut into steps, as exact integers: what the charts draw and the tests compare."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from monitor.domain import BlockRef
from monitor.errors import UsageError
from monitor.issued import IssuanceSource
from monitor.reports.burn import BurnFrame, burn_series, burn_view
from monitor.store.database import Database
from monitor.store.history import FeeStats, Period
from monitor.supply.burn import BurnTotal
from monitor.supply.issuance import Issuance, Unknown
from monitor.supply.total import NetChange, net_change
from monitor.units import SECONDS_PER_DAY, BlockNumber, UnixTime, Wei, ceil_div, join_wei

BLOCKS_EACH = 400
"""Up to so many blocks each is a step of its own."""
_LONGEST = ((Period.HOUR, 8 * SECONDS_PER_DAY), (Period.DAY, 800 * SECONDS_PER_DAY))
_SLOT_S = 12
MOST_TOTALS = 90
"""Running totals that a picture has room for; an estimate over months is dear."""


class Fees(NamedTuple):
    """A fee over the blocks of a step."""

    low: Wei
    mean: Wei
    high: Wei


class Step(NamedTuple):
    """The blocks later than `start`, up to and including `end`. Without blocks: a hole."""

    start: UnixTime
    end: UnixTime
    blocks: int
    missing: int
    unknown: int
    """Blocks that are stored but whose burn is not known; the sums leave them out."""
    burn_wei: Wei
    blob_burn_wei: Wei
    base_fee: Fees | None
    blob_fee: Fees | None
    exact: bool
    """Every block of the step is stored and every burn in it known: else the sums are lower bounds."""
    first: BlockNumber | None = None
    last: BlockNumber | None = None
    """The lowest and the highest block; None where there is none."""

    @property
    def total_wei(self) -> Wei:
        """Base and blob burn."""
        return Wei(self.burn_wei + self.blob_burn_wei)


@dataclass(frozen=True, slots=True)
class Steps:
    """A frame in steps, all at one block."""

    at: BlockRef
    whole: BurnFrame
    by: str
    """block, hour, day or month."""
    steps: Sequence[Step]

    @property
    def holes(self) -> Sequence[Step]:
        """Stretches in which nothing is stored."""
        return [step for step in self.steps if not step.blocks]


class NetStep(NamedTuple):
    """Both sides of the ledger: of one step, and of all from the first to it."""

    step: Step
    issued: Issuance
    net: NetChange | Unknown
    so_far: NetChange | Unknown | None
    """None: not asked for here (see `MOST_TOTALS`); known as its neighbours are."""


def steps(db: Database, since: str) -> Steps:
    """The frame that `since` names, in steps as fine as a picture can show. Raises UsageError, StoreError."""
    with db.snapshot():
        view = burn_view(db, since)
        whole = view.frames[0]
        if whole.coverage.first is None or whole.coverage.last is None:
            raise UsageError(f"No block of {since} is stored. `ethmon backfill --from {since}` reads them.")
        if whole.coverage.last - whole.coverage.first < BLOCKS_EACH:
            return Steps(view.at, whole, "block", list(_block_steps(_rows(db, whole), whole)))
        by = next((by for by, most in _LONGEST if whole.seen_seconds <= most), Period.MONTH)
        return Steps(view.at, whole, by.value, [_step(part) for part in burn_series(db, since, by)])


def net_steps(db: Database, found: Steps, stake: tuple[int, int] | None) -> list[NetStep]:
    """Issuance and net change by step. What follows a hole has no running total: it is not known."""
    with db.snapshot():
        source = IssuanceSource(db, stake)
        return list(_net_steps(source, _from_first_whole(found.steps)))


def _net_steps(source: IssuanceSource, parts: Sequence[Step]) -> Iterator[NetStep]:
    broken, so_far, mined = "", BurnTotal(Wei(0), Wei(0), 0, 0, 0), Wei(0)
    every = ceil_div(len(parts), MOST_TOTALS)
    for index, step in enumerate(parts):
        issued = source.issued(step.start, step.end, before_merge=True)
        if not step.exact:
            broken = broken or "blocks are missing before this"
            yield NetStep(step, issued, Unknown("blocks of the step are missing"), Unknown(broken))
            continue
        burned = BurnTotal(step.burn_wei, step.blob_burn_wei, step.blocks, 0, 0)
        rewards = source.pow_wei(step.first, step.last)
        so_far += burned
        mined = None if mined is None or rewards is None else Wei(mined + rewards)
        running = Unknown(broken) if broken else None
        ends = index + 1 == len(parts) or not parts[index + 1].exact
        if running is None and (ends or index % every == every - 1):
            running = net_change(source.issued(parts[0].start, step.end, before_merge=True), so_far, mined)
        yield NetStep(step, issued, net_change(issued, burned, rewards), running)


def _from_first_whole(parts: Sequence[Step]) -> Sequence[Step]:
    """Without the beginning that was only partly seen: a running total needs a first moment."""
    first = next((index for index, step in enumerate(parts) if step.exact), len(parts))
    return parts[first:]


def _step(part: BurnFrame) -> Step:
    totals, coverage = part.totals, part.coverage
    return Step(
        part.start, part.end, totals.blocks, coverage.missing + coverage.maybe_missing,
        max(totals.burn_unknown, totals.blob_burn_unknown), totals.burn_wei, totals.blob_burn_wei,
        _fees(totals.base_fee), _fees(totals.blob_fee), part.exact, coverage.first, coverage.last,
    )  # fmt: skip


def _fees(fee: FeeStats | None) -> Fees | None:
    return None if fee is None else Fees(fee.min_wei, fee.mean_wei, fee.max_wei)


def _rows(db: Database, whole: BurnFrame) -> list[tuple[Any, ...]]:
    return db.rows(
        "SELECT number, timestamp, base_fee_wei, burn_gwei, burn_rem_wei, blob_gas_used, blob_burn_gwei,"
        " blob_burn_rem_wei, blob_base_fee_wei FROM block WHERE number BETWEEN ? AND ? ORDER BY number",
        *(whole.coverage.first, whole.coverage.last),
    )


def _block_steps(rows: Iterable[tuple[Any, ...]], whole: BurnFrame) -> Iterator[Step]:
    """A step per block, and one for each hole between two of them."""
    listed = list(rows)
    first_time = UnixTime(max(whole.start, listed[0][1] - _SLOT_S))
    yield _block_step(first_time, listed[0])
    for before, row in pairwise(listed):
        start, hole = UnixTime(before[1]), row[0] - before[0] - 1
        if hole:
            # All that is known of the missing blocks: they lie between their neighbours.
            end = UnixTime(max(start, row[1] - _SLOT_S))
            yield Step(start, end, 0, hole, 0, Wei(0), Wei(0), None, None, exact=False)
            start = end
        yield _block_step(start, row)


def _block_step(start: UnixTime, row: tuple[Any, ...]) -> Step:
    number, time, base_fee, burn, burn_rest, blob_gas, blob, blob_rest, blob_fee = row
    unknown = (base_fee is not None and burn is None) or bool(blob_gas and blob is None)
    return Step(
        start, UnixTime(time), 1, 0, int(unknown),
        Wei(0) if burn is None else join_wei(burn, burn_rest),
        Wei(0) if blob is None else join_wei(blob, blob_rest),
        None if base_fee is None else Fees(base_fee, base_fee, base_fee),
        None if blob_fee is None else Fees(blob_fee, blob_fee, blob_fee),
        exact=not unknown, first=number, last=number,
    )  # fmt: skip
