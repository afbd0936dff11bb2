"""Which positions get a row of history, and why their liquidation prices moved."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from monitor.domain import BlockRef
from monitor.errors import CannotSee
from monitor.lending.attribution import Contribution, attribute
from monitor.lending.outcome import liquidation_tick
from monitor.lending.position import EventKind, Position, PositionKey, Proof, Unseen
from monitor.store import positions
from monitor.store.database import Database
from monitor.units import SECONDS_PER_DAY, Address, BlockNumber, UnixTime
from monitor.watch.snapshot import Snapshot

log = logging.getLogger(__name__)

WHOLE_EVERY_S = SECONDS_PER_DAY
"""A row of drift is written without its legs, terms and remedy, but for one in so many seconds."""
NOTICEABLE = 1_000
"""A change of one part in this of any amount is more than interest between two rows."""
PRICE_MOVE = 500
"""So is a price move of one part in this: feeds of the kind answer anew at half a per cent."""
_KEPT = 8
"""Rows that a rollback can go back by: more are not written in the blocks that reorgs replace."""


@dataclass(frozen=True, slots=True)
class _Row:
    position: Position
    time: UnixTime
    whole_at: UnixTime
    """When the last row with its legs was written."""


@dataclass(frozen=True, slots=True)
class _Priced:
    position: Position
    block: BlockNumber


@dataclass
class PositionHistory:
    """The last row of each position, kept to tell drift from news and to take moves apart."""

    _rows: dict[PositionKey, _Row] = field(default_factory=dict[PositionKey, _Row])
    _priced: dict[PositionKey, list[_Priced]] = field(default_factory=dict[PositionKey, list[_Priced]])
    """The last rows with a liquidation price, oldest first: a rollback goes back to the one before it."""

    @property
    def keys(self) -> list[PositionKey]:
        """Every position that was ever seen by this process."""
        return list(self._rows)

    @property
    def proofs(self) -> dict[object, Proof]:
        """Of the last rows."""
        return {key: row.position.proof for key, row in self._rows.items()}

    def is_due(self, at: BlockRef, position: Position) -> bool:
        """Whether `position` is worth a row, and so a proof."""
        row = self._rows.get(position.key)
        return (
            row is None
            or at.timestamp - row.time >= positions.SAMPLE_EVERY_S
            or _changed(row.position, position)
            or _price_moved(row.position, position)
        )

    def forget_above(self, number: int) -> None:
        """After a rollback rows may be gone: begin anew. Moves go on from the last row that is left."""
        log.debug("positions are sampled anew after the rollback to block %d", number)
        self._rows.clear()
        for key, rows in self._priced.items():
            self._priced[key] = [row for row in rows if row.block <= number]

    def save(self, db: Database, snapshot: Snapshot, names: dict[Address, str]) -> None:
        """Rows, and moves since the last ones, of the positions that are due or were touched."""
        touched = {one.event.key: one.event.kind for one in snapshot.events}
        liquidated = {one.event.key for one in snapshot.events if one.event.kind is EventKind.LIQUIDATION}
        for one in snapshot.seen:
            if isinstance(one, Unseen) or not (one.key in touched or self.is_due(snapshot.at, one)):
                continue
            whole_at = self._whole_at(snapshot.at, one, touched=one.key in touched)
            positions.save_history(db, snapshot.at, [one], names, drifted=whole_at != snapshot.at.timestamp)
            self._save_moves(db, snapshot.at, one, liquidated=one.key in liquidated)
            self._rows[one.key] = _Row(one, snapshot.at.timestamp, whole_at)

    def _whole_at(self, at: BlockRef, one: Position, *, touched: bool) -> UnixTime:
        """When its legs were last written, once this row is."""
        row = self._rows.get(one.key)
        if (
            row is None
            or touched
            or _changed(row.position, one)
            or at.timestamp - row.whole_at >= WHOLE_EVERY_S
        ):
            return at.timestamp
        return row.whole_at

    def _save_moves(self, db: Database, at: BlockRef, one: Position, *, liquidated: bool) -> None:
        """Since it last had a price: while it is liquidatable there is none to move."""
        if liquidation_tick(one.outcome) is None:
            return
        rows = self._priced.setdefault(one.key, [])
        if rows:
            positions.save_moves(db, at, one.key, _moves(rows[-1].position, one, liquidated=liquidated))
        self._priced[one.key] = [*rows[1 - _KEPT :], _Priced(one, at.number)]


def legs_differ(before: Sequence[tuple[str, int]], after: Sequence[tuple[str, int]]) -> bool:
    """Whether more than interest happened to these tokens and amounts: other tokens, or noticeable amounts."""
    if [token for token, _ in before] != [token for token, _ in after]:
        return True
    return any(abs(now - was) * NOTICEABLE > was for (_, was), (_, now) in zip(before, after, strict=True))


def _changed(before: Position, after: Position) -> bool:
    """Whether more than drift happened: another class or proof, other legs."""
    if type(before.outcome) is not type(after.outcome) or before.proof.state is not after.proof.state:
        return True
    return legs_differ(_amounts(before), _amounts(after))


def _price_moved(before: Position, after: Position) -> bool:
    return abs(after.price.answer - before.price.answer) * PRICE_MOVE > before.price.answer


def _amounts(position: Position) -> Sequence[tuple[str, int]]:
    return [(leg.token, leg.amount) for leg in (*position.collaterals, *position.debts)]


def _moves(before: Position, after: Position, *, liquidated: bool) -> Sequence[Contribution]:
    if before.model is None or after.model is None:
        return ()
    try:
        return attribute(before.model, after.model, liquidated=liquidated)
    except CannotSee as error:
        log.debug("a move in %s cannot be taken apart: %s", after.key.market, error)
        return ()
