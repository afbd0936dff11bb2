"""Blocks whose events are still to be read: whoever was down, or could not see, catches up."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from monitor.domain import BlockRef
from monitor.units import BlockNumber

log = logging.getLogger(__name__)

AT_ONCE = 64
"""Blocks whose events are read in one tick."""
KEPT = 600
"""Two hours. Events before that are not read: after a longer absence the positions say what came of them."""


@dataclass
class Unread:
    """Kept in memory; `after_restart` fills it from what is stored."""

    _refs: dict[BlockNumber, BlockRef] = field(default_factory=dict[BlockNumber, BlockRef])
    _begun: bool = False

    def after_restart(self, refs: Iterable[BlockRef]) -> None:
        """Blocks that were stored after the last look at the positions."""
        self._begun = True
        self._refs.update((ref.number, ref) for ref in refs)

    def follow(self, blocks: Sequence[BlockRef], ancestor: BlockNumber | None) -> None:
        """New blocks on the chain, above `ancestor` when they replace others. Twice is as once."""
        if ancestor is not None:
            self._refs = {number: ref for number, ref in self._refs.items() if number <= ancestor}
        self._refs.update((ref.number, ref) for ref in blocks)
        # What was before the very first look is history, of which the newest part is told.
        most = KEPT if self._begun else AT_ONCE
        if len(self._refs) > most:
            self._drop(sorted(self._refs)[:-most])

    def _drop(self, numbers: Sequence[BlockNumber]) -> None:
        if self._begun:
            log.warning("what owners did in blocks %d to %d was not read", numbers[0], numbers[-1])
        for number in numbers:
            del self._refs[number]

    def next(self) -> list[BlockRef]:
        """What to read in this tick: the newest blocks, in order."""
        return [self._refs[number] for number in sorted(self._refs)[-AT_ONCE:]]

    def done(self, blocks: Iterable[BlockRef]) -> None:
        """Their events are written."""
        self._begun = True
        for block in blocks:
            if self._refs.get(block.number) == block:
                del self._refs[block.number]
