"""What blocks that were read do not tell: a gap in a row that is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitor.domain import Block, BlockRow, BurnRule, Gap, GapKind
from monitor.units import BlockNumber, UnixTime

NO_GAS = "the node gave no receipts, or they contradict the headers"
NO_FEE = "the blob schedule is not known or in doubt"


def gaps_in(blocks: Iterable[Block]) -> list[Gap]:
    """Receipts and blob fees that are not known, of ascending blocks. Adjacent ones are merged."""
    return unknown_in(block.row for block in blocks)


def unknown_in(rows: Iterable[BlockRow], *, gas: str = NO_GAS, fee: str = NO_FEE) -> list[Gap]:
    """The same of rows, under other causes."""
    gaps: list[Gap] = []
    for row in rows:
        if row.burn_rule is BurnRule.RECEIPTS and row.receipt_gas is None:
            _extend(gaps, GapKind.RECEIPTS, row.number, gas)
        if row.blob_gas_used is not None and row.blob_base_fee_wei is None:
            _extend(gaps, GapKind.BLOB_FEE, row.number, fee)
    return gaps


def without_doubted(row: BlockRow, since: UnixTime | None) -> BlockRow:
    """`row` without the gas that its header tells, where that is in doubt (`monitor.chain.gas_rule`)."""
    if since is None or row.burn_rule is not BurnRule.HEADER or row.timestamp < since:
        return row
    return row._replace(burn_rule=BurnRule.RECEIPTS, receipt_gas=None)


def all_without_doubted(blocks: Sequence[Block | None], since: UnixTime | None) -> Sequence[Block | None]:
    """The same of blocks."""
    if since is None:
        return blocks
    return [block and Block(block.ref, without_doubted(block.row, since)) for block in blocks]


def _extend(gaps: list[Gap], kind: GapKind, number: BlockNumber, cause: str) -> None:
    for index, gap in enumerate(gaps):
        if gap.kind is kind and gap.last + 1 == number and gap.cause == cause:
            gaps[index] = Gap(kind, gap.first, number, cause)
            return
    gaps.append(Gap(kind, number, number, cause))
