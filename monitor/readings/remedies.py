"""What an owner could do about a position: exact where it is liquidatable, about where it is only near.

Near means: what would widen the distance to the next comfortable one. That follows the straight line
behind the position, so it says "about" and is rounded up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_UP, Decimal

from monitor.lending.outcome import LiquidatableAbove, LiquidatableBelow, liquidation_tick
from monitor.lending.position import VALUE_DECIMALS, Leg, Linear, Position
from monitor.lending.remedy import Remedy
from monitor.units import ceil_div, format_fixed

COMFORT = (0.10, 0.20)
"""Distances to aim for; the first that is worth the effort."""
_EFFORT = 0.005
"""A target this near is as good as reached."""
_DIGITS = 3
"""Significant digits of an amount that is about."""


def fixes(position: Position) -> Iterator[str]:
    """Each line alone is enough; none where nothing needs to be done."""
    remedy = position.remedy
    if remedy is not None and (remedy.repay or remedy.add):
        yield from _needed(position, remedy)
    else:
        yield from _comfort(position)


def _needed(position: Position, remedy: Remedy) -> Iterator[str]:
    if remedy.repay and position.debts:
        leg = position.debts[0]
        yield f"Repay at least {_at_least(remedy.repay, leg.decimals)} {leg.symbol}"
    if remedy.add and position.collaterals:
        leg = position.collaterals[0]
        yield f"Add at least {_at_least(remedy.add, leg.decimals)} {leg.symbol}"


def _at_least(units: int, decimals: int) -> str:
    """An amount rounded up, so that what is read is enough: `4,000.13`, `0.04121`."""
    whole = 10**decimals
    step = max(whole // 100, 1) if units >= whole else 10 ** max(len(str(units)) - _DIGITS - 1, 0)
    enough = ceil_div(units, step) * step
    return format_fixed(enough, decimals, min(decimals, 2) if enough >= whole else None)


def _comfort(position: Position) -> Iterator[str]:
    target, line = _target(position), position.linear
    if target is None or line is None or not (position.debts and position.collaterals):
        return
    move = 1 - target if isinstance(position.outcome, LiquidatableBelow) else 1 + target
    usd = position.price.answer / 10**position.price.decimals * move
    shortfall = line.b * usd + line.m - line.a * usd - line.k
    if shortfall <= 0:
        return
    debt, collateral = position.debts[0], position.collaterals[0]
    repay = _units(shortfall, _unit_price(debt, move))
    if repay is not None and repay * 10**debt.decimals < debt.amount:
        yield f"Repay about {_about(repay)} {debt.symbol} to be {target:.0%} away"
    weight, worth = _weight(line, position.collaterals, collateral, usd / move), _unit_price(collateral, move)
    add = _units(shortfall, None if worth is None or weight is None else worth * weight)
    if add is not None:
        yield f"Add about {_about(add)} {collateral.symbol} to be {target:.0%} away"


def _target(position: Position) -> float | None:
    tick, price = liquidation_tick(position.outcome), position.price.answer
    if tick is None or price <= 0 or not isinstance(position.outcome, LiquidatableBelow | LiquidatableAbove):
        return None
    return next((one for one in COMFORT if abs(price - tick) / price < one - _EFFORT), None)


def _unit_price(leg: Leg, move: float) -> float | None:
    """USD of one whole token once ETH has moved by that factor."""
    if leg.value is None or not leg.value or not leg.amount:
        return None
    now = leg.value / 10**VALUE_DECIMALS / (leg.amount / 10**leg.decimals)
    return now * move if leg.follows_eth else now


def _weight(line: Linear, legs: Sequence[Leg], leg: Leg, usd: float) -> float | None:
    """What share of its value this kind of collateral counts for: the mean over its kind."""
    total = sum(one.value or 0 for one in legs if one.follows_eth is leg.follows_eth) / 10**VALUE_DECIMALS
    counted = line.a * usd if leg.follows_eth else line.k
    return counted / total if total and counted else None


def _units(usd: float, unit_price: float | None) -> float | None:
    return usd / unit_price if unit_price else None


def _about(value: float) -> str:
    """Rounded up to three digits: `4,870,000`, `0.0412`."""
    exact = Decimal(value)
    rounded = exact.quantize(Decimal(1).scaleb(exact.adjusted() - _DIGITS + 1), ROUND_UP)
    return f"{rounded:,f}"
