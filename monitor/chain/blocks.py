"""A node's block JSON becomes a `Block`, or a `BadAnswer`. Nothing is assumed, nothing defaulted.

The hot path of a backfill: the list of transactions is skipped by the decoder and counted by its
length. Works for `eth_getBlockByNumber(n, false)` and `eth_getHeaderByNumber` alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec import Raw

from monitor.chain.quantity import block_hash, int64
from monitor.chain.rpc import Shape
from monitor.domain import Block, BlockRef, BlockRow, BurnRule
from monitor.errors import BadAnswer, NodeError
from monitor.units import (
    MAX_INT64,
    BlobGas,
    BlockHash,
    BlockNumber,
    Gas,
    Gwei,
    UnixTime,
    Wei,
)

BlobFee = Callable[[UnixTime, BlobGas], Wei | None]
"""Blob base fee of a block, from its time and excess blob gas; None where the schedule is in doubt."""


class WithdrawalJson(msgspec.Struct, gc=False):
    """Only what is summed."""

    amount: str


class BlockJson(msgspec.Struct, gc=False, rename="camel"):
    """The fields of a block or header that we keep; the transactions stay undecoded."""

    number: str
    hash: str
    parent_hash: str
    timestamp: str
    gas_limit: str
    gas_used: str
    difficulty: str | None = None
    base_fee_per_gas: str | None = None
    withdrawals_root: str | None = None
    blob_gas_used: str | None = None
    excess_blob_gas: str | None = None
    block_access_list_hash: str | None = None
    transactions: Raw = Raw(b"")
    withdrawals: list[WithdrawalJson] | None = None


BLOCK: Shape[BlockJson | None] = Shape(BlockJson | None)


def to_ref(json: BlockJson, label: str) -> BlockRef:
    """A block's place in the chain. Raises BadAnswer."""
    try:
        return _ref(json)
    except ValueError as error:
        raise BadAnswer(label, f"a block holds {error}.") from None


def to_block(json: BlockJson, number: int, blob_fee: BlobFee, label: str) -> Block:
    """The block that was asked for by `number`. Raises BadAnswer naming the endpoint `label`.

    `receipt_gas` stays None: where `burn_rule` is RECEIPTS it is read by `monitor.chain.receipts`.
    """
    try:
        ref = _ref(json)
        if ref.number != number:
            raise ValueError(f"number {ref.number} instead of {number}")
        return Block(ref, _row(json, ref, blob_fee))
    except ValueError as error:
        raise BadAnswer(label, f"block {number} holds {error}.") from None


def to_blocks(
    answers: Sequence[BlockJson | NodeError | None], first: int, blob_fee: BlobFee, label: str
) -> list[Block | None]:
    """A batch of blocks `first`, `first + 1`, ...; None where the node has none.

    Raises BadAnswer, or the first error of a single request.
    """
    blocks: list[Block | None] = []
    for number, answer in enumerate(answers, first):
        if answer is None:
            blocks.append(None)
        elif isinstance(answer, NodeError):
            raise answer
        else:
            blocks.append(to_block(answer, number, blob_fee, label))
    return blocks


def transaction_count(transactions: Raw) -> int | None:
    """How many; None where the answer was a header. A list of hashes is counted by its length."""
    view = memoryview(transactions)
    size = len(view)
    if size == 0:
        return None
    if size == 2:
        return 0
    count, rest = divmod(size - 1, _HASH_ITEM)
    if rest == 0 and view[1] == _QUOTE and view[-2] == _QUOTE:
        return count
    try:
        return len(_LIST.decode(transactions))
    except msgspec.DecodeError:
        raise ValueError("a list of transactions that is none") from None


_HASH_ITEM = len('"",') + 66
_QUOTE = ord('"')
_LIST = msgspec.json.Decoder(list[Raw])


def _ref(json: BlockJson) -> BlockRef:
    return BlockRef(
        BlockNumber(int64(json.number)),
        block_hash(json.hash),
        block_hash(json.parent_hash),
        UnixTime(int64(json.timestamp)),
    )


def _row(json: BlockJson, ref: BlockRef, blob_fee: BlobFee) -> BlockRow:
    base_fee = None if json.base_fee_per_gas is None else int64(json.base_fee_per_gas)
    if base_fee is None and (json.difficulty == "0x0" or json.withdrawals_root or json.blob_gas_used):
        raise ValueError("no base fee, though its fork has one")
    blob_used, excess, fee = _blobs(json, ref, blob_fee)
    count = transaction_count(json.transactions)
    withdrawals = json.withdrawals
    if withdrawals is None and json.withdrawals_root is not None and count is not None:
        raise ValueError("a withdrawals root but no withdrawals")
    paid = None if withdrawals is None else _sum(withdrawals)
    return BlockRow(
        ref.number,
        ref.timestamp,
        Gas(int64(json.gas_limit)),
        Gas(int64(json.gas_used)),
        None if base_fee is None else Wei(base_fee),
        BurnRule.HEADER if json.block_access_list_hash is None else BurnRule.RECEIPTS,
        None,
        blob_used,
        excess,
        fee,
        count,
        None if withdrawals is None else len(withdrawals),
        None if paid is None else Gwei(paid),
    )


def _sum(withdrawals: list[WithdrawalJson]) -> int:
    """The amounts together, in gwei. One check of all the text: sixteen calls would cost 4 us a block."""
    texts = [withdrawal.amount for withdrawal in withdrawals]
    joined = "".join(texts)
    if joined and not (joined.isalnum() and joined.isascii() and joined.count("0x") == len(texts)):
        raise ValueError("a withdrawal that is not a hex quantity")
    total = sum([int(text, 16) for text in texts])
    if total > MAX_INT64:
        raise ValueError("withdrawals of 2**63 gwei or more")
    return total


def _blobs(
    json: BlockJson, ref: BlockRef, blob_fee: BlobFee
) -> tuple[BlobGas | None, BlobGas | None, Wei | None]:
    used, excess = json.blob_gas_used, json.excess_blob_gas
    if used is None and excess is None:
        return None, None, None
    if used is None or excess is None:
        raise ValueError("only one of blobGasUsed and excessBlobGas")
    gas = BlobGas(int64(excess))
    fee = blob_fee(ref.timestamp, gas)
    return BlobGas(int64(used)), gas, fee if fee is None or fee <= MAX_INT64 else None


def no_blob_fee(_timestamp: UnixTime, _excess: BlobGas) -> Wei | None:
    """For readers that need no blob fee, and where no schedule is known."""
    return None


def is_hash(text: str) -> bool:
    """Whether `text` is a block hash."""
    try:
        return block_hash(text) == BlockHash(text)
    except ValueError:
        return False
