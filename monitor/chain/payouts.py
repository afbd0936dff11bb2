"""Payouts of the withdrawal sweep, of a fixed sample of validators, from blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from monitor.chain.quantity import int64
from monitor.chain.reply import BatchCaller, Call, Shape, unwrap
from monitor.errors import BadAnswer
from monitor.supply.sweep import BUILDER_BIT, Payout
from monitor.units import BlockNumber, Gwei, UnixTime

BATCH = 50
ONE_IN = 64
"""Validators whose index this divides: about 1,800 payouts a day on mainnet, enough within two sweeps."""


class _Withdrawal(msgspec.Struct, rename="camel"):
    validator_index: str
    amount: str


class _Block(msgspec.Struct):
    number: str
    timestamp: str
    withdrawals: list[_Withdrawal] = []


_BLOCK: Shape[_Block | None] = Shape(_Block | None)


class PaidOut(NamedTuple):
    """A payout and its block."""

    block_number: BlockNumber
    payout: Payout


def read_payouts(node: BatchCaller, first: BlockNumber, last: BlockNumber) -> Iterator[PaidOut]:
    """Payouts of the sample in blocks `first` to `last`, in order. Raises NodeError; no block is left out."""
    for start in range(first, last + 1, BATCH):
        numbers = range(start, min(start + BATCH, last + 1))
        calls = [Call("eth_getBlockByNumber", [hex(number), False]) for number in numbers]
        for number, answer in zip(numbers, node.batch(calls, _BLOCK), strict=True):
            yield from _sampled(number, unwrap(answer))


def _sampled(number: int, block: _Block | None) -> Iterator[PaidOut]:
    if block is None:
        raise BadAnswer("withdrawals", f"block {number} is not there.")
    try:
        if int64(block.number) != number:
            raise ValueError("another number")
        time = UnixTime(int64(block.timestamp))
        for one in block.withdrawals:
            index = int64(one.validator_index)
            if index % ONE_IN == 0 and index < BUILDER_BIT:
                payout = Payout(index, Gwei(int64(one.amount)), time)
                yield PaidOut(BlockNumber(number), payout)
    except ValueError as error:
        raise BadAnswer("withdrawals", f"block {number} holds {error}.") from None
