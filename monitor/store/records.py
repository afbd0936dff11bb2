"""The most that was ever burned in a block, an hour or a day, out of what is stored. Reads only."""

from __future__ import annotations

from typing import Any, NamedTuple

from monitor.store.database import Database
from monitor.store.periods import Period, end_of
from monitor.units import BlockNumber, UnixTime, Wei, join_wei

_BURN = "burn_gwei + blob_burn_gwei, burn_rem_wei + blob_burn_rem_wei"
_TOP_PERIOD = """
    SELECT start, first_block, last_block, {burn} FROM rollup_{period}
    WHERE start < ? AND burn_unknown = 0 AND blob_burn_unknown = 0
    ORDER BY burn_gwei + blob_burn_gwei + (burn_rem_wei + blob_burn_rem_wei) / 1000000000 DESC,
        (burn_rem_wei + blob_burn_rem_wei) % 1000000000 DESC, start LIMIT 1"""

# No block of an hour burns more than the highest base fee on twice the mean gas limit (the limit
# moves by 1/1024 a block, so it does not double within 700 blocks), plus all blobs of the hour.
_HOURS = """
    SELECT first_block, last_block, min(burn_gwei,
        CASE WHEN blocks <= 700
        THEN base_fee_max_wei * 2.0 * (gas_limit_giga + 1) / blocks + 1 ELSE burn_gwei END)
        + blob_burn_gwei + 2 AS most
    FROM rollup_hour WHERE base_fee_max_wei IS NOT NULL AND first_block <= ?1 ORDER BY most DESC"""
_TOP_OF_HOUR = """
    SELECT number, timestamp, burn_gwei + coalesce(blob_burn_gwei, 0) AS gwei,
        burn_rem_wei + coalesce(blob_burn_rem_wei, 0) AS rest
    FROM block WHERE number BETWEEN ? AND ? AND burn_gwei IS NOT NULL
        AND (blob_burn_gwei IS NOT NULL OR coalesce(blob_gas_used, 0) = 0)
    ORDER BY gwei + rest / 1000000000 DESC, rest % 1000000000 DESC, number LIMIT 1"""


class Record(NamedTuple):
    """The stretch that burned most; the earliest where several did."""

    start: UnixTime
    end: UnixTime
    """Of a block: its time, twice."""
    first_block: BlockNumber
    last_block: BlockNumber
    burned_wei: Wei


def top_block(db: Database, last: BlockNumber) -> Record | None:
    """The block up to `last` that burned most, of those whose burn is known.

    Hours are looked at from the most promising one down, until no other can hold a higher block.
    """
    best: Record | None = None
    for first_block, last_block, most in db.connection.execute(_HOURS, (last,)):
        if best is not None and most * 10**9 < best.burned_wei:
            break
        row = db.row(_TOP_OF_HOUR, first_block, min(last_block, last))
        if row is not None:
            found = _of_block(row)
            if best is None or (-found.burned_wei, found.first_block) < (-best.burned_wei, best.first_block):
                best = found
    return best


def top_period(db: Database, period: Period, before: UnixTime) -> Record | None:
    """The hour or day that began before `before` and burned most, of those whose burn is known."""
    row = db.row(_TOP_PERIOD.format(burn=_BURN, period=period.value), before)
    if row is None:
        return None
    start, first, last, gwei, rest = row
    return Record(
        UnixTime(start),
        end_of(period, UnixTime(start)),
        BlockNumber(first),
        BlockNumber(last),
        join_wei(gwei, rest),
    )


def _of_block(row: tuple[Any, ...]) -> Record:
    number, time, gwei, rest = row
    return Record(
        UnixTime(time), UnixTime(time), BlockNumber(number), BlockNumber(number), join_wei(gwei, rest)
    )
