"""Samples of the consensus layer in the store, and what our own ledger knows of withdrawals."""

from __future__ import annotations

from typing import Any, NamedTuple

from monitor.store.database import Database
from monitor.store.frames import between
from monitor.supply.issuance import ConsensusTotal, Measured, Unknown
from monitor.units import BlockNumber, Gwei, UnixTime

_TOTAL = (
    "slot, block_number, block_hash, timestamp, deposits_block, validators_gwei, pending_deposits_gwei,"
    " builders_gwei, finalized"
)
_SAMPLE = f"SELECT {_TOTAL}, issued_gwei, unknown, next_deposit FROM issuance_sample"


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
    rows = db.rows(f"{_SAMPLE} ORDER BY slot DESC LIMIT 1")
    return _stored(rows[0]) if rows else None


def samples(db: Database, since: UnixTime | None = None) -> list[StoredSample]:
    """All samples, oldest first; with `since` from the last one that is not after it."""
    earlier = None
    if since is not None:
        sql = "SELECT slot FROM issuance_sample WHERE timestamp <= ? ORDER BY slot DESC LIMIT 1"
        earlier = db.row(sql, since)
    first = earlier[0] if earlier is not None else 0
    return [_stored(row) for row in db.rows(f"{_SAMPLE} WHERE slot >= ? ORDER BY slot", first)]


def _stored(row: tuple[Any, ...]) -> StoredSample:
    return StoredSample(
        ConsensusTotal(*row[:8], finalized=bool(row[8])),
        Unknown(row[10]) if row[9] is None else Measured(Gwei(row[9])),
        row[11],
    )


def withdrawn(db: Database, first: BlockNumber, last: BlockNumber) -> Gwei | None:
    """Gwei withdrawn in blocks `first` to `last`; None where one of them, or its withdrawals, is not stored."""
    if last < first:
        return Gwei(0)
    totals = between(db, first, last)
    complete = totals.blocks == last - first + 1 and not totals.withdrawals_unknown
    return totals.withdrawals_gwei if complete else None
