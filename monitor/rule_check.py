"""The rules of burn, held against what the node charged: forks come while we run, and unannounced.

    blob gas   our schedule against the fees that the node reports     monitor.chain.schedule
    base fee   the header's gas against that of the receipts           monitor.chain.gas_rule

What a rule that is gone has priced since the last look at it is priced again, or is not known
any more. The last look and a doubt are kept with the data: a daemon that was restarted across a
fork goes on from there, and a repair does not bring a number back that is in doubt.
"""

from __future__ import annotations

import logging

from monitor.chain.blocks import storable
from monitor.chain.connect import adopt_schedule
from monitor.chain.endpoints import Endpoints
from monitor.chain.gas_rule import check_gas_rule
from monitor.chain.incomplete import unknown_in, without_doubted
from monitor.chain.verdict import Agreed, Mismatch
from monitor.domain import BlockRef, BlockRow
from monitor.ports import Clock
from monitor.store import gaps, history, ledger, rules
from monitor.store.database import Database
from monitor.units import BlockNumber

log = logging.getLogger("ethmon")

CONVINCING_BLOCKS = 5
"""So many must agree before a doubt is over: a block without refunds agrees under any rule."""
TOGETHER = 2_000
"""Rows a transaction, as in a backfill: the head waits for one at the most."""
DOUBTED_GAS = "headers and receipts tell different gas since: base burn is in doubt"
STALE_SCHEDULE = "the blob schedule by which these blocks were priced holds no longer"


def resume(db: Database, source: Endpoints) -> None:
    """Doubt what was in doubt when the last process ended."""
    source.gas_doubt_since = rules.gas_doubt_since(db)


def check_rules(db: Database, source: Endpoints, clock: Clock) -> None:
    """Look at the newest block, and at what was stored since the last look. Raises NodeError."""
    checked, head = rules.checked_to(db), source.head()
    adopt_schedule(source, head)
    in_doubt = rules.gas_doubt_since(db) is not None
    verdict = check_gas_rule(source, head, CONVINCING_BLOCKS if in_doubt else 1)
    first = BlockNumber(head.number if checked is None else checked + 1)
    if isinstance(verdict, Mismatch):
        _doubt_gas(db, first, head, verdict.cause)
    elif in_doubt and isinstance(verdict, Agreed) and verdict.telling:
        log.info("headers and receipts agree again: base burn is read anew")
        rules.set_gas_doubt(db, None)
    resume(db, source)
    _amend(db, source, first, clock)
    if source.gas_doubt_since is None:
        final = ledger.finalized(db)  # what may still be replaced is looked at again
        rules.set_checked(db, head.number if final is None else min(final, head.number))


def _doubt_gas(db: Database, first: BlockNumber, head: BlockRef, cause: str) -> None:
    """From the first block that was not looked at before."""
    log.error("base burn is not published: %s", cause)
    known = rules.gas_doubt_since(db)
    stored = history.blocks(db, first, BlockNumber(first + TOGETHER))
    since = stored[0].timestamp if stored else head.timestamp
    rules.set_gas_doubt(db, since if known is None else min(known, since))


def _amend(db: Database, source: Endpoints, first: BlockNumber, clock: Clock) -> None:
    """What is stored from `first` on, by the rules that hold now; what they do not tell becomes a gap."""
    newest = ledger.cursor(db)
    for start in range(first, newest.number + 1 if newest else first, TOGETHER):
        end = BlockNumber(start + TOGETHER - 1)
        with db.transaction():
            stale = [
                amended
                for row in history.blocks(db, BlockNumber(start), end)
                if (amended := _by_todays_rules(row, source)) != row
            ]
            ledger.amend(db, stale, clock.now())
            for gap in unknown_in(stale, gas=DOUBTED_GAS, fee=STALE_SCHEDULE):
                gaps.open_gap(db, gap, clock.now())


def _by_todays_rules(row: BlockRow, source: Endpoints) -> BlockRow:
    if row.excess_blob_gas is not None:
        row = row._replace(blob_base_fee_wei=storable(source.blob_fee(row.timestamp, row.excess_blob_gas)))
    return without_doubted(row, source.gas_doubt_since)
