"""A chain that can fork, lag and lie, as a `BlockSource`: the follower's adversary."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from monitor.domain import Block, BlockRef, BlockRow, BurnRule
from monitor.errors import BadAnswer, NodeUnavailable
from monitor.units import BlobGas, BlockHash, BlockNumber, Gas, Gwei, UnixTime, Wei

GENESIS_TIME = 1_750_000_000


def make_block(parent: BlockRef | None, salt: int, slots: int = 1, *, base_time: int = GENESIS_TIME) -> Block:
    """A child of `parent`; the same parent, salt and slots give the same block."""
    number = 0 if parent is None else parent.number + 1
    time = base_time if parent is None else parent.timestamp + 12 * slots
    parent_hash = BlockHash("0x" + "00" * 32) if parent is None else parent.hash
    digest = hashlib.sha256(f"{parent_hash}{number}{time}{salt}".encode()).hexdigest()
    ref = BlockRef(BlockNumber(number), BlockHash("0x" + digest), parent_hash, UnixTime(time))
    seed = int(digest[:12], 16)
    row = BlockRow(
        BlockNumber(number),
        UnixTime(time),
        Gas(36_000_000),
        Gas(seed % 36_000_000),
        Wei(seed % 10**12 + 7),
        BurnRule.HEADER,
        None,
        BlobGas(131_072 * (seed % 10)),
        BlobGas(seed % 10**8),
        Wei(seed % 10**10 + 1),
        seed % 300,
        16,
        Gwei(seed % 10**9),
    )
    return Block(ref, row)


class SimulatedNode:
    """One canonical chain, and switches for what goes wrong."""

    def __init__(self, *, finality: int = 64, genesis_slots: int = 1) -> None:
        self.chain: list[Block] = [make_block(None, 0, genesis_slots)]
        self.finality = finality
        self.final = -1
        self.lag = 0
        """Blocks by which this endpoint is behind."""
        self.down = False
        self.unreadable: set[int] = set()
        """Numbers whose block always comes back malformed."""
        self.fail_after: int | None = None
        """Calls that still work before the node goes away in mid-read."""
        self.broken_links = False

    def mine(self, salt: int, slots: int = 1) -> None:
        self.chain.append(make_block(self.chain[-1].ref, salt, slots))
        self.final = max(self.final, len(self.chain) - 1 - self.finality)

    def reorg(self, depth: int, length: int, salt: int, *, break_finality: bool = False) -> None:
        """Replace the newest `depth` blocks by `length` others, finalized ones only when told to."""
        floor = 0 if break_finality else max(0, self.final)
        depth = min(depth, len(self.chain) - 1 - floor)
        del self.chain[len(self.chain) - depth :]
        for index in range(length):
            self.mine(salt + index, 1)

    def head(self) -> BlockRef:
        self._answer()
        return self._visible()[-1].ref

    def finalized(self) -> BlockRef | None:
        self._answer()
        return self.chain[self.final].ref if 0 <= self.final < len(self._visible()) else None

    def ref(self, number: BlockNumber) -> BlockRef | None:
        self._answer()
        visible = self._visible()
        return visible[number].ref if number < len(visible) else None

    def blocks(self, first: BlockNumber, last: BlockNumber) -> Sequence[Block | None]:
        self._answer()
        visible = self._visible()
        if any(number in self.unreadable for number in range(first, last + 1)):
            raise BadAnswer("simulated", "gasUsed is missing")
        found: list[Block | None] = [visible[n] if n < len(visible) else None for n in range(first, last + 1)]
        if self.broken_links and len(found) > 1 and found[1] is not None:
            found[1] = make_block(None, 99)
        return found

    def block_by_hash(self, block_hash: BlockHash) -> Block | None:
        self._answer()
        return next((block for block in self._visible() if block.ref.hash == block_hash), None)

    def _visible(self) -> list[Block]:
        return self.chain[: max(1, len(self.chain) - self.lag)]

    def _answer(self) -> None:
        if self.fail_after is not None:
            self.fail_after -= 1
        if self.down or (self.fail_after is not None and self.fail_after < 0):
            raise NodeUnavailable("simulated", "connection refused")
