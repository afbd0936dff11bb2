"""Totals of a set of blocks as exact integers."""

from __future__ import annotations

from typing import Any, NamedTuple

from monitor.units import (
    WEI_PER_GWEI,
    BlobGas,
    BlockNumber,
    Gas,
    Gwei,
    Wei,
    half_up_div,
)


class FeeStats(NamedTuple):
    """One fee per block over `blocks` blocks. Where several blocks share an extreme: the lowest."""

    blocks: int
    sum_wei: Wei
    min_wei: Wei
    min_block: BlockNumber
    max_wei: Wei
    max_block: BlockNumber

    @property
    def mean_wei(self) -> Wei:
        """Mean per block (not weighted by gas), to the nearest wei."""
        return Wei(half_up_div(self.sum_wei, self.blocks))

    def plus(self, other: FeeStats) -> FeeStats:
        """Of both sets of blocks, which must not overlap."""
        low = min((self.min_wei, self.min_block), (other.min_wei, other.min_block))
        high = min((-self.max_wei, self.max_block), (-other.max_wei, other.max_block))
        return FeeStats(
            blocks=self.blocks + other.blocks,
            sum_wei=Wei(self.sum_wei + other.sum_wei),
            min_wei=low[0],
            min_block=low[1],
            max_wei=Wei(-high[0]),
            max_block=high[1],
        )


def _both(one: FeeStats | None, other: FeeStats | None) -> FeeStats | None:
    if one is None or other is None:
        return one or other
    return one.plus(other)


class Totals(NamedTuple):
    """Exact sums over `blocks` stored blocks. What is not known is counted, never added as 0.

    `*_unknown` counts the blocks that the sum beside it leaves out: `burn_unknown` those whose
    receipts were not read, `blob_burn_unknown` those whose blob schedule is in doubt, `tx_unknown`
    and `withdrawals_unknown` those stored from headers alone.
    """

    blocks: int
    burn_wei: Wei
    burn_unknown: int
    blob_burn_wei: Wei
    blob_burn_unknown: int
    fee_gas: Gas
    """Gas that the known base burn was paid on; `burn_wei / fee_gas` is the mean fee weighted by gas."""
    gas_used: Gas
    gas_limit: Gas
    blob_gas_used: BlobGas
    base_fee: FeeStats | None
    """None where no block has a base fee."""
    blob_fee: FeeStats | None
    tx_count: int
    tx_unknown: int
    withdrawal_count: int
    withdrawals_gwei: Gwei
    withdrawals_unknown: int

    def plus(self, other: Totals) -> Totals:
        """Of both sets of blocks, which must not overlap."""
        return Totals(
            blocks=self.blocks + other.blocks,
            burn_wei=Wei(self.burn_wei + other.burn_wei),
            burn_unknown=self.burn_unknown + other.burn_unknown,
            blob_burn_wei=Wei(self.blob_burn_wei + other.blob_burn_wei),
            blob_burn_unknown=self.blob_burn_unknown + other.blob_burn_unknown,
            fee_gas=Gas(self.fee_gas + other.fee_gas),
            gas_used=Gas(self.gas_used + other.gas_used),
            gas_limit=Gas(self.gas_limit + other.gas_limit),
            blob_gas_used=BlobGas(self.blob_gas_used + other.blob_gas_used),
            base_fee=_both(self.base_fee, other.base_fee),
            blob_fee=_both(self.blob_fee, other.blob_fee),
            tx_count=self.tx_count + other.tx_count,
            tx_unknown=self.tx_unknown + other.tx_unknown,
            withdrawal_count=self.withdrawal_count + other.withdrawal_count,
            withdrawals_gwei=Gwei(self.withdrawals_gwei + other.withdrawals_gwei),
            withdrawals_unknown=self.withdrawals_unknown + other.withdrawals_unknown,
        )


NOTHING = Totals(
    blocks=0,
    burn_wei=Wei(0),
    burn_unknown=0,
    blob_burn_wei=Wei(0),
    blob_burn_unknown=0,
    fee_gas=Gas(0),
    gas_used=Gas(0),
    gas_limit=Gas(0),
    blob_gas_used=BlobGas(0),
    base_fee=None,
    blob_fee=None,
    tx_count=0,
    tx_unknown=0,
    withdrawal_count=0,
    withdrawals_gwei=Gwei(0),
    withdrawals_unknown=0,
)
"""Of no block at all."""


def read(row: tuple[Any, ...]) -> Totals:
    """`Totals` of one row of `COLUMNS`, unpacked in their order: a series reads thousands."""
    # fmt: off
    (
        _, _, blocks, burn_gwei, burn_rest, burn_unknown, blob_gwei, blob_rest, blob_unknown,
        fee_gas, gas_used, limit_giga, limit_rest, blob_gas_used,
        base_blocks, base_gwei, base_rest, fee_blocks, fee_gwei, fee_rest,
        tx_count, tx_unknown, withdrawals, withdrawals_gwei, withdrawals_unknown,
        base_min, base_min_block, base_max, base_max_block, fee_min, fee_min_block, fee_max, fee_max_block,
    ) = row
    # fmt: on
    base_sum, fee_sum = Wei(base_gwei * WEI_PER_GWEI + base_rest), Wei(fee_gwei * WEI_PER_GWEI + fee_rest)
    return Totals(
        blocks,
        Wei(burn_gwei * WEI_PER_GWEI + burn_rest),
        burn_unknown,
        Wei(blob_gwei * WEI_PER_GWEI + blob_rest),
        blob_unknown,
        fee_gas,
        gas_used,
        Gas(limit_giga * WEI_PER_GWEI + limit_rest),
        blob_gas_used,
        FeeStats(base_blocks, base_sum, base_min, base_min_block, base_max, base_max_block)
        if base_blocks
        else None,
        FeeStats(fee_blocks, fee_sum, fee_min, fee_min_block, fee_max, fee_max_block) if fee_blocks else None,
        tx_count,
        tx_unknown,
        withdrawals,
        withdrawals_gwei,
        withdrawals_unknown,
    )
