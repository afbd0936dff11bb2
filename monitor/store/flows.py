"""What entered and left the consensus layer by the execution chain: deposits by range, withdrawals by block."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from monitor.store import coverage
from monitor.store.database import Database
from monitor.store.frames import time_of
from monitor.store.issuance import withdrawn
from monitor.supply.sweep import Payout
from monitor.units import SECONDS_PER_DAY, BlockNumber, Gwei, UnixTime


class DepositRange(NamedTuple):
    """Deposits of blocks `first` to `last`; `next_deposit` proves that no log of the next range is missing."""

    first: BlockNumber
    last: BlockNumber
    deposits_gwei: Gwei
    next_deposit: int | None


class FlowPart(NamedTuple):
    """Blocks with start < time <= end: what entered, and what left (None: a block's withdrawals are not known)."""

    start: UnixTime
    end: UnixTime
    deposits_gwei: Gwei
    withdrawals_gwei: Gwei | None


class Edition(NamedTuple):
    """Of the rows that `parts` is made of: the same edition, the same parts."""

    ranges: int
    last: BlockNumber | None
    deposits_gwei: Gwei | None
    reorgs: int
    withdrawals_unknown: int
    missing: tuple[tuple[BlockNumber, BlockNumber], ...]
    """Blocks of the ranges, and the one before them, that are not stored."""


def save(
    db: Database, one: DepositRange, payouts: Iterable[tuple[BlockNumber, int, Gwei, UnixTime]] = ()
) -> None:
    """Keep a range, and the sampled payouts in it as (block, validator, gwei, time)."""
    with db.transaction() as connection:
        connection.executemany(
            # A validator is paid twice in a block only where a withdrawal was asked for: no payout of a sweep.
            "INSERT INTO payout VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET amount_gwei = amount_gwei + excluded.amount_gwei",
            payouts,
        )
        connection.execute(
            "INSERT OR REPLACE INTO deposit_range (first_block, last_block, deposits_gwei, next_deposit)"
            " VALUES (?, ?, ?, ?)",
            one,
        )


def payouts(db: Database, since: UnixTime, until: UnixTime) -> list[Payout]:
    """Sampled payouts in (since, until] of the newest unbroken run of ranges, in block order."""
    run = _run(db)
    if not run:
        return []
    rows = db.rows(
        "SELECT validator_index, amount_gwei, timestamp FROM payout"
        " WHERE block_number BETWEEN ? AND ? AND timestamp > ? AND timestamp <= ? ORDER BY block_number, validator_index",
        run[0].first,
        run[-1].last,
        since,
        until,
    )
    return [Payout(*row) for row in rows]


def newest(db: Database) -> DepositRange | None:
    """The last range."""
    row = db.row(
        "SELECT first_block, last_block, deposits_gwei, next_deposit FROM deposit_range"
        " ORDER BY last_block DESC LIMIT 1"
    )
    return DepositRange(*row) if row else None


def edition(db: Database) -> Edition:
    """What tells whether `parts` would be another now. Ranges are final; blocks in them may come later, or whole."""
    count, first, last, deposits = db.row(
        "SELECT count(*), min(first_block), max(last_block), sum(deposits_gwei) FROM deposit_range"
    )
    reorgs = db.row("SELECT coalesce(max(id), 0) FROM reorg")[0]
    if not count:
        return Edition(0, None, None, reorgs, 0, ())
    unknown = db.row("SELECT sum(withdrawals_unknown) FROM rollup_day WHERE first_block <= ?", last)[0]
    missing = coverage.missing_ranges(db, BlockNumber(first - 1), last)
    return Edition(count, last, deposits, reorgs, unknown or 0, missing)


def parts(db: Database, since: UnixTime) -> list[FlowPart]:
    """The newest unbroken run of ranges after `since`, as parts of a day at most, oldest first."""
    found: list[FlowPart] = []
    for run in _days(db, _run(db)):
        before = time_of(db, _stored(db, BlockNumber(run[0].first - 1)))
        until = time_of(db, _stored(db, run[-1].last))
        if before is None or until is None or before < since:
            found = []  # what cannot be placed in time breaks the run
            continue
        left = withdrawn(db, run[0].first, run[-1].last)
        found.append(FlowPart(before, until, Gwei(sum(one.deposits_gwei for one in run)), left))
    return found


def _run(db: Database) -> list[DepositRange]:
    """Ranges without a gap between them, up to the newest."""
    run: list[DepositRange] = []
    for row in db.rows(
        "SELECT first_block, last_block, deposits_gwei, next_deposit FROM deposit_range ORDER BY last_block"
    ):
        one = DepositRange(*row)
        if run and one.first != run[-1].last + 1:
            run = []
        run.append(one)
    return run


def _days(db: Database, run: list[DepositRange]) -> list[list[DepositRange]]:
    """The run cut where a day of block times is full."""
    times: dict[BlockNumber, UnixTime] = dict(
        db.rows(
            "SELECT number, timestamp FROM block WHERE number IN"
            " (SELECT first_block FROM deposit_range UNION SELECT last_block FROM deposit_range)"
        )
    )
    days: list[list[DepositRange]] = []
    began: UnixTime | None = None
    for one in run:
        time = times.get(one.last)
        if not days or began is None or time is None or time - began > SECONDS_PER_DAY:
            days.append([])
            began = times.get(one.first)
        days[-1].append(one)
    return days


def _stored(db: Database, number: BlockNumber) -> BlockNumber | None:
    row = db.row("SELECT number FROM block WHERE number = ?", number)
    return BlockNumber(row[0]) if row else None
