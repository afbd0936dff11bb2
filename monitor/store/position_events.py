"""What owners and liquidators did, in the store.

The writer joins the caller's transaction: events land with the block whose look found them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from monitor.domain import BlockRef
from monitor.lending.position import PositionEvent
from monitor.store.database import Database
from monitor.units import Address


@dataclass(frozen=True, slots=True)
class EventAt:
    """An event with its place in the chain."""

    block: BlockRef
    log_index: int
    transaction_hash: str
    event: PositionEvent


def save(db: Database, events: Sequence[EventAt]) -> None:
    """What owners and liquidators did; an event that is there already stays as it is."""
    with db.transaction() as connection:
        connection.executemany(
            "INSERT OR IGNORE INTO position_event (block_number, block_time, log_index, transaction_hash,"
            " protocol, market, account, position_id, kind, token, amount, detail)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [_row(at) for at in events],
        )


def _row(at: EventAt) -> tuple[Any, ...]:
    block, event = at.block, at.event
    amount = None if event.amount is None else str(event.amount)
    return (
        *(block.number, block.timestamp, at.log_index, at.transaction_hash),
        *(event.key.protocol, event.key.market, event.key.account, event.key.id),
        *(event.kind.value, event.token, amount, event.detail),
    )


def of_account(db: Database, account: Address | None, limit: int = 100) -> list[tuple[Any, ...]]:
    """Newest events, of one account or of all: time, name of the market, kind, token, amount, detail."""
    return db.rows(
        "SELECT block_number, block_time, transaction_hash, protocol, market, account, position_id, kind, token,"
        " amount, detail FROM position_event WHERE account = coalesce(?, account)"
        " ORDER BY block_number DESC, log_index DESC LIMIT ?",
        account,
        limit,
    )
