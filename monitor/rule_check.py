"""The rules of burn, held against what the node charged: forks come while we run, and unannounced."""

from __future__ import annotations

import logging

from monitor.chain.connect import adopt_schedule
from monitor.chain.endpoints import Endpoints
from monitor.chain.gas_rule import check_gas_rule
from monitor.chain.verdict import Mismatch
from monitor.domain import Block, Gap, GapKind
from monitor.ports import Clock
from monitor.store import gaps
from monitor.store.database import Database
from monitor.units import BlockNumber

log = logging.getLogger("ethmon")


class RuleCheck:
    """Knows up to which block the rules were checked; what was priced by a rule that is gone is priced again."""

    def __init__(self) -> None:
        self._checked: BlockNumber | None = None

    def run(self, db: Database, source: Endpoints, clock: Clock) -> None:
        """Look at the newest block. Raises NodeError."""
        head, before = source.head(), source.blob_fee
        adopt_schedule(source, head)
        block = source.block_by_hash(head.hash)
        if block is None:
            return  # it was replaced meanwhile: the next look tells
        verdict = check_gas_rule(source, block)
        if isinstance(verdict, Mismatch):
            log.error("base burn is in doubt: %s", verdict.cause)
        excess, fee = block.row.excess_blob_gas, block.row.blob_base_fee_wei
        if excess is not None and before(block.row.timestamp, excess) != fee:
            self._price_again(db, block, clock)
        self._checked = head.number

    def _price_again(self, db: Database, newest: Block, clock: Clock) -> None:
        """As a gap: repair reads these blocks anew, with the fee that holds now, or none while it is in doubt."""
        if self._checked is None or self._checked >= newest.ref.number:
            return
        cause = "the blob schedule by which these blocks were priced holds no longer"
        gap = Gap(GapKind.BLOB_FEE, BlockNumber(self._checked + 1), newest.ref.number, cause)
        gaps.open_gap(db, gap, clock.now())
