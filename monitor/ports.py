"""What the inner layers ask of the outer ones. Implemented by `monitor.chain`, faked at the edge by tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from monitor.domain import Block, BlockRef
from monitor.units import BlockHash, BlockNumber, UnixTime


class Clock(Protocol):
    """Wall clock for records, monotonic clock for waiting."""

    def now(self) -> UnixTime:
        """Seconds since 1970, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class BlockSource(Protocol):
    """The chain as the follower sees it: one logical node, whatever endpoints stand behind it.

    Every method raises `NodeUnavailable` when nobody answered and `BadAnswer` when the answer
    breaks a rule. A block that the node does not have is `None`, never a made-up one.
    """

    def head(self) -> BlockRef:
        """The newest block of the endpoint in use."""
        ...

    def finalized(self) -> BlockRef | None:
        """The newest finalized block; None where the node has none yet."""
        ...

    def ref(self, number: BlockNumber) -> BlockRef | None:
        """The canonical block at `number` as that endpoint sees it now."""
        ...

    def blocks(self, first: BlockNumber, last: BlockNumber) -> Sequence[Block | None]:
        """Blocks `first` to `last` in order, one entry each; None where the node has none.

        Not checked against each other: links are the follower's business.
        """
        ...

    def block_by_hash(self, block_hash: BlockHash) -> Block | None:
        """The block with this hash, None when the node does not know it."""
        ...


class KnownChain(Protocol):
    """What the store knows of the chain, as the follower asks it."""

    def cursor(self) -> BlockRef | None:
        """The newest block stored by following; None in a new database."""
        ...

    def ref(self, number: BlockNumber) -> BlockRef | None:
        """The stored canonical block at `number`; None outside the kept window or in a gap."""
        ...

    def finalized(self) -> BlockNumber | None:
        """The highest number that a node has called finalized."""
        ...
