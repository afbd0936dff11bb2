"""Old rows of positions that only drifted go: of a year at full rate a tenth is left, with every change in it.

    rows     o o o o o o o o o o o o|o o o o x o o o o o    | = an hour, x = something changed
    kept     o       o              |      o x       o      first and last of the day, nearest of the hour

Kept are of each UTC day the first row and the last, whatever changed, both ends of a silence, the
highest and lowest price and liquidation price; of each hour, by outcome, the row nearest to
liquidation. So every level that a distance reached in an hour it still reaches in what is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise

from monitor.store import thinning
from monitor.store.database import Database
from monitor.store.positions import UNSEEN_AFTER_S
from monitor.store.thinning import OldRow
from monitor.units import SECONDS_PER_HOUR, UnixTime
from monitor.watch.history import legs_differ

DAYS_A_RUN = 10
"""A file of years is thinned over some days of hourly runs, not in one."""


def thin(db: Database, before: UnixTime) -> int:
    """Thin the next days that were over by `before`, a small transaction a position and day; how many rows went."""
    gone = 0
    for _ in range(DAYS_A_RUN):
        day = thinning.next_day(db, before)
        if day is None:
            break
        for key in thinning.keys_of(db, day):
            rows = thinning.rows_of(db, key, day)
            stay = set(kept(rows))
            leave = [row.id for row in rows if row.id not in stay]
            thinning.keep(db, key, day, leave, seen_until(rows, stay))
            gone += len(leave)
        thinning.day_is_done(db, day)
    return gone


def kept(rows: Sequence[OldRow]) -> Iterator[int]:
    """Which of the rows of one position and UTC day stay, by id; some are named more than once."""
    if not rows:
        return
    yield from (rows[0].id, rows[-1].id)
    for before, row in pairwise(rows):
        if row.time - before.until > UNSEEN_AFTER_S:
            yield from (before.id, row.id)
        elif _changed(before, row):
            yield row.id
    for _, hour in groupby(rows, lambda row: (row.time // SECONDS_PER_HOUR, row.state)):
        yield min(hour, key=_nearness).id
    yield from _extremes([(row.price, row.id) for row in rows if row.price is not None])
    yield from _extremes([(row.limit, row.id) for row in rows if row.limit is not None])


def seen_until(rows: Sequence[OldRow], stay: set[int]) -> Mapping[int, UnixTime]:
    """By kept row, until when the rows behind it that go saw the position."""
    found: dict[int, UnixTime] = {}
    last = 0
    for row in rows:
        if row.id in stay:
            last = row.id
        else:
            found[last] = row.until
    return found


def _changed(before: OldRow, row: OldRow) -> bool:
    return before.state != row.state or legs_differ(before.legs, row.legs)


def _nearness(row: OldRow) -> float:
    return float("inf") if row.distance is None else row.distance


def _extremes(values: list[tuple[float, int]]) -> Iterator[int]:
    if values:
        yield min(values)[1]
        yield max(values)[1]
