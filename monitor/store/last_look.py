"""What the newest look at positions left in the store, for a process that goes on from there."""

from __future__ import annotations

from typing import Any

from monitor.lending.position import Leg, PositionKey
from monitor.store import positions
from monitor.store.database import Database
from monitor.units import BlockNumber


def newest_block(db: Database) -> BlockNumber | None:
    """The block of the newest look that found positions."""
    return db.row("SELECT max(block_number) FROM position_now")[0]


def legs(db: Database) -> dict[PositionKey, tuple[Leg, ...]]:
    """Collaterals and debts of every position that it found; none of one that could not be seen."""
    return {row.key: tuple(_leg(leg) for leg in _stored_legs(row.detail)) for row in positions.current(db)}


def _stored_legs(detail: dict[str, Any]) -> list[dict[str, Any]]:
    return [*detail.get("collaterals", ()), *detail.get("debts", ())]


def _leg(leg: dict[str, Any]) -> Leg:
    value: str | None = leg["value"]
    return Leg(
        token=leg["token"],
        symbol=leg["symbol"],
        amount=int(leg["amount"]),
        decimals=leg["decimals"],
        value=None if value is None else int(value),
        follows_eth=leg["follows_eth"],
    )
