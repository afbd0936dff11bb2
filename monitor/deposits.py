"""Deposits and sampled payouts as rows of the store: both estimates of issuance where no beacon node is."""

from __future__ import annotations

import logging

from monitor.chain.beacon_deposits import read_deposits
from monitor.chain.endpoints import Endpoints
from monitor.chain.payouts import read_payouts
from monitor.errors import NodeError
from monitor.ports import Clock
from monitor.store import coverage, events, flows, issuance
from monitor.store.database import Database
from monitor.store.flows import DepositRange
from monitor.supply.forks import CHAINS
from monitor.units import BlockNumber

log = logging.getLogger("ethmon")

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
    done = 0
    try:
        finalized = source.finalized()
        while finalized is not None and done < most_ranges:
            last = flows.newest(db)
            first = _next_block(db, last)
            end = None if first is None else BlockNumber(first + range_blocks - 1)
            if first is None or end is None or end > finalized.number:
                break
            known = last.next_deposit if last is not None and first == last.last + 1 else None
            builders = chain.is_active("amsterdam", finalized.timestamp)
            found = read_deposits(
                source, chain.deposit_contract, first, end, next_number=known, builders=builders
            )
            following = found.next_number if found.next_number is not None else known
            paid = [
                (number, one.validator_index, one.amount_gwei, one.timestamp)
                for number, one in read_payouts(source, first, end)
            ]
            flows.save(db, DepositRange(first, end, found.gwei, following), paid)
            done += 1
    except NodeError as error:
        log.warning("deposits are not read, issuance is estimated without them: %s", error)
        events.record_event(db, clock.now(), "deposits_failed", str(error))
    return done


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
