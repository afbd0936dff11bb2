"""Where an Aave account crosses health factor 1: its exact test over whole price intervals.

With C collateral, N = sum of collateral * threshold (bps), D debt, all sums of rounded values, and
k = floor(floor(D / 2) / 1e18), what the contract's division to nearest can add (0 below 2e18 =
$20bn of debt):

- exact sum: liquidatable iff N - 10000 D + k < 0, a straight line but for rounding;
- whole-bps average: with P = halfup(C * floor(N / C) / 10000), liquidatable iff P - D + k < 0.
  10000 P lies in [N - C - 4998, N + 5000]; where floor(N / C) is proven to be one L all over the
  interval, in [L C - 4999, L C + 5000]. The jumps of L are why such accounts cross again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from monitor.lending.aave import Holding, Position, Sums, collateral_value, debt_value, health_factor
from monitor.lending.correlation import eth_ratio
from monitor.lending.health import Form, Term, common_scale, line
from monitor.units import BPS, WAD, floor_div, half_up_div

_SLACK: Final = 5_000
"""The most that rounding in the whole-bps rule adds, in bps of a value."""
_REMEMBERED: Final = 4_096
"""Prices whose values are kept: neighbouring intervals share their ends."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """A position cut into what the ETH feed moves and sums of the rest."""

    collaterals: tuple[Term, ...]
    debts: tuple[Term, ...]
    thresholds: tuple[int, ...]
    ltvs: tuple[int, ...]
    still: Sums


def _cut(position: Position) -> _Parts:
    moving = [holding for holding in position.collaterals if eth_ratio(holding.source)]
    owed = [holding for holding in position.debts if eth_ratio(holding.source)]
    still = [(collateral_value(h, 0), h) for h in position.collaterals if not eth_ratio(h.source)]
    debt = sum(debt_value(position.rule, h, 0) for h in position.debts if not eth_ratio(h.source))
    return _Parts(
        tuple(_term(holding, round_up=False) for holding in moving),
        tuple(_term(holding, round_up=position.rule.floor_ceil) for holding in owed),
        tuple(holding.lt for holding in moving),
        tuple(holding.ltv for holding in moving),
        Sums(
            sum(v for v, _ in still), sum(v * h.lt for v, h in still), sum(v * h.ltv for v, h in still), debt
        ),
    )


def _term(holding: Holding, *, round_up: bool) -> Term:
    ratio = eth_ratio(holding.source)
    assert ratio is not None
    return Term(holding.amount, *ratio, holding.unit, round_up)


class AaveTest:
    """The `HealthTest` of one account. Raises `CannotSee` at once where a price is missing."""

    def __init__(self, position: Position) -> None:
        self._rule = position.rule
        self._parts = parts = _cut(position)
        self._terms = (*parts.collaterals, *parts.debts)
        self._scale = common_scale(self._terms)
        self._lines = [line(term, self._scale) for term in self._terms]
        self._values: dict[int, tuple[int, ...]] = {}
        self._sums: dict[int, Sums] = {}
        self._forms: dict[tuple[int, int], Form] = {}
        self._averages: dict[int, Form] = {}

    def at(self, tick: int) -> bool:
        """Whether the contract says liquidatable at `tick`."""
        return health_factor(self._rule, self.sums(tick)) < WAD

    def in_doubt(self) -> tuple[int, int] | None:
        """Where straight lines cannot tell the side: a few ticks, or a basis point of the average."""
        forms = [self._exact_sum] if self._rule.exact_sum else [self._exact_sum, self._truncated_sum]
        spans = [span for form in forms if (span := form.doubt(_SLACK)) is not None]
        return (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None

    def sums(self, tick: int) -> Sums:
        """The sums at `tick`; the same as `aave.sums_at`, with the still part added up once."""
        known = self._sums.get(tick)
        if known is None:
            known = self._sums[tick] = self._add(tick)
        return known

    def _add(self, tick: int) -> Sums:
        parts, values = self._parts, self._at(tick)
        collaterals, debts = values[: len(parts.collaterals)], values[len(parts.collaterals) :]
        return Sums(
            parts.still.collateral + sum(collaterals),
            parts.still.threshold + sum(v * lt for v, lt in zip(collaterals, parts.thresholds, strict=True)),
            parts.still.ltv + sum(v * ltv for v, ltv in zip(collaterals, parts.ltvs, strict=True)),
            parts.still.debt + sum(debts),
        )

    def over(self, low: int, high: int) -> bool | None:
        """The answer of every tick in `low..high`, where it is proven."""
        if low == high:
            return self.at(low)
        if self._rule.exact_sum:
            return self._sign(self._exact_sum, low, high, slack=(0, 0))
        coarse = self._over_average(low, high)
        if coarse is not None:
            return coarse
        if self._at(low) == self._at(high):
            return self.at(low)
        return self._over_constant_average(low, high)

    def _over_average(self, low: int, high: int) -> bool | None:
        """The whole-bps test without knowing the average: its truncation costs up to one bps of C."""
        if self._sign(self._exact_sum, low, high, slack=(0, 5_000)):
            return True
        safe = self._sign(self._truncated_sum, low, high, slack=(-4_998, 5_000))
        return False if safe is False else None

    def _over_constant_average(self, low: int, high: int) -> bool | None:
        """The whole-bps test where the average threshold is one number all over the interval."""
        average = self._average(low)
        if average != self._average(high):
            return None
        if self.sums(high).collateral:
            least, _ = self._bounds(self._form(average, 0), low, high)
            _, most = self._bounds(self._form(average + 1, 0), low, high)
            if least < 0 or most >= 0:
                return None
        by_steps = self._over_steps(average, low, high)
        if by_steps is not None:
            return by_steps
        return self._sign(self._average_form(average), low, high, slack=(-4_999, 5_000))

    def _over_steps(self, average: int, low: int, high: int) -> bool | None:
        """With a constant average the weighted collateral and the debt never fall: their ends prove."""
        first, last = self.sums(low), self.sums(high)
        least = half_up_div(first.collateral * average, BPS) + floor_div(first.debt // 2, WAD)
        most = half_up_div(last.collateral * average, BPS) + floor_div(last.debt // 2, WAD)
        if most < first.debt:
            return True
        return False if least >= last.debt else None

    def _average(self, tick: int) -> int:
        sums = self.sums(tick)
        return floor_div(sums.threshold, sums.collateral) if sums.collateral else 0

    def _sign(self, form: Form, low: int, high: int, slack: tuple[int, int]) -> bool | None:
        """True where `form` plus anything in `slack` (and k) is negative all over, False where never."""
        halves = self._halves(low, high)
        for bounds in (self._line_bounds, self._box_bounds):
            least, most = bounds(form, low, high)
            if most + slack[1] + halves[1] < 0:
                return True
            if least + slack[0] + halves[0] >= 0:
                return False
        return None

    def _halves(self, low: int, high: int) -> tuple[int, int]:
        """Bounds of k, in the unit of the form it is added to (bps of value for an average)."""
        if self._debt_at_most(high) < 2 * WAD:
            return 0, 0
        unit = 1 if self._rule.exact_sum else BPS
        ends = [unit * floor_div(self.sums(tick).debt // 2, WAD) for tick in (low, high)]
        return ends[0], ends[1]

    def _debt_at_most(self, tick: int) -> int:
        return self._debt.line_bounds(tick, tick)[1]

    def _bounds(self, form: Form, low: int, high: int) -> tuple[int, int]:
        by_line, by_box = self._line_bounds(form, low, high), self._box_bounds(form, low, high)
        return max(by_line[0], by_box[0]), min(by_line[1], by_box[1])

    def _line_bounds(self, form: Form, low: int, high: int) -> tuple[int, int]:
        return form.line_bounds(low, high)

    def _box_bounds(self, form: Form, low: int, high: int) -> tuple[int, int]:
        return form.box_bounds(self._at(low), self._at(high))

    def _at(self, tick: int) -> tuple[int, ...]:
        values = self._values.get(tick)
        if values is None:
            if len(self._values) >= _REMEMBERED:
                self._values.clear()
                self._sums.clear()
            values = self._values[tick] = tuple(term.at(tick) for term in self._terms)
        return values

    @cached_property
    def _exact_sum(self) -> Form:
        """N - 10000 D."""
        return self._form(0, BPS)

    @cached_property
    def _truncated_sum(self) -> Form:
        """N - C - 10000 D."""
        return self._form(1, BPS)

    @cached_property
    def _debt(self) -> Form:
        """D."""
        return self._weighted([0] * len(self._parts.thresholds), 1, self._parts.still.debt)

    def _form(self, average: int, debt_weight: int) -> Form:
        """N - average C - debt_weight D."""
        key = (average, debt_weight)
        form = self._forms.get(key)
        if form is None:
            still = self._parts.still
            constant = still.threshold - average * still.collateral - debt_weight * still.debt
            weights = [lt - average for lt in self._parts.thresholds]
            form = self._forms[key] = self._weighted(weights, -debt_weight, constant)
        return form

    def _average_form(self, average: int) -> Form:
        """Average C - 10000 D."""
        form = self._averages.get(average)
        if form is None:
            still = self._parts.still
            weights = [average] * len(self._parts.thresholds)
            constant = average * still.collateral - BPS * still.debt
            form = self._averages[average] = self._weighted(weights, -BPS, constant)
        return form

    def _weighted(self, weights: Sequence[int], debt_weight: int, constant: int) -> Form:
        every = (*weights, *(debt_weight for _ in self._parts.debts))
        return Form.of(every, constant, self._lines, self._scale)
