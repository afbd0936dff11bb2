"""How the stored chain follows the node's: extend, replace a branch, or wait.

    stored   ... A - B - C          node   ... A - B - C - D     extend by D
    stored   ... A - B - C          node   ... A - X - Y         back to A, then X and Y
    stored   ... A - B - C          node   ... A - B             it lags: wait

A node that is behind never moves the cursor back: a branch is taken only when it is higher than
ours, or as high and not older. Nothing is written here: `advance` reads, checks every parent
link, and returns what one transaction has to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from monitor.chain.incomplete import gaps_in
from monitor.domain import Block, BlockRef, Gap, GapKind, Reorg
from monitor.errors import BadAnswer, ChainError, NodeError
from monitor.ports import BlockSource, KnownChain
from monitor.units import BlockNumber

CHUNK = 500
"""Blocks read in one tick while catching up; a longer branch is always read whole."""
WALK = 64
"""Block references asked at a time on the way back to the common ancestor."""
START_AT_LEAST = 96
"""Blocks before the head that a new database begins with: an unfinalized reorg must find its ancestor."""
SKIP_AFTER = 5
"""Failed looks at the same unreadable block, each at every endpoint, before it becomes a gap."""


class Wait(StrEnum):
    """Why a look at the node changed nothing."""

    UP_TO_DATE = "up to date"
    LAGGING = "the node is behind what is stored"
    OTHER_BRANCH = "the node is on another branch that is not longer than ours"


@dataclass(frozen=True, slots=True)
class Advance:
    """What to write: roll back to `reorg.ancestor` if there was one, then append `blocks`."""

    head: BlockRef
    finalized: BlockRef | None
    blocks: Sequence[Block]
    gaps: Sequence[Gap]
    reorg: Reorg | None
    ancestor: BlockRef | None
    """With a reorg: the block that both branches build on, which stays."""

    @property
    def complete(self) -> bool:
        """Whether the head is reached; otherwise look again at once."""
        return bool(self.blocks) and self.blocks[-1].ref.hash == self.head.hash


@dataclass(frozen=True, slots=True)
class Standstill:
    """Nothing to write."""

    head: BlockRef
    why: Wait


class Follower:
    """Follows one chain. Keeps only how often the next block could not be read."""

    def __init__(self, source: BlockSource, known: KnownChain, start_blocks: int = START_AT_LEAST) -> None:
        self._source = source
        self._known = known
        self._start_blocks = max(start_blocks, START_AT_LEAST)
        self._stuck_at: BlockNumber | None = None
        self._failures = 0

    def advance(self) -> Advance | Standstill:
        """One look at the node.

        Raises NodeError when the node could not be read or broke a rule (look again later),
        ChainError when the chain was replaced below what may be replaced.
        """
        head = self._source.head()
        cursor = self._known.cursor()
        if cursor is None:
            first = BlockNumber(max(0, head.number - self._start_blocks))
            return self._append(head, None, first, None)
        wait = self._wait(head, cursor)
        if wait is not None:
            return Standstill(head, wait)
        return self._follow(head, cursor)

    def _wait(self, head: BlockRef, cursor: BlockRef) -> Wait | None:
        if head.hash == cursor.hash:
            return Wait.UP_TO_DATE
        if head.number > cursor.number:
            return None
        ours = self._known.ref(head.number)
        if ours is not None and ours.hash == head.hash:
            return Wait.LAGGING
        # At equal height the later slot wins: an endpoint stuck on an orphan can never pull us back to it.
        if head.number == cursor.number and head.timestamp >= cursor.timestamp:
            return None
        return Wait.OTHER_BRANCH

    def _follow(self, head: BlockRef, cursor: BlockRef) -> Advance | Standstill:
        if head.parent_hash == cursor.hash:
            return self._append(head, cursor, head.number, None)
        if head.number > cursor.number:
            following = self._source.ref(cursor.number)
            if following is None:
                raise BadAnswer("node", f"it has head {head.number} but no block {cursor.number}")
            if following.hash == cursor.hash:
                return self._append(head, cursor, BlockNumber(cursor.number + 1), None)
        ancestor = self._common_ancestor(head, cursor)
        reorg = Reorg(ancestor.number, cursor.number - ancestor.number, cursor, head)
        return self._append(head, ancestor, BlockNumber(ancestor.number + 1), reorg)

    def _append(
        self, head: BlockRef, parent: BlockRef | None, first: BlockNumber, reorg: Reorg | None
    ) -> Advance | Standstill:
        """Read the branch from `first` on; `parent` is what its first block must build on."""
        span = max(CHUNK, reorg.depth if reorg else 0)
        last = BlockNumber(min(head.number, first + span - 1))
        try:
            blocks, last = self._read(first, last, whole=reorg is not None)
        except NodeError as error:
            return self._skip_or_raise(error, head, first, reorg)
        _check_links(parent, blocks)
        if last == head.number and (not blocks or blocks[-1].ref.hash != head.hash):
            raise BadAnswer("node", f"the branch changed while block {head.number} was read")
        if reorg and (not blocks or blocks[-1].ref.number < reorg.old_head.number):
            raise BadAnswer("node", f"the branch above block {reorg.ancestor} could not be read whole")
        if not blocks:
            raise BadAnswer("node", f"it has head {head.number} but no block {first}")
        self._failures = 0
        return Advance(
            head,
            self._source.finalized(),
            blocks,
            gaps_in(blocks),
            _replaced_by(reorg, blocks),
            parent if reorg else None,
        )

    def _read(self, first: BlockNumber, last: BlockNumber, *, whole: bool) -> tuple[list[Block], BlockNumber]:
        """Blocks from `first` on and the number up to which they were asked for.

        One malformed block must not hide those before it: unless the branch is needed `whole`, the
        span is halved until it can be read.
        """
        while True:
            try:
                return _present(self._source.blocks(first, last)), last
            except BadAnswer:
                if whole or first == last:
                    raise
                last = BlockNumber((first + last) // 2)

    def _skip_or_raise(
        self,
        error: NodeError,
        head: BlockRef,
        first: BlockNumber,
        reorg: Reorg | None,
    ) -> Advance:
        """Leave one block out as a gap when it alone cannot be read while later ones can."""
        self._failures = self._failures + 1 if self._stuck_at == first else 1
        self._stuck_at = first
        if not isinstance(error, BadAnswer) or reorg or self._failures < SKIP_AFTER or first >= head.number:
            raise error
        readable = self._first_readable(first, head.number)
        if readable is None or readable == first:
            raise error
        gap = Gap(GapKind.BLOCKS, first, BlockNumber(readable - 1), error.problem)
        after = self._source.blocks(readable, readable)
        blocks = _present(after)
        if not blocks:
            raise error
        return Advance(head, self._source.finalized(), blocks, [gap, *gaps_in(blocks)], None, None)

    def _first_readable(self, first: BlockNumber, last: BlockNumber) -> BlockNumber | None:
        for number in range(first, min(last, first + WALK) + 1):
            try:
                if self._source.blocks(BlockNumber(number), BlockNumber(number))[0] is not None:
                    return BlockNumber(number)
            except BadAnswer:
                continue
        return None

    def _common_ancestor(self, head: BlockRef, cursor: BlockRef) -> BlockRef:
        """The highest stored block, or unstored parent of one, that is also on the node's branch."""
        finalized = self._known.finalized()
        child: BlockRef | None = None
        missing = 0
        for number in range(min(head.number, cursor.number), -1, -1):
            ours = self._known.ref(BlockNumber(number))
            missing = missing + 1 if ours is None else 0
            if missing > WALK:
                break
            expected = ours.hash if ours else child.parent_hash if child else None
            child = ours
            if expected is None:
                continue
            theirs = self._source.ref(BlockNumber(number))
            if theirs is not None and theirs.hash == expected:
                return theirs
            if finalized is not None and number <= finalized:
                raise ChainError(
                    f"the node replaced block {number}, which was finalized. Nothing is followed until the stored "
                    "chain and the node agree again: check ETH_RPC_URLS."
                )
        raise ChainError(
            f"the node's chain shares no block with the stored one, which ends at {cursor.number}. "
            "Check ETH_RPC_URLS, or start a new database with ETHMON_DB."
        )


def _present(blocks: Sequence[Block | None]) -> list[Block]:
    """The blocks before the first one that the node does not have."""
    found: list[Block] = []
    for block in blocks:
        if block is None:
            break
        found.append(block)
    return found


def _check_links(parent: BlockRef | None, blocks: Sequence[Block]) -> None:
    for block in blocks:
        ref = block.ref
        if parent is not None and (ref.parent_hash != parent.hash or ref.number != parent.number + 1):
            raise BadAnswer("node", f"block {ref.number} does not build on block {parent.number}")
        if parent is not None and ref.timestamp < parent.timestamp:
            raise BadAnswer("node", f"block {ref.number} is older than its parent")
        parent = ref


def _replaced_by(reorg: Reorg | None, blocks: Sequence[Block]) -> Reorg | None:
    if reorg is None:
        return None
    return Reorg(reorg.ancestor, reorg.depth, reorg.old_head, blocks[-1].ref)
