"""Readings of our own sight, by the wall clock: stale head, gaps, endpoints apart, schedules in doubt."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.model import BlockStamp, Reading
from monitor.chain.endpoints import Endpoints
from monitor.chain.schedule import BlobFees
from monitor.domain import BlockRef
from monitor.readings import chain
from monitor.store import gaps, ledger
from monitor.store.database import Database
from monitor.supply.forks import CHAINS
from monitor.units import UnixTime


def own_readings(db: Database, source: Endpoints, now: UnixTime, trouble: str) -> list[Reading]:
    """Everything that can go wrong with seeing; nothing while the ledger is empty."""
    head = ledger.cursor(db)
    if head is None:
        return []
    at = stamp(head, now)
    records = gaps.open_gaps(db)
    missing = sum(record.gap.last - record.gap.first + 1 for record in records)
    heads = [(one.label, one.head.number) for one in source.health() if one.head is not None]
    apart = chain.disagreement_reading(heads, at)
    return [
        chain.head_age_reading(head.timestamp, now, at, trouble),
        chain.gap_reading(missing, list(dict.fromkeys(record.gap.cause for record in records)), at),
        chain.schedule_reading(_doubt(source), at),
        chain.gas_rule_reading(_gas_doubt(source), at),
        *([apart] if apart else []),
    ]


def fork_readings(source: Endpoints, at: BlockStamp) -> Iterator[Reading]:
    """Forks that are still to come: from our table and from the node's blob schedule."""
    chain_table = CHAINS.get(source.chain_id())
    told: set[int] = set()
    for fork in chain_table.forks if chain_table else ():
        if fork.time is not None and fork.time > at.time:
            told.add(fork.time)
            yield chain.fork_reading(fork.name, fork.time, at)
    fees = source.blob_fee
    upcoming = fees.next_change(UnixTime(at.time)) if isinstance(fees, BlobFees) else None
    if upcoming is not None and upcoming.activation_time not in told:
        yield chain.fork_reading("blob schedule", upcoming.activation_time, at)


def stamp(head: BlockRef, now: UnixTime) -> BlockStamp:
    """The head, with the wall clock as its time."""
    return BlockStamp(head.number, head.hash, now)


def _gas_doubt(source: Endpoints) -> str:
    if source.gas_doubt_since is None:
        return ""
    return "headers and receipts tell different gas; base burn is not published: see `ethmon gaps`"


def _doubt(source: Endpoints) -> str:
    fees = source.blob_fee
    in_doubt = isinstance(fees, BlobFees) and fees.doubt_since is not None
    return "blob burn is not published: see `ethmon check`" if in_doubt else ""
