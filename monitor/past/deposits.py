"""Deposits and sampled payouts as rows of the store: both estimates of issuance where no beacon node is."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from monitor.chain.beacon_deposits import LOG_RANGE, read_deposits
from monitor.chain.endpoints import Endpoints
from monitor.chain.payouts import read_payouts
from monitor.errors import NodeError
from monitor.ports import Clock
from monitor.store import coverage, events, flows, issuance
from monitor.store.database import Database
from monitor.store.flows import DepositRange
from monitor.supply.forks import CHAINS
from monitor.units import Address, BlockNumber, Gwei, UnixTime

log = logging.getLogger("ethmon")

_Paid = tuple[BlockNumber, int, Gwei, UnixTime]

RANGE_BLOCKS = 300
"""About an hour."""
MOST_RANGES = 24
"""A run of the job: the rest comes with the next one."""


def read_deposit_ranges(
    db: Database,
    source: Endpoints,
    clock: Clock,
    *,
    range_blocks: int = RANGE_BLOCKS,
    most_ranges: int = MOST_RANGES,
) -> int:
    """Read whole ranges of finalized blocks that are stored and not read yet; returns how many.

    Only known chains: elsewhere the deposit contract is not known. A failure is logged and leaves no row.
    """
    chain = CHAINS.get(source.chain_id())
    if chain is None:
        return 0
    reader = _Reader(db, source, chain.deposit_contract)
    try:
        finalized = source.finalized()
        while finalized is not None and reader.done + len(reader.unproven) < most_ranges:
            builders = chain.is_active("amsterdam", finalized.timestamp)
            if not reader.read(range_blocks, finalized.number, builders=builders):
                break
        if finalized is not None:
            reader.prove(finalized.number)
    except NodeError as error:
        log.warning("deposits are not read, issuance is estimated without them: %s", error)
        events.record_event(db, clock.now(), "deposits_failed", str(error))
    return reader.done


@dataclass
class _Reader:
    """Holds each range back until its logs are whole: a deposit after it has the number that follows."""

    db: Database
    source: Endpoints
    contract: Address
    unproven: list[tuple[DepositRange, list[_Paid]]] = field(
        default_factory=list[tuple[DepositRange, list[_Paid]]]
    )
    done: int = 0

    def read(self, blocks: int, final: BlockNumber, *, builders: bool) -> bool:
        """The next whole range, if there is one. Raises NodeError where logs are missing."""
        last = self.unproven[-1][0] if self.unproven else flows.newest(self.db)
        first = _next_block(self.db, last)
        end = None if first is None else BlockNumber(first + blocks - 1)
        if first is None or end is None or end > final:
            return False
        known = last.next_deposit if last is not None and first == last.last + 1 else None
        found = read_deposits(self.source, self.contract, first, end, next_number=known, builders=builders)
        paid = [
            (number, one.validator_index, one.amount_gwei, one.timestamp)
            for number, one in read_payouts(self.source, first, end)
        ]
        following = found.next_number if found.next_number is not None else known
        if following != known:
            self._save()
        self.unproven.append((DepositRange(first, end, found.gwei, following), paid))
        return True

    def prove(self, final: BlockNumber) -> None:
        """Look a little further than the last range. Raises NodeError where logs of it are missing."""
        if not self.unproven:
            return
        last = self.unproven[-1][0]
        end = BlockNumber(min(final, last.last + LOG_RANGE))
        if last.next_deposit is not None and end > last.last:
            first = BlockNumber(last.last + 1)
            read_deposits(self.source, self.contract, first, end, next_number=last.next_deposit)
        self._save()

    def _save(self) -> None:
        with self.db.transaction():
            for one, paid in self.unproven:
                flows.save(self.db, one, paid)
        self.done, self.unproven = self.done + len(self.unproven), []


def _next_block(db: Database, last: DepositRange | None) -> BlockNumber | None:
    """After the last range, else after the newest sample, else the second block of the newest stored run."""
    spans = coverage.ranges(db)
    if not spans:
        return None
    begins = spans[-1].first
    sample = issuance.newest(db)
    sampled = sample.total.deposits_block if sample is not None else -1
    wanted = max(last.last if last is not None else -1, sampled)
    # The block before the first one gives the time at which the range begins.
    return BlockNumber(max(wanted + 1, begins + 1))
