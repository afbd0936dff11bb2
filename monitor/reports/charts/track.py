"""The history of one position as a chart needs it: price, liquidation price, what happened, where nothing was seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from alerts.model import Rule
from monitor.domain import BlockRef
from monitor.errors import UsageError
from monitor.lending.position import EventKind, PositionKey
from monitor.readings.positions import subject_of
from monitor.reports.alert_levels import AlertLevel, levels_of
from monitor.store import identity, ledger, position_events, positions
from monitor.store.database import Database
from monitor.store.outline import outline
from monitor.store.positions import UNSEEN_AFTER_S, StoredPosition
from monitor.supply import frames
from monitor.supply.forks import CHAINS
from monitor.units import SECONDS_PER_DAY, Address, UnixTime

SPAN_S = 7 * SECONDS_PER_DAY


class Point(NamedTuple):
    """One row of the history. Prices are integers with `decimals`; None where there is no such price."""

    time: UnixTime
    block: int
    price: int | None
    liquidation: int | None
    lower: int | None
    """Where a soft liquidation is complete; `liquidation` is where it begins."""
    decimals: int
    health_factor: int | None
    """18 decimals."""
    outcome: str


class Happening(NamedTuple):
    """What an owner or a liquidator did."""

    time: UnixTime
    kind: str


@dataclass(frozen=True, slots=True)
class Track:
    """One position over a span of time."""

    now: StoredPosition
    at: BlockRef | None
    """The block of `now`, while its hash is kept."""
    points: Sequence[Point]
    happenings: Sequence[Happening]
    levels: Sequence[AlertLevel]
    holes: Sequence[tuple[UnixTime, UnixTime]]
    """Stretches without a row: the position was not seen."""

    @property
    def short(self) -> bool:
        """Whether a rising price liquidates."""
        return any(point.outcome == "above" for point in self.points[-1:])


def track(db: Database, now: StoredPosition, since: UnixTime, rules: Sequence[Rule] = ()) -> Track:
    """The rows of one position from `since` up to `now`, which is at the end; a long time in outline."""
    rows, holes = outline(db, now.key, since, now.block_time, UNSEEN_AFTER_S)
    points = [_point(row) for row in (*rows, now) if row.outcome != "unseen"]
    if rows and points[-1].time - rows[-1].block_time > UNSEEN_AFTER_S:
        holes = (*holes, (rows[-1].block_time, points[-1].time))
    return Track(
        now,
        ledger.recent_ref(db, now.block_number),
        points,
        [one for one in _happenings(db, now.key, since) if one.time <= now.block_time],
        list(levels_of(rules, now)),
        holes,
    )


def since_of(db: Database, since: str, now: StoredPosition) -> UnixTime:
    """The start of the frame that `since` names, counted from the position's newest row. Raises UsageError."""
    chain = CHAINS.get(identity.chain_id(db) or 0)
    return UnixTime(frames.parse(since, chain, now.block_time).start + 1)


def wanted(db: Database, name: str) -> list[StoredPosition]:
    """Positions that `name` means (a wallet's name or its beginning, an address, or an identity as in alerts), nearest first.

    Closed ones come from the history. Raises UsageError naming those that there are.
    """
    current = positions.current(db)
    found = [row for row in current if _is_named(row, name)] or _closed(db, name) or _begun(current, name)
    if not found:
        names = sorted({row.name or row.account for row in current})
        listed = "; ".join(names[:8]) or "none is watched"
        raise UsageError(f"No position is named {name[:80]!r}. There are: {listed}.")
    return found


def _begun(rows: Sequence[StoredPosition], name: str) -> list[StoredPosition]:
    """Those of the one wallet whose name begins so; none where several do."""
    start = name.strip().lower()
    found = [row for row in rows if start and row.name.lower().startswith(start)]
    return found if len({row.account for row in found}) == 1 else []


def of_subject(db: Database, subject: str, block: int | None = None) -> StoredPosition | None:
    """The position that an alert is about, as that block showed it: its row there, else the last one before."""
    now = next((row for row in positions.current(db) if subject_of(row.key) == subject), None)
    if now is None or block is None or now.block_number <= block:
        return now
    rows = positions.history(db, now.key, UnixTime(now.block_time - SPAN_S))
    return next((row for row in reversed(rows) if row.block_number <= block), None)


def _is_named(row: StoredPosition, name: str) -> bool:
    asked = name.strip().lower()
    return asked in {row.name.lower(), row.account.lower(), subject_of(row.key).lower()}


def _closed(db: Database, name: str) -> list[StoredPosition]:
    """The last row of positions that are no longer there."""
    rows = db.rows(
        f"SELECT {', '.join(positions.COLUMNS)}, max(block_number) FROM position"  # noqa: S608 - our own list
        " WHERE lower(name) = ?1 OR account = ?1 GROUP BY protocol, market, account, position_id",
        name.strip().lower(),
    )
    return [positions.stored(row[:-1]) for row in rows]


def _point(row: StoredPosition) -> Point:
    outcome = row.detail.get("outcome", {})
    return Point(
        row.block_time,
        row.block_number,
        _number(row.price),
        _number(row.liquidation_price),
        _number(outcome.get("lower")) if row.outcome == "range" else None,
        row.price_decimals or 0,
        _number(row.health_factor),
        row.outcome,
    )


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _happenings(db: Database, key: PositionKey, since: UnixTime) -> Iterator[Happening]:
    for event in position_events.of_account(db, Address(key.account), limit=400):
        where = PositionKey(event[3], event[4], Address(event[5]), event[6])
        if where == key and event[1] >= since and event[7] in _SHOWN:
            yield Happening(event[1], event[7])


_SHOWN = {
    kind.value
    for kind in (
        EventKind.SUPPLY,
        EventKind.WITHDRAW,
        EventKind.BORROW,
        EventKind.REPAY,
        EventKind.LIQUIDATION,
    )
}
