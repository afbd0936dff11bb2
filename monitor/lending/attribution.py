"""Why a liquidation price moved between two blocks: the change, taken apart by cause, adding up exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from monitor.lending.position import Cause, Model

_ORDER: Final = (Cause.INTEREST, Cause.RATIO, Cause.OTHER_PRICE, Cause.PARAMETER)


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one cause did: from `before` to `after`, in ticks; None where there was no price."""

    cause: Cause
    before: int | None
    after: int | None

    @property
    def change(self) -> int | None:
        """Ticks up (positive) or down; None where the price appeared or vanished."""
        return None if self.before is None or self.after is None else self.after - self.before


def attribute(old: Model, new: Model, *, liquidated: bool = False) -> Sequence[Contribution]:
    """The causes that moved the price, in the order they are applied; together they lead from old to new.

    Inputs are exchanged one cause at a time, what is left is the account's own: the owner's doing,
    or a liquidation where one was seen between the blocks. Raises `CannotSee`.
    """
    found: list[Contribution] = []
    model, tick = old, old.tick()
    for cause in _ORDER:
        before, model = model, model.replaced(cause, new)
        after = tick if model == before else model.tick()
        if after != tick:
            found.append(Contribution(cause, tick, after))
        tick = after
    last = new.tick()
    if last != tick:
        found.append(Contribution(Cause.LIQUIDATION if liquidated else Cause.OWNER, tick, last))
    return found
