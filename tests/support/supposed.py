"""What holds of every position at prices that are only supposed."""

from __future__ import annotations

from monitor.lending.outcome import LiquidatableAbove, LiquidatableBelow
from monitor.lending.position import Position
from monitor.reports.whatif import liquidatable_at
from monitor.units import TICKS_PER_USD, WAD


def check_supposed(row: Position, *, by_health: bool = True) -> None:
    """The present price gives the present factor; the edge of the factor is the edge of the test.

    `by_health` False: something comes before the factor's edge (recovery mode, pre-liquidation).
    """
    assert row.model is not None
    for price in [row.price.answer] if row.price.answer else [1, 1_800 * TICKS_PER_USD]:
        assert row.model.health_at(price) == row.health_factor, "what rests on no ETH price has one factor"
    if isinstance(row.outcome, LiquidatableBelow | LiquidatableAbove):
        safe = row.outcome.tick + (1 if isinstance(row.outcome, LiquidatableBelow) else -1)
        assert liquidatable_at(row)(row.outcome.tick)
        assert not liquidatable_at(row)(safe)
        if by_health:
            assert (row.model.health_at(row.outcome.tick) or 0) < WAD <= (row.model.health_at(safe) or 0)
