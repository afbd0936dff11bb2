"""Samples of the consensus layer in the store, and what our own ledger knows of withdrawals."""

from __future__ import annotations

from typing import NamedTuple

from monitor.store.database import Database
from monitor.store.frames import between
from monitor.supply.issuance import ConsensusTotal, Measured, Unknown
from monitor.units import BlockNumber, Gwei

_TOTAL = (
    "slot, block_number, block_hash, timestamp, deposits_block, validators_gwei, pending_deposits_gwei,"
    " builders_gwei, finalized"
)


class StoredSample(NamedTuple):
    """A sample, and what was issued since the one before it."""

    total: ConsensusTotal
    issued: Measured | Unknown
    next_deposit: int | None


def save(db: Database, total: ConsensusTotal, issued: Measured | Unknown, next_deposit: int | None) -> None:
    """Keep a sample; one of the same slot is replaced."""
    gwei = issued.gwei if isinstance(issued, Measured) else None
    unknown = "" if isinstance(issued, Measured) else issued.cause
    with db.transaction() as connection:
        connection.execute(
            f"INSERT OR REPLACE INTO issuance_sample ({_TOTAL}, issued_gwei, unknown, next_deposit)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*total[:-1], int(total.finalized), gwei, unknown, next_deposit),
        )


def newest(db: Database) -> StoredSample | None:
    """The last sample."""
    rows = samples(db, limit=1, newest_first=True)
    return rows[0] if rows else None


def samples(db: Database, *, limit: int = -1, newest_first: bool = False) -> list[StoredSample]:
    """All samples, oldest first unless told otherwise."""
    order = "DESC" if newest_first else "ASC"
    rows = db.rows(
        f"SELECT {_TOTAL}, issued_gwei, unknown, next_deposit FROM issuance_sample ORDER BY slot {order} LIMIT ?",
        limit,
    )
    return [
        StoredSample(
            ConsensusTotal(*row[:8], finalized=bool(row[8])),
            Unknown(row[10]) if row[9] is None else Measured(Gwei(row[9])),
            row[11],
        )
        for row in rows
    ]


def withdrawn(db: Database, first: BlockNumber, last: BlockNumber) -> Gwei | None:
    """Gwei withdrawn in blocks `first` to `last`; None where one of them, or its withdrawals, is not stored."""
    if last < first:
        return Gwei(0)
    totals = between(db, first, last)
    complete = totals.blocks == last - first + 1 and not totals.withdrawals_unknown
    return totals.withdrawals_gwei if complete else None
