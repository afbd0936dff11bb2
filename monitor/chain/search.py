"""The block that a person means: a number, a fork, a date, a time back from the head."""

from __future__ import annotations

from monitor.domain import BlockRef
from monitor.errors import BadAnswer, UsageError
from monitor.ports import BlockSource
from monitor.supply import frames
from monitor.supply.forks import Chain
from monitor.units import BlockNumber, UnixTime


def block_of(source: BlockSource, head: BlockRef, text: str, chain: Chain | None) -> BlockNumber:
    """A block number as written, or the first block after the moment that `text` names.

    Takes `12965000`, `london`, `2025-03-01`, `30d`. Raises UsageError for anything else.
    """
    plain = text.strip().replace(",", "").replace("_", "")
    if plain.isascii() and plain.isdigit():
        number = int(plain)
        if number > head.number:
            raise UsageError(f"Block {number:,} is not there yet: the head is {head.number:,}.")
        return BlockNumber(number)
    fork = chain.fork(text) if chain else None
    if fork is not None and fork.block is not None:
        return fork.block
    return first_after(source, head, frames.parse(text, chain, head.timestamp).start)


def first_after(source: BlockSource, head: BlockRef, time: UnixTime) -> BlockNumber:
    """The lowest block with a timestamp above `time`, by binary search (about 25 reads)."""
    low, high = 0, head.number
    while low < high:
        middle = (low + high) // 2
        ref = source.ref(BlockNumber(middle))
        if ref is None:
            raise BadAnswer(
                "node", f"it has no block {middle}, so the date cannot be found; give block numbers"
            )
        if ref.timestamp > time:
            high = middle
        else:
            low = middle + 1
    return BlockNumber(low)
