"""What blocks that were read do not tell: a gap in a row that is there."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.domain import Block, BurnRule, Gap, GapKind
from monitor.units import BlockNumber


def gaps_in(blocks: Iterable[Block]) -> list[Gap]:
    """Receipts and blob fees that are not known, of ascending blocks. Adjacent ones are merged."""
    gaps: list[Gap] = []
    for block in blocks:
        row = block.row
        if row.burn_rule is BurnRule.RECEIPTS and row.receipt_gas is None:
            _extend(gaps, GapKind.RECEIPTS, row.number, "the node gave no receipts")
        if row.blob_gas_used is not None and row.blob_base_fee_wei is None:
            _extend(gaps, GapKind.BLOB_FEE, row.number, "the blob schedule is not known or in doubt")
    return gaps


def _extend(gaps: list[Gap], kind: GapKind, number: BlockNumber, cause: str) -> None:
    for index, gap in enumerate(gaps):
        if gap.kind is kind and gap.last + 1 == number and gap.cause == cause:
            gaps[index] = Gap(kind, gap.first, number, cause)
            return
    gaps.append(Gap(kind, number, number, cause))
