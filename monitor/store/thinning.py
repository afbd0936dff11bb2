"""Old rows of positions, a day at a time: what there is to thin, and the writing of what was decided.

Which rows stay is for `monitor.watch.thinning` to say. A kept row's `seen_until` is the time of the
last row after it that went: between the two the position was seen, and nothing happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import msgspec

from monitor.lending.position import Cause, PositionKey
from monitor.store.database import Database
from monitor.units import SECONDS_PER_DAY, Address, UnixTime

_DONE = "positions_thinned_before"
_ONE_DAY = " WHERE account = ? AND protocol = ? AND market = ? AND position_id = ? AND block_time >= ? AND block_time < ?"
_OF_DRIFT = (Cause.INTEREST, Cause.RATIO, Cause.OTHER_PRICE)


class _Leg(msgspec.Struct):
    token: str
    amount: str


class _Detail(msgspec.Struct):
    collaterals: list[_Leg] = []
    debts: list[_Leg] = []


_DETAIL = msgspec.json.Decoder(_Detail)


class OldRow(NamedTuple):
    """What decides about a row of `position`."""

    id: int
    time: UnixTime
    until: UnixTime
    """The position was seen without a break from `time` to here."""
    state: tuple[str, ...]
    """Outcome, proof and its cause, rule, cause, name: any other value is a change."""
    price: float | None
    limit: float | None
    distance: float | None
    legs: tuple[tuple[str, int], ...]
    """Token and amount, as of the last row that holds them."""


def next_day(db: Database, before: UnixTime) -> UnixTime | None:
    """The first UTC day with positions that is not thinned yet and over by `before`."""
    row = db.row(
        "SELECT start FROM rollup_day WHERE start >= coalesce((SELECT CAST(value AS INTEGER) FROM setting"
        " WHERE key = ?), 0) AND start + ? <= ? AND last_block >= (SELECT min(block_number) FROM position)"
        " ORDER BY start LIMIT 1",
        *(_DONE, SECONDS_PER_DAY, before),
    )
    return row[0] if row else None


def day_is_done(db: Database, day: UnixTime) -> None:
    """Go on after this day the next time."""
    with db.transaction() as connection:
        connection.execute(
            "INSERT INTO setting VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
            (_DONE, str(day + SECONDS_PER_DAY)),
        )


def keys_of(db: Database, day: UnixTime) -> list[PositionKey]:
    """Positions with rows in a day."""
    rows = db.rows(
        "SELECT DISTINCT protocol, market, account, position_id FROM position WHERE block_number BETWEEN"
        " (SELECT first_block FROM rollup_day WHERE start = ?1) AND (SELECT last_block FROM rollup_day WHERE start = ?1)",
        day,
    )
    return [PositionKey(protocol, market, Address(account), id_) for protocol, market, account, id_ in rows]


def rows_of(db: Database, key: PositionKey, day: UnixTime) -> list[OldRow]:
    """The rows of one position in a day, oldest first."""
    rows = db.rows(
        "SELECT id, block_time, coalesce(seen_until, block_time), outcome, proof, proof_cause, rule, cause, name,"
        f" price_usd, liquidation_usd, distance, detail FROM position{_ONE_DAY} ORDER BY block_time, id",
        *_place(key, day),
    )
    legs: tuple[tuple[str, int], ...] = ()
    found: list[OldRow] = []
    for id_, time, until, *state, price, limit, distance, detail in rows:
        legs = _legs(detail) or legs
        found.append(OldRow(id_, time, until, tuple(state), price, limit, distance, legs))
    return found


def keep(
    db: Database, key: PositionKey, day: UnixTime, gone: Sequence[int], until: Mapping[int, UnixTime]
) -> None:
    """Drop rows, write until when the kept ones hold, and join the day's moves by drift: one transaction."""
    with db.transaction() as connection:
        connection.executemany("DELETE FROM position WHERE id = ?", [(id_,) for id_ in gone])
        connection.executemany(
            "UPDATE position SET seen_until = ? WHERE id = ?", [(time, id_) for id_, time in until.items()]
        )
        _join_moves(db, key, day)


def _join_moves(db: Database, key: PositionKey, day: UnixTime) -> None:
    """One row a cause, where its last one was; sums by cause stay what they were."""
    moves = db.rows(
        "SELECT cause, id, before, after FROM position_move"
        f"{_ONE_DAY} AND cause IN (?, ?, ?) AND before IS NOT NULL AND after IS NOT NULL ORDER BY cause, block_time, id",
        *(*_place(key, day), *_OF_DRIFT),
    )
    for _, found in groupby(moves, key=itemgetter(0)):
        (*others, last) = found
        total = sum(int(after) - int(before) for _, _, before, after in (*others, last))
        db.connection.execute(
            "UPDATE position_move SET before = ? WHERE id = ?", (str(int(last[3]) - total), last[1])
        )
        db.connection.executemany("DELETE FROM position_move WHERE id = ?", [(row[1],) for row in others])


def _place(key: PositionKey, day: UnixTime) -> tuple[str | int, ...]:
    return (key.account, key.protocol, key.market, key.id, day, day + SECONDS_PER_DAY)


def _legs(detail: str) -> tuple[tuple[str, int], ...]:
    legs = _DETAIL.decode(detail)
    return tuple((leg.token, int(leg.amount)) for leg in (*legs.collaterals, *legs.debts))
