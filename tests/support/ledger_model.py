"""What the store must answer, computed from plain Python lists with no SQL: the judge of its laws."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from monitor.domain import Block, BlockRef, BlockRow, BurnRule
from monitor.store.totals import FeeStats, Totals
from monitor.units import BlobGas, BlockNumber, Gas, Gwei, UnixTime, Wei
from tests.support.databases import block_hash

START = 1_699_999_000


def time_of(number: int) -> UnixTime:
    """Irregular block times, five to seven blocks an hour, with pauses of several hours."""
    pauses = number // 37 * 9_000
    return UnixTime(START + 600 * number + number % 7 * 30 + pauses)


def varied_block(number: int, branch: str = "", parent_branch: str | None = None) -> Block:
    """A block of any fork: fees that do not exist, fees that are not known, receipts read or not."""
    mix = int(hashlib.sha256(f"{branch}:{number}".encode()).hexdigest(), 16)
    parent = block_hash(number - 1, branch if parent_branch is None else parent_branch)
    receipts = mix % 5 == 0
    blobs = mix % 7 > 1
    header_mode = mix % 11 == 0
    row = BlockRow(
        number=BlockNumber(number),
        timestamp=time_of(number),
        gas_limit=Gas((30_000_000, 2**53 - 1, 2**63 - 1)[mix % 3]),
        gas_used=Gas(mix % 60_000_000),
        base_fee_wei=None if mix % 13 == 0 else Wei(mix % 97 * 10 ** (mix % 15)),
        burn_rule=BurnRule.RECEIPTS if receipts else BurnRule.HEADER,
        receipt_gas=Gas(mix % 50_000_000) if receipts and mix % 3 else None,
        blob_gas_used=BlobGas(131_072 * (mix % 22)) if blobs else None,
        excess_blob_gas=BlobGas(mix % 10**9) if blobs else None,
        blob_base_fee_wei=Wei(1 + mix % 10**12) if blobs and mix % 17 else None,
        tx_count=None if header_mode else mix % 500,
        withdrawal_count=None if header_mode else mix % 17,
        withdrawals_gwei=None if header_mode else Gwei(mix % 10**12),
    )
    return Block(BlockRef(row.number, block_hash(number, branch), parent, row.timestamp), row)


def burn(row: BlockRow) -> int | None:
    """Wei burned by the base fee; None where not known or not there."""
    gas = row.gas_used if row.burn_rule is BurnRule.HEADER else row.receipt_gas
    return None if row.base_fee_wei is None or gas is None else row.base_fee_wei * gas


def blob_burn(row: BlockRow) -> int | None:
    """Wei burned by blobs."""
    if row.blob_gas_used is None or row.blob_base_fee_wei is None:
        return None
    return row.blob_gas_used * row.blob_base_fee_wei


def totals_of(rows: Iterable[BlockRow]) -> Totals:
    """`Totals` by definition, one row after the other."""
    rows = list(rows)
    burned = [row for row in rows if burn(row) is not None]
    return Totals(
        blocks=len(rows),
        burn_wei=Wei(sum(burn(row) or 0 for row in rows)),
        burn_unknown=sum(row.base_fee_wei is not None and burn(row) is None for row in rows),
        blob_burn_wei=Wei(sum(blob_burn(row) or 0 for row in rows)),
        blob_burn_unknown=sum(bool(row.blob_gas_used) and blob_burn(row) is None for row in rows),
        fee_gas=Gas(
            sum(
                (row.gas_used if row.burn_rule is BurnRule.HEADER else row.receipt_gas) or 0 for row in burned
            )
        ),
        gas_used=Gas(sum(row.gas_used for row in rows)),
        gas_limit=Gas(sum(row.gas_limit for row in rows)),
        blob_gas_used=BlobGas(sum(row.blob_gas_used or 0 for row in rows)),
        base_fee=_fees([(row.base_fee_wei, row.number) for row in rows if row.base_fee_wei is not None]),
        blob_fee=_fees(
            [(row.blob_base_fee_wei, row.number) for row in rows if row.blob_base_fee_wei is not None]
        ),
        tx_count=sum(row.tx_count or 0 for row in rows),
        tx_unknown=sum(row.tx_count is None for row in rows),
        withdrawal_count=sum(row.withdrawal_count or 0 for row in rows),
        withdrawals_gwei=Gwei(sum(row.withdrawals_gwei or 0 for row in rows)),
        withdrawals_unknown=sum(row.tx_count is None and row.withdrawals_gwei is None for row in rows),
    )


def _fees(fees: Sequence[tuple[Wei, BlockNumber]]) -> FeeStats | None:
    if not fees:
        return None
    low = min(fees)
    high = max(fees, key=lambda fee: (fee[0], -fee[1]))
    return FeeStats(len(fees), Wei(sum(fee for fee, _ in fees)), low[0], low[1], high[0], high[1])
