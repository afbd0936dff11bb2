"""Active stake since an anchor, by deposits and withdrawals of our own ledger, made anew only when those change.

A rule on net supply asks for it at every block, and it changes once in 300.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from monitor.store import flows
from monitor.store.database import Database
from monitor.supply.consensus import USUAL
from monitor.supply.estimate import StakeAnchor, StakeRules, Stretch, StretchBounds, stretch_bounds
from monitor.units import SECONDS_PER_DAY, UnixTime

LONGEST_TAIL_S = 7_200
"""After what is known last, issuance is carried on for so long and no longer."""
STRETCH_S = 7 * SECONDS_PER_DAY
"""A long frame is estimated a week at a time: each week drifts only as far as it is from the anchor."""
_ANCHORS = 4
"""More than are in use at a time: a new sample is a new anchor."""


class Bookkeeping:
    """Remembers the bounds of the anchors in use, and of which rows they were made. For one thread."""

    def __init__(self) -> None:
        self._kept: dict[StakeAnchor, tuple[flows.Edition, list[StretchBounds]]] = {}

    def bounds(
        self, db: Database, anchor: StakeAnchor, rules: Callable[[UnixTime], StakeRules], *, queue_known: bool
    ) -> list[StretchBounds]:
        """Of `anchor`, until a little after the last range of deposits; nothing where none is read."""
        edition = flows.edition(db)
        kept = self._kept.get(anchor)
        if kept is None or kept[0] != edition:
            if len(self._kept) >= _ANCHORS:
                self._kept.clear()
            kept = self._kept[anchor] = edition, _bounds(db, anchor, rules, queue_known=queue_known)
        return kept[1]


def _bounds(
    db: Database, anchor: StakeAnchor, rules: Callable[[UnixTime], StakeRules], *, queue_known: bool
) -> list[StretchBounds]:
    stretches = _stretches(flows.parts(db, anchor.timestamp), anchor.timestamp)
    if not stretches:
        return []
    end = UnixTime(anchor.timestamp + sum(one.seconds for one in stretches))
    return list(stretch_bounds(anchor, stretches, USUAL, rules(end), queue_known=queue_known))


def _stretches(parts: Sequence[flows.FlowPart], since: UnixTime) -> list[Stretch]:
    """Parts with what lies before and after them, of which no flow is known. Nothing without parts."""
    if not parts:
        return []
    found = _blank(parts[0].start - since, STRETCH_S)
    found += [Stretch(one.end - one.start, one.deposits_gwei, one.withdrawals_gwei) for one in parts]
    return found + _blank(LONGEST_TAIL_S, LONGEST_TAIL_S)


def _blank(seconds: int, at_most: int) -> list[Stretch]:
    return [Stretch(min(at_most, seconds - start), None, None) for start in range(0, seconds, at_most)]
