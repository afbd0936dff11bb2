"""A position's history for a picture: a year has a hundred thousand rows, and a screen a thousand pixels.

    rows      o o o o o o|o o o o o o|o o o o|o o          | = a slice of time, or another outcome
    kept      o   o     o|o     o o  |o   o  |o            first, lowest and highest price, lowest and highest limit

What is left has the outline of the whole: no peak, no change of outcome and no silence is lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, pairwise
from operator import itemgetter
from typing import Any, NamedTuple

from monitor.lending.position import PositionKey
from monitor.store.database import Database
from monitor.store.positions import COLUMNS, StoredPosition, stored
from monitor.units import UnixTime

ALL_UP_TO = 3_000
"""So many rows are kept as they are: a week and more."""
SLICES = 400
_TIME, _OUTCOME, _PRICE, _LIMIT, _UNTIL = 1, 2, 3, 4, 5


class Outline(NamedTuple):
    """Rows, oldest first, and the stretches of more than `silence_s` in which there is none."""

    rows: Sequence[StoredPosition]
    silences: Sequence[tuple[UnixTime, UnixTime]]


def outline(db: Database, key: PositionKey, since: UnixTime, before: UnixTime, silence_s: int) -> Outline:
    """The rows of one position from `since` on and earlier than `before`, thinned where they are many."""
    # All columns are of one index: the wide rows themselves are read for what is kept.
    found = db.rows(
        "SELECT id, block_time, outcome, price_usd, liquidation_usd, coalesce(seen_until, block_time) FROM position WHERE account = ?"
        " AND protocol = ? AND market = ? AND position_id = ? AND block_time >= ? AND block_time < ?"
        " ORDER BY block_time",
        *(key.account, key.protocol, key.market, key.id, since, before),
    )
    apart = [(one, two) for one, two in pairwise(found) if two[_TIME] - one[_UNTIL] > silence_s]
    silences = [(one[_UNTIL], two[_TIME]) for one, two in apart]
    if len(found) <= ALL_UP_TO:
        return Outline(_rows(db, (row[0] for row in found)), silences)
    ends = chain.from_iterable(apart)
    return Outline(_rows(db, {row[0] for row in (*_kept(found), *ends, found[-1])}), silences)


def _kept(found: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    length = (found[-1][_TIME] - found[0][_TIME]) // SLICES + 1
    for _, run in groupby(found, lambda row: (row[_TIME] // length, row[_OUTCOME])):
        part = list(run)
        yield part[0]
        for column in (_PRICE, _LIMIT):
            known = [row for row in part if row[column] is not None]
            if known:
                yield min(known, key=itemgetter(column))
                yield max(known, key=itemgetter(column))


def _rows(db: Database, ids: Iterable[int]) -> tuple[StoredPosition, ...]:
    rows = db.rows(
        f"SELECT {', '.join(COLUMNS)} FROM position WHERE id IN (SELECT value FROM json_each(?))"
        " ORDER BY block_number, id",
        json.dumps(list(ids)),
    )
    return tuple(stored(row) for row in rows)
