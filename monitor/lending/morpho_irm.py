"""Morpho's AdaptiveCurveIrm in its own integers: the rate that an accrual at a given time will use.

Signed fixed point, every division towards zero as Solidity's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from monitor.units import WAD, floor_div

_LN_2: Final = 693147180559945309
_LN_WEI: Final = -41446531673892822312
_EXP_UPPER_BOUND: Final = 93859467695000404319
_EXP_UPPER_VALUE: Final = 57716089161558943949701069502944508345128422502756744429568


@dataclass(frozen=True, slots=True)
class AdaptiveCurve:
    """The constants of the model; rates per second, everything 1e18."""

    curve_steepness: int
    adjustment_speed: int
    target_utilization: int
    initial_rate_at_target: int
    min_rate_at_target: int
    max_rate_at_target: int


ADAPTIVE_CURVE: Final = AdaptiveCurve(
    curve_steepness=4 * WAD,
    adjustment_speed=50 * WAD // 31_536_000,
    target_utilization=9 * WAD // 10,
    initial_rate_at_target=4 * WAD // 100 // 31_536_000,
    min_rate_at_target=WAD // 1000 // 31_536_000,
    max_rate_at_target=2 * WAD // 31_536_000,
)
"""As deployed on mainnet (compiled into the contract, it has getters for none of them)."""


class BorrowRate(NamedTuple):
    """The average rate over the elapsed time, and the rate at target after it; per second, 1e18."""

    average: int
    rate_at_target: int


def _to_zero(numerator: int, denominator: int) -> int:
    quotient = floor_div(abs(numerator), abs(denominator))
    return quotient if (numerator < 0) == (denominator < 0) else -quotient


def exp(x: int) -> int:
    """The contract's e^x, 1e18: powers of two times a second-order polynomial, not the true one."""
    if x < _LN_WEI:
        return 0
    if x >= _EXP_UPPER_BOUND:
        return _EXP_UPPER_VALUE
    half = _LN_2 // 2 if x >= 0 else -(_LN_2 // 2)
    power = _to_zero(x + half, _LN_2)
    rest = x - power * _LN_2
    exp_rest = WAD + rest + rest * rest // WAD // 2
    return exp_rest << power if power >= 0 else exp_rest >> -power


def borrow_rate(
    curve: AdaptiveCurve, supplied: int, borrowed: int, rate_at_target: int, elapsed: int
) -> BorrowRate:
    """The model's answer for a market left alone for `elapsed` seconds."""
    used = floor_div(borrowed * WAD, supplied) if supplied else 0
    error = _error(curve, used)
    if rate_at_target == 0:
        average = end = curve.initial_rate_at_target
    else:
        average, end = _adapted(curve, error, rate_at_target, elapsed)
    return BorrowRate(_curve(curve, average, error), end)


def _error(curve: AdaptiveCurve, used: int) -> int:
    target = curve.target_utilization
    return _to_zero((used - target) * WAD, WAD - target if used > target else target)


def _adapted(curve: AdaptiveCurve, error: int, start: int, elapsed: int) -> tuple[int, int]:
    adaptation = _to_zero(curve.adjustment_speed * error, WAD) * elapsed
    if adaptation == 0:
        return start, start
    end = _moved(curve, start, adaptation)
    middle = _moved(curve, start, _to_zero(adaptation, 2))
    return _to_zero(start + end + 2 * middle, 4), end


def _moved(curve: AdaptiveCurve, start: int, adaptation: int) -> int:
    moved = _to_zero(start * exp(adaptation), WAD)
    return min(max(moved, curve.min_rate_at_target), curve.max_rate_at_target)


def _curve(curve: AdaptiveCurve, rate_at_target: int, error: int) -> int:
    steepness = curve.curve_steepness
    slope = WAD - _to_zero(WAD * WAD, steepness) if error < 0 else steepness - WAD
    return _to_zero((_to_zero(slope * error, WAD) + WAD) * rate_at_target, WAD)
