"""Blocks and reorgs of the demo in words."""

from __future__ import annotations

from monitor.domain import BlockRow
from monitor.store.history import ReorgRecord
from monitor.supply.blobs import GAS_PER_BLOB
from monitor.supply.burn import burn_of
from monitor.units import floor_div, format_eth, format_gwei


def block_cells(row: BlockRow) -> tuple[str, ...]:
    """A block for a table: number, base fee, gas used, burn, blobs, transactions."""
    burn = burn_of(row)
    base = "not known" if burn.base_wei is None else f"{format_eth(burn.base_wei, 6)} ETH"
    return (
        f"{row.number:,}",
        fee_words(row),
        f"{floor_div(row.gas_used * 100, row.gas_limit)} %",
        base,
        str(blobs_in(row.blob_gas_used or 0)),
        str(row.tx_count),
    )


def block_words(row: BlockRow) -> tuple[str, ...]:
    """A block for a line of text."""
    number, fee, gas, burned, blobs, count = block_cells(row)
    return (
        f"block {number:>4}",
        f"base fee {fee:>12}",
        f"gas {gas:>4}",
        f"burned {burned:>13}",
        f"{blobs} {'blob ' if blobs == '1' else 'blobs'}",
        f"{count:>3} transactions",
    )


def reorg_words(record: ReorgRecord) -> str:
    """A reorg in a line."""
    reorg = record.reorg
    return (
        f"REORG: {reorg.depth} blocks above {reorg.ancestor:,} were replaced; "
        f"the {format_eth(record.burn_wei, 6)} ETH that they burned were taken back"
    )


def fee_words(row: BlockRow) -> str:
    """Its base fee."""
    return "none" if row.base_fee_wei is None else f"{format_gwei(row.base_fee_wei, 3)} gwei"


def blobs_in(gas: int) -> int:
    """How many blobs that much blob gas is."""
    return floor_div(gas, GAS_PER_BLOB)
