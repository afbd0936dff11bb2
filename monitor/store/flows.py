"""What entered and left the consensus layer by the execution chain: deposits by range, withdrawals by block."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

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
    days: list[list[DepositRange]] = []
    began: UnixTime | None = None
    for one in run:
        time = time_of(db, _stored(db, one.last))
        if not days or began is None or time is None or time - began > SECONDS_PER_DAY:
            days.append([])
            began = time_of(db, _stored(db, one.first))
        days[-1].append(one)
    return days


def _stored(db: Database, number: BlockNumber) -> BlockNumber | None:
    row = db.row("SELECT number FROM block WHERE number = ?", number)
    return BlockNumber(row[0]) if row else None
