"""Deposits of a range of blocks, from the execution node's logs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from monitor.chain.reply import TEXT, Shape
from monitor.errors import BadAnswer, BlockGone, CallReverted, Unsupported
from monitor.supply.deposits import (
    BUILDER_DEPOSITS,
    DEPOSIT_COUNT,
    DEPOSIT_TOPIC,
    decode_builder_deposit,
    decode_count,
    decode_deposit,
    sum_deposits,
)
from monitor.units import Address, BlockNumber, Gwei

T = TypeVar("T")
LOG_RANGE = 500
"""Blocks a request: within every provider's limit; about 70 deposits on a busy day."""


class Caller(Protocol):
    """`Endpoints`, as far as it is needed here."""

    def call(self, method: str, params: Sequence[object], shape: Shape[T]) -> T:
        """The result of one request. Raises NodeError."""
        ...


class _Log(msgspec.Struct):
    data: str
    blockNumber: str  # noqa: N815 - JSON-RPC's name
    logIndex: str  # noqa: N815 - JSON-RPC's name
    address: str
    removed: bool = False


_LOGS: Shape[list[_Log]] = Shape(list[_Log])


class Deposits(NamedTuple):
    """What entered the consensus layer in a range of blocks."""

    gwei: Gwei
    next_number: int | None
    """Number of the deposit to come; None while none was ever seen."""


def read_deposits(
    node: Caller,
    contract: Address,
    first: BlockNumber,
    last: BlockNumber,
    *,
    next_number: int | None = None,
    builders: bool = False,
) -> Deposits:
    """Deposits of blocks `first` to `last`, which should be finalized; validators' and builders'.

    `next_number` of the range before proves that no log is missing before another one, and the contract's
    own count, where the node still has the state of `last`, that none is missing after the last one.
    Raises NodeError.
    """
    try:
        found = [decode_deposit(data) for data in _logs(node, contract, [DEPOSIT_TOPIC], first, last)]
        total, following = sum_deposits(found, next_number)
        _check_count(node, contract, last, following)
        if builders:
            total += sum(
                decode_builder_deposit(data) for data in _logs(node, BUILDER_DEPOSITS, [], first, last)
            )
    except ValueError as error:
        raise BadAnswer("deposit logs", f"blocks {first} to {last}: {error}.") from None
    return Deposits(Gwei(total), following)


def _check_count(node: Caller, contract: Address, last: BlockNumber, following: int | None) -> None:
    """Raises ValueError where the contract has counted other deposits than the logs tell of."""
    if following is None:
        return
    call = {"to": contract, "data": DEPOSIT_COUNT}
    try:
        text = node.call("eth_call", [call, hex(last)], TEXT)
    except (Unsupported, CallReverted, BlockGone):
        return  # the state is pruned: the next range's first log tells
    if text == "0x":
        return  # not the contract that we know: a network of one's own
    count = decode_count(bytes.fromhex(text.removeprefix("0x")))
    if count != following:
        raise ValueError(f"the contract has counted {count} deposits, its logs end at {following}")


def _logs(
    node: Caller, contract: Address, topics: Sequence[str], first: BlockNumber, last: BlockNumber
) -> Iterator[bytes]:
    """Data of the contract's logs in the order of the chain."""
    for start in range(first, last + 1, LOG_RANGE):
        end = min(start + LOG_RANGE - 1, last)
        wanted = {"address": contract, "topics": topics, "fromBlock": hex(start), "toBlock": hex(end)}
        logs = node.call("eth_getLogs", [wanted], _LOGS)
        places = [(int(log.blockNumber, 16), int(log.logIndex, 16)) for log in logs]
        if any(log.removed or log.address.lower() != contract for log in logs):
            raise ValueError("a log is of another contract, or was taken back")
        if any(not start <= block <= end for block, _ in places) or len(set(places)) != len(places):
            raise ValueError("a log is from outside the range, or comes twice")
        for _, log in sorted(zip(places, logs, strict=True), key=lambda pair: pair[0]):
            yield bytes.fromhex(log.data.removeprefix("0x"))
