"""A node's block JSON becomes a `Block`, or a `BadAnswer`. Nothing is assumed, nothing defaulted.

The hot path of a backfill: the list of transactions is skipped by the decoder and counted by its
length. Works for `eth_getBlockByNumber(n, false)` and `eth_getHeaderByNumber` alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from operator import attrgetter
from typing import Annotated

import msgspec
from msgspec import Raw

from monitor.chain.quantity import block_hash, int64, int64s
from monitor.chain.rpc import Shape
from monitor.chain.sieve import hash_count
from monitor.domain import Block, BlockRef, BlockRow, BurnRule
from monitor.errors import BadAnswer, NodeError
from monitor.units import (
    MAX_INT64,
    BlobGas,
    BlockHash,
    BlockNumber,
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
        (block,) = _blocks((json,), number, blob_fee)
    except ValueError as error:
        raise BadAnswer(label, f"block {number} holds {error}.") from None
    return block


def to_blocks(
    answers: Sequence[BlockJson | NodeError | None], first: int, blob_fee: BlobFee, label: str
) -> list[Block | None]:
    """A batch of blocks `first`, `first + 1`, ...; None where the node has none.

    Raises BadAnswer, or the first error of a single request.
    """
    found = [answer for answer in answers if isinstance(answer, BlockJson)]
    if len(found) == len(answers):
        with suppress(ValueError):  # in one of them, which is found one by one
            return [*_blocks(found, first, blob_fee)]
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
    text = memoryview(transactions)
    if not text:
        return None
    if text[0] != _BRACKET:
        return _counted(transactions)
    count = hash_count(text)
    if count is not None:
        return count
    try:
        return len(_LIST.decode(transactions))
    except msgspec.DecodeError:
        raise ValueError("a list of transactions that is none") from None


def _counted(transactions: Raw) -> int:
    """The number that `monitor.chain.sieve` left in place of the list."""
    try:
        return _NUMBER.decode(transactions)
    except msgspec.DecodeError:
        raise ValueError("a list of transactions that is none") from None


_BRACKET = ord("[")
_HEADER, _RECEIPTS = BurnRule.HEADER, BurnRule.RECEIPTS
_NO_BLOBS = (None, None, None)
_LIST = msgspec.json.Decoder(list[Raw])
_NUMBER = msgspec.json.Decoder(Annotated[int, msgspec.Meta(ge=0)])


def _ref(json: BlockJson) -> BlockRef:
    return BlockRef(
        BlockNumber(int64(json.number)),
        block_hash(json.hash),
        block_hash(json.parent_hash),
        UnixTime(int64(json.timestamp)),
    )


_QUANTITIES = attrgetter(
    "number", "timestamp", "gas_limit", "gas_used", "base_fee_per_gas", "blob_gas_used", "excess_blob_gas"
)


def _blocks(found: Sequence[BlockJson], first: int, blob_fee: BlobFee) -> list[Block]:
    """All numbers of all blocks in one look, their units by position: one at a time would double the cost."""
    fields = int64s([text for json in found for text in _QUANTITIES(json) if text is not None])
    amounts = int64s([one.amount for json in found if json.withdrawals for one in json.withdrawals])
    values, paid = iter(fields), iter(amounts)
    blocks: list[Block] = []
    parent = BlockHash("")
    for asked, json in enumerate(found, first):
        _check_fields(json)
        number, time = next(values), next(values)
        if number != asked:
            raise ValueError(f"number {number} instead of {asked}")
        row = BlockRow(
            number,
            time,
            next(values),
            next(values),
            None if json.base_fee_per_gas is None else next(values),
            _HEADER if json.block_access_list_hash is None else _RECEIPTS,
            None,
            *(
                _NO_BLOBS
                if json.blob_gas_used is None
                else _blobs(time, next(values), next(values), blob_fee)
            ),
            *_contents(json, paid),
        )
        above = parent if json.parent_hash == parent else block_hash(json.parent_hash)
        parent = block_hash(json.hash)
        blocks.append(Block(BlockRef(number, parent, above, time), row))
    return blocks


def _check_fields(json: BlockJson) -> None:
    """Which fields a block has is a matter of its fork: some go together."""
    base_fee, used = json.base_fee_per_gas, json.blob_gas_used
    if base_fee is None and (json.difficulty == "0x0" or json.withdrawals_root or used):
        raise ValueError("no base fee, though its fork has one")
    if (used is None) is not (json.excess_blob_gas is None):
        raise ValueError("only one of blobGasUsed and excessBlobGas")


def _blobs(
    time: UnixTime, used: BlobGas, excess: BlobGas, blob_fee: BlobFee
) -> tuple[BlobGas, BlobGas, Wei | None]:
    """Blob gas used, excess and blob base fee, of a block that has blob fields."""
    fee = blob_fee(time, excess)
    return used, excess, storable(fee)


def _contents(json: BlockJson, amounts: Iterator[int]) -> tuple[int | None, int | None, Gwei | None]:
    """Counts of transactions and withdrawals, and what was withdrawn: the next of `amounts`."""
    count = transaction_count(json.transactions)
    if json.withdrawals is None:
        if json.withdrawals_root is not None and count is not None:
            raise ValueError("a withdrawals root but no withdrawals")
        return count, None, None
    paid = sum(islice(amounts, len(json.withdrawals)))
    if paid > MAX_INT64:
        raise ValueError("withdrawals of 2**63 gwei or more")
    return count, len(json.withdrawals), Gwei(paid)


def storable(fee: Wei | None) -> Wei | None:
    """A blob base fee that the store can hold; None for one that no schedule of today can have."""
    return fee if fee is None or fee <= MAX_INT64 else None


def no_blob_fee(_timestamp: UnixTime, _excess: BlobGas) -> Wei | None:
    """For readers that need no blob fee, and where no schedule is known."""
    return None


def is_hash(text: str) -> bool:
    """Whether `text` is a block hash."""
    try:
        return block_hash(text) == BlockHash(text)
    except ValueError:
        return False
