"""Issuance of proof-of-work blocks, uncles and all, from an archive of headers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from monitor.chain.quantity import int64
from monitor.chain.reply import BatchCaller, Call, Shape, unwrap
from monitor.errors import BadAnswer
from monitor.supply.pow import MAX_UNCLES, block_reward_wei, pow_issuance_wei
from monitor.units import BlockNumber, Wei

BATCH = 100


class _Uncle(msgspec.Struct):
    number: str


_COUNT: Shape[str] = Shape(str)
_UNCLE: Shape[_Uncle] = Shape(_Uncle)


class PowBlock(NamedTuple):
    """What one block issued, to its miner and to those of its uncles."""

    number: BlockNumber
    uncles: tuple[BlockNumber, ...]
    issued_wei: Wei


Reward = Callable[[BlockNumber], Wei]
"""Reward of a block itself, by its number: which fork it is of."""


def read_pow_blocks(
    node: BatchCaller, first: BlockNumber, last: BlockNumber, *, reward: Reward = block_reward_wei
) -> Iterator[PowBlock]:
    """Blocks `first` to `last`, all before the Merge, in order. Raises NodeError; none is ever left out."""
    for start in range(first, last + 1, BATCH):
        yield from _read_batch(node, range(start, min(start + BATCH, last + 1)), reward)


def _read_batch(node: BatchCaller, numbers: range, reward: Reward) -> Iterator[PowBlock]:
    counted = node.batch([Call("eth_getUncleCountByBlockNumber", [hex(n)]) for n in numbers], _COUNT)
    counts = [_count(number, unwrap(text)) for number, text in zip(numbers, counted, strict=True)]
    places = [(n, index) for n, count in zip(numbers, counts, strict=True) for index in range(count)]
    calls = [Call("eth_getUncleByBlockNumberAndIndex", [hex(n), hex(index)]) for n, index in places]
    found = [_height(unwrap(uncle).number) for uncle in node.batch(calls, _UNCLE)] if calls else []
    uncles: dict[int, tuple[BlockNumber, ...]] = {}
    for (number, _), uncle in zip(places, found, strict=True):
        uncles[number] = (*uncles.get(number, ()), BlockNumber(uncle))
    for number in map(BlockNumber, numbers):
        yield _pow_block(number, uncles.get(number, ()), reward(number))


def _pow_block(number: BlockNumber, uncles: tuple[BlockNumber, ...], reward: Wei) -> PowBlock:
    try:
        return PowBlock(number, uncles, pow_issuance_wei(number, uncles, reward))
    except ValueError as error:
        raise BadAnswer("uncles", f"{error}.") from None


def _height(text: str) -> int:
    try:
        return int64(text)
    except ValueError as error:
        raise BadAnswer("uncles", f"an uncle's number is {error}.") from None


def _count(number: int, text: str) -> int:
    try:
        count = int64(text)
    except ValueError:
        count = -1
    if not 0 <= count <= MAX_UNCLES:
        raise BadAnswer("uncles", f"block {number} cannot have {text[:20]} uncles.")
    return count
