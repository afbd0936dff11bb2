"""Events as a node writes them: filters out, checked logs in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from monitor.chain.quantity import address, block_hash, data, hex_data, int64
from monitor.chain.rpc import Shape
from monitor.domain import BlockRef
from monitor.errors import BadAnswer, BlockGone
from monitor.units import Address, BlockNumber

Topic = bytes | Sequence[bytes] | None
"""A value, alternatives, or None for any."""


class Log(NamedTuple):
    """An event of the block."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes
    log_index: int
    transaction_hash: str
    """0x and 64 lower-case hex digits."""


class LogJson(msgspec.Struct, gc=False, rename="camel"):
    """What we read of a log."""

    address: str
    topics: list[str]
    data: str
    log_index: str
    transaction_hash: str
    block_hash: str
    removed: bool = False


class FoundLog(NamedTuple):
    """An event, and the block it was found in."""

    block: BlockNumber
    log: Log


class FoundJson(LogJson, gc=False, rename="camel"):
    """The same with its block."""

    block_number: str = ""


LOGS: Shape[list[LogJson]] = Shape(list[LogJson])
FOUND: Shape[list[FoundJson]] = Shape(list[FoundJson])


def topic_json(topic: Topic) -> Any:
    """A topic of a filter."""
    if topic is None or isinstance(topic, bytes):
        return None if topic is None else hex_data(topic)
    return [hex_data(one) for one in topic]


def found_log(json: FoundJson, label: str) -> FoundLog:
    """Wherever it was found. Raises BadAnswer."""
    try:
        return FoundLog(BlockNumber(int64(json.block_number)), _plain(json))
    except ValueError as error:
        raise BadAnswer(label, f"a log that it found holds {error}.") from None


def _plain(json: LogJson) -> Log:
    """Raises ValueError."""
    topics = tuple(data(topic) for topic in json.topics)
    transaction = block_hash(json.transaction_hash)
    return Log(address(json.address), topics, data(json.data), int64(json.log_index), transaction)


def log_of(json: LogJson, block: BlockRef, label: str) -> Log:
    """Of this block. Raises BlockGone, BadAnswer."""
    try:
        if block_hash(json.block_hash) != block.hash or json.removed:
            raise BlockGone(label, f"its logs of block {block.number} are of another block.")
        return _plain(json)
    except ValueError as error:
        raise BadAnswer(label, f"a log of block {block.number} holds {error}.") from None
