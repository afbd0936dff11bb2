"""The gas that a block's transactions paid for, from its receipts.

From Amsterdam on the header's `gasUsed` is no longer what fees were paid on; the receipts are.
The last receipt's `cumulativeGasUsed` is the sum, and it must equal the sum of `gasUsed`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from monitor.chain.member import Feature, Member
from monitor.chain.quantity import block_hash, hex_number, int64
from monitor.chain.rpc import Call, Endpoint, Shape
from monitor.domain import Block, BlockRef, BurnRule
from monitor.errors import BadAnswer, BlockGone, Unsupported
from monitor.units import Gas, Wei


class ReceiptJson(msgspec.Struct, gc=False, rename="camel"):
    """What burn needs of a receipt; logs stay undecoded."""

    block_hash: str
    transaction_index: str
    gas_used: str
    cumulative_gas_used: str
    blob_gas_used: str | None = None
    blob_gas_price: str | None = None


class _Hashes(msgspec.Struct, gc=False):
    hash: str
    transactions: list[str]


RECEIPTS: Shape[list[ReceiptJson] | None] = Shape(list[ReceiptJson] | None)
_RECEIPT: Shape[ReceiptJson | None] = Shape(ReceiptJson | None)
_HASHES: Shape[_Hashes | None] = Shape(_Hashes | None)


def with_receipts(member: Member, blocks: Sequence[Block | None]) -> list[Block | None]:
    """The blocks with `receipt_gas` where their `burn_rule` needs it.

    It stays None when the node has no receipts to give (a gap, which the follower records).
    Raises other NodeErrors: those pass.
    """
    filled: list[Block | None] = []
    for block in blocks:
        if block is None or block.row.burn_rule is not BurnRule.RECEIPTS:
            filled.append(block)
            continue
        try:
            gas = receipt_gas(member, block)
        except Unsupported:
            filled.append(block)
        else:
            filled.append(Block(block.ref, block.row._replace(receipt_gas=gas)))
    return filled


def receipt_gas(member: Member, block: Block) -> Gas:
    """Gas of the receipts of one block, by its hash. Works on every fork.

    Raises BadAnswer when the receipts contradict themselves or the block, BlockGone, Unsupported.
    """
    if block.row.tx_count == 0:
        if block.row.gas_used:
            raise BadAnswer(
                member.label, f"block {block.ref.number} used gas, but its list of transactions is empty."
            )
        return Gas(0)
    if member.features.get(Feature.BLOCK_RECEIPTS) is not False:
        try:
            receipts = read_receipts(member.endpoint, block.ref)
        except Unsupported:
            member.features[Feature.BLOCK_RECEIPTS] = False
        else:
            member.features[Feature.BLOCK_RECEIPTS] = True
            return _checked_sum(receipts, block, member.label)
    return _gas_up_to_last(member.endpoint, block)


def read_receipts(endpoint: Endpoint, ref: BlockRef) -> list[ReceiptJson]:
    """All receipts of a block, in order, checked to be of that block."""
    receipts = _ask(endpoint, ref)
    try:
        if any(block_hash(receipt.block_hash) != ref.hash for receipt in receipts):
            raise BlockGone(endpoint.label, f"its receipts of block {ref.number} are of another block.")
    except ValueError as error:
        raise BadAnswer(endpoint.label, f"a receipt of block {ref.number} holds {error}.") from None
    return receipts


def blob_gas_price(receipts: Sequence[ReceiptJson]) -> Wei | None:
    """The blob base fee that the node charged in this block; None without blob transactions.

    Raises ValueError on text that is no quantity.
    """
    for receipt in receipts:
        if receipt.blob_gas_price is not None and receipt.blob_gas_used not in {None, "0x0"}:
            return Wei(int64(receipt.blob_gas_price))
    return None


def _ask(endpoint: Endpoint, ref: BlockRef) -> list[ReceiptJson]:
    """By hash, else by number: some nodes take only that."""
    by_hash = Call("eth_getBlockReceipts", [ref.hash])
    by_number = Call("eth_getBlockReceipts", [hex_number(ref.number)])
    try:
        receipts = endpoint.call(*by_hash, RECEIPTS)
    except Unsupported as error:
        if "-32601" in error.problem:
            raise
        receipts = endpoint.call(*by_number, RECEIPTS)
    if receipts is None:
        raise BlockGone(endpoint.label, f"it has no receipts of block {ref.number}.")
    return receipts


def _checked_sum(receipts: Sequence[ReceiptJson], block: Block, label: str) -> Gas:
    count = block.row.tx_count
    if count is not None and len(receipts) != count:
        raise BadAnswer(
            label, f"block {block.ref.number} has {count} transactions but {len(receipts)} receipts."
        )
    try:
        total = sum(int64(receipt.gas_used) for receipt in receipts)
        last = int64(receipts[-1].cumulative_gas_used) if receipts else 0
    except ValueError as error:
        raise BadAnswer(label, f"a receipt of block {block.ref.number} holds {error}.") from None
    if total != last:
        raise BadAnswer(
            label, f"the receipts of block {block.ref.number} sum to {total} gas but end at {last}."
        )
    return Gas(total)


def _gas_up_to_last(endpoint: Endpoint, block: Block) -> Gas:
    """Without `eth_getBlockReceipts`: the last transaction's receipt has the sum."""
    label, ref = endpoint.label, block.ref
    hashes = endpoint.call("eth_getBlockByHash", [ref.hash, False], _HASHES)
    if hashes is None:
        raise BlockGone(label, f"it no longer has block {ref.number}.")
    if not hashes.transactions:
        return Gas(0)
    receipt = endpoint.call("eth_getTransactionReceipt", [hashes.transactions[-1]], _RECEIPT)
    if receipt is None:
        raise BlockGone(label, f"it has no receipt of the last transaction of block {ref.number}.")
    try:
        if block_hash(receipt.block_hash) != ref.hash:
            raise BlockGone(label, f"the last transaction of block {ref.number} moved to another block.")
        if int64(receipt.transaction_index) != len(hashes.transactions) - 1:
            raise ValueError("another index than the last transaction's")
        return Gas(int64(receipt.cumulative_gas_used))
    except ValueError as error:
        raise BadAnswer(label, f"the last receipt of block {ref.number} holds {error}.") from None
