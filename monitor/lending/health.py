"""Sums of rounded values as functions of one price, with proven bounds over price intervals.

A lending contract adds `floor(amount * floor(tick * n / d) / unit)` over assets (debt often rounds
up). Each such value never falls when the tick rises, which bounds it by its values at the ends of
an interval (tight where steps are wide: dust), and it stays within a known rounding error of a
straight line (tight where steps are narrow: everything else). A `Form` uses both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm
from typing import NamedTuple

from monitor.units import ceil_div, floor_div


class Term(NamedTuple):
    """A value that moves with the feed: amount * floor(tick * numerator / denominator) / unit, rounded."""

    amount: int
    numerator: int
    denominator: int
    unit: int
    round_up: bool

    def at(self, tick: int) -> int:
        """The value at `tick`, exactly as the contract computes it."""
        product = self.amount * (tick * self.numerator // self.denominator)
        return ceil_div(product, self.unit) if self.round_up else floor_div(product, self.unit)


class Line(NamedTuple):
    """slope * tick - below <= scale * value(tick) <= slope * tick + above, for every tick >= 0."""

    slope: int
    below: int
    above: int


def common_scale(terms: Sequence[Term]) -> int:
    """The smallest scale in which the lines of all `terms` are integers."""
    return lcm(*(term.denominator * term.unit for term in terms))


def line(term: Term, scale: int) -> Line:
    """The straight line of a term and its rounding errors: one for the price, one for the value."""
    step = scale // (term.denominator * term.unit)
    price_error = term.amount * (term.denominator - 1) * step
    value_error = (term.unit - 1) * term.denominator * step
    slope = term.amount * term.numerator * step
    if term.round_up:
        return Line(slope, below=price_error, above=value_error)
    return Line(slope, below=price_error + value_error, above=0)


@dataclass(frozen=True, slots=True)
class Form:
    """constant + sum of weight * value over the terms; weights have either sign."""

    weights: tuple[int, ...]
    constant: int
    scale: int
    slope: int
    below: int
    above: int

    @classmethod
    def of(cls, weights: Sequence[int], constant: int, lines: Sequence[Line], scale: int) -> Form:
        """A form over terms with these `lines` (in `scale`), in the same order."""
        pairs = list(zip(weights, lines, strict=True))
        below = sum(w * entry.below if w > 0 else -w * entry.above for w, entry in pairs)
        above = sum(w * entry.above if w > 0 else -w * entry.below for w, entry in pairs)
        slope = sum(w * entry.slope for w, entry in pairs)
        return cls(tuple(weights), constant, scale, slope, below, above)

    def line_bounds(self, low: int, high: int) -> tuple[int, int]:
        """Bounds over the ticks `low..high` from the straight line alone."""
        ends = (
            (self.slope * low, self.slope * high)
            if self.slope >= 0
            else (self.slope * high, self.slope * low)
        )
        least = ceil_div(ends[0] - self.below, self.scale)
        most = floor_div(ends[1] + self.above, self.scale)
        return self.constant + least, self.constant + most

    def box_bounds(self, at_low: Sequence[int], at_high: Sequence[int]) -> tuple[int, int]:
        """Bounds over an interval from the terms' values at its ends."""
        least = most = self.constant
        for weight, low, high in zip(self.weights, at_low, at_high, strict=True):
            least += weight * (low if weight > 0 else high)
            most += weight * (high if weight > 0 else low)
        return least, most

    def doubt(self, slack: int) -> tuple[int, int] | None:
        """The ticks at which the straight line, give or take `slack`, does not tell the sign; None: all or none."""
        if not self.slope:
            return None
        zero, spread = -self.constant * self.scale, slack * self.scale
        ends = sorted((zero - self.above - spread, zero + self.below + spread), reverse=self.slope < 0)
        return floor_div(ends[0], self.slope), ceil_div(ends[1], self.slope)
