"""Which tokens are read when, and what follows: rows and readings of on-chain money.

A supply is read every few minutes of block time, not at every block: one packed call for all tokens. A read
that no node answered is tried again at the next block; a contract that refuses waits for the next turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from alerts.model import BlockStamp, CannotSee, Reading, Rule
from monitor.domain import BlockRef, ListedToken, TokenSupply
from monitor.readings import money
from monitor.store import identity
from monitor.store import tokens as store
from monitor.store.database import Database
from monitor.units import Address, BlockNumber, UnixTime
from monitor.watch.snapshot import Snapshot

READ_EVERY_S = 300
_CHANGES = {"token.supply_change", "token.supply_move", "money.supply_change"}


@dataclass
class TokenWatch:
    """The tokens of one chain, and when they were read last."""

    listed: Sequence[ListedToken] = ()
    every_s: int = READ_EVERY_S
    """In block time."""
    _read_at: BlockRef | None = None

    def due(self, at: BlockRef) -> Sequence[Address]:
        """The tokens to read at `at`: all of them or none."""
        if self._read_at is not None and at.timestamp - self._read_at.timestamp < self.every_s:
            return ()
        return [token.address for token in self.listed]

    def forget_above(self, number: BlockNumber) -> None:
        """After a rollback what was read there may be gone from the store: read anew."""
        if self._read_at is not None and self._read_at.number > number:
            self._read_at = None

    def write(self, db: Database, snapshot: Snapshot, rules: Sequence[Rule], at: BlockStamp) -> list[Reading]:
        """Store what was read, and say what it means; nothing where nothing was due."""
        if not snapshot.supplies:
            return []
        self._read_at = None if snapshot.supplies_blind else snapshot.at
        found = {
            address: one if isinstance(one, TokenSupply) else one.cause
            for address, one in snapshot.supplies.items()
        }
        store.save(db, snapshot.at, self.listed, found)
        return stored_readings(db, self.listed, rules, at)


def stored_readings(
    db: Database, listed: Sequence[ListedToken], rules: Sequence[Rule], at: BlockStamp
) -> list[Reading]:
    """What the store says at `at`, live and in a replay; nothing of tokens that nobody looked at for hours."""
    rows = {token.address: store.newest(db, token.address, UnixTime(at.time)) for token in listed}
    now = {
        address: row.amount
        for address, row in rows.items()
        if row is not None and at.time - row.block_time <= store.UNSEEN_AFTER_S
    }
    known = [token for token in listed if token.address in now]
    chain_id = identity.chain_id(db)
    readings = list(money.supply_readings(known, now, at, chain_id))
    for window in sorted(_windows(rules)):
        before = {token.address: _before(db, token.address, window, at) for token in known}
        readings += money.change_readings(known, now, before, window, at, chain_id)
    return readings


def _before(db: Database, address: Address, window_s: int, at: BlockStamp) -> Decimal | CannotSee:
    row = store.start_of_window(db, address, UnixTime(at.time), window_s)
    return money.unknown_before(window_s) if row is None else row.amount


def _windows(rules: Sequence[Rule]) -> set[int]:
    return {rule.window_s for rule in rules if rule.spec.key in _CHANGES and rule.window_s is not None}
