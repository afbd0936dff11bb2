"""What makes an Aave account safe at one price: the least repayment, or the least more of a collateral."""

from __future__ import annotations

from dataclasses import replace

from monitor.lending.aave import Holding, Position, collateral_value, debt_value, liquidatable
from monitor.lending.remedy import Remedy, least


def remedy(position: Position, tick: int) -> Remedy:
    """Of the debt and of the collateral that are worth most, in their tokens' units. Raises `CannotSee`.

    Holds at the block's indexes; interest accrues while a transaction waits, so owners add a margin.
    """
    debt = _largest([debt_value(position.rule, one, tick) for one in position.debts])
    collateral = _largest([collateral_value(one, tick) if one.lt else 0 for one in position.collaterals])

    def repaid(amount: int) -> bool:
        assert debt is not None
        return not liquidatable(replace(position, debts=_changed(position.debts, debt, -amount)), tick)

    def added(amount: int) -> bool:
        assert collateral is not None
        return not liquidatable(
            replace(position, collaterals=_changed(position.collaterals, collateral, amount)), tick
        )

    if not liquidatable(position, tick):
        return Remedy(0, 0)
    return Remedy(
        None if debt is None else least(repaid, position.debts[debt].amount),
        None if collateral is None else least(added),
    )


def _largest(values: list[int]) -> int | None:
    best = max(values, default=0)
    return values.index(best) if best else None


def _changed(holdings: tuple[Holding, ...], place: int, by: int) -> tuple[Holding, ...]:
    changed = replace(holdings[place], amount=holdings[place].amount + by)
    return (*holdings[:place], changed, *holdings[place + 1 :])
