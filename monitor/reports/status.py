"""The state of the monitor at a glance, from the database alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor.domain import BlockRef, BlockRow
from monitor.reports.burn import BurnFrame, burn_view
from monitor.store import coverage, events, gaps, history, identity, ledger, lock, maintenance
from monitor.store.coverage import CoveredRange
from monitor.store.database import Database, open_reader
from monitor.store.events import EndpointEvent, Event
from monitor.store.gaps import GapRecord
from monitor.supply.burn import next_base_fee_wei
from monitor.supply.forks import CHAINS
from monitor.units import BlockNumber, UnixTime, Wei

BURN_FRAMES = ("1h", "24h", "7d")


@dataclass(frozen=True, slots=True)
class Status:
    """What `ethmon status` shows. Times are wall clock except those of blocks."""

    database: Path
    size_bytes: int
    daemon_pid: str | None
    chain_id: int | None
    head: BlockRef | None
    head_row: BlockRow | None
    finalized: BlockNumber | None
    burn: Sequence[BurnFrame]
    ranges: Sequence[CoveredRange]
    gaps: Sequence[GapRecord]
    reorgs: int
    """Logged in the last 24 hours."""
    deepest: int
    endpoints: Sequence[EndpointEvent]
    last_event: Event | None

    @property
    def chain_name(self) -> str:
        """mainnet, sepolia, ... or the bare id."""
        chain = CHAINS.get(self.chain_id or 0)
        return chain.name if chain else f"chain {self.chain_id}" if self.chain_id else "no chain yet"

    @property
    def next_base_fee_wei(self) -> Wei | None:
        """What the block after the head must charge; None where there is no base fee."""
        row = self.head_row
        if row is None or row.base_fee_wei is None:
            return None
        return next_base_fee_wei(row.gas_limit, row.gas_used, row.base_fee_wei)

    def head_age_s(self, now: UnixTime) -> int | None:
        """Wall clock minus the head's block time."""
        return None if self.head is None else now - self.head.timestamp


def read_status(path: Path, now: UnixTime) -> Status:
    """Everything at one moment of the database. Raises StoreError."""
    with open_reader(path) as db:
        return status_of(db, now)


def status_of(db: Database, now: UnixTime) -> Status:
    """The same on a connection that is open."""
    with db.snapshot():
        head = ledger.cursor(db)
        recent = [record for record in history.reorgs(db) if record.at > now - 86_400]
        last = events.events(db, 1)
        return Status(
            database=db.path,
            size_bytes=maintenance.size_bytes(db),
            daemon_pid=lock.holder(db.path),
            chain_id=identity.chain_id(db),
            head=head,
            head_row=history.block(db, head.number) if head else None,
            finalized=ledger.finalized(db),
            burn=[burn_view(db, frame).frames[0] for frame in BURN_FRAMES] if head else (),
            ranges=coverage.ranges(db),
            gaps=gaps.open_gaps(db),
            reorgs=len(recent),
            deepest=max((record.reorg.depth for record in recent), default=0),
            endpoints=events.endpoint_states(db),
            last_event=last[0] if last else None,
        )
