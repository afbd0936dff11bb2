"""What an Aave position's boundary means: the class of the account, and why it moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from monitor.lending.aave import Holding, Market, Position, account_data, collateral_value, debt_value
from monitor.lending.aave_boundary import AaveTest
from monitor.lending.correlation import eth_ratio
from monitor.lending.outcome import Insensitive, NeverByEth, NeverReason, Outcome
from monitor.lending.position import Linear
from monitor.lending.risk import Growth, carry_days
from monitor.lending.solver import DEFAULT_RANGE, Boundary, PriceRange, outcome_of, solve
from monitor.units import BPS, RAY, TICKS_PER_USD, WAD

LOOP_SHARE: Final = 0.99
"""Share of ETH in collateral and debt from which on a far-away crossing is not worth a price."""
FAR: Final = 10
"""A crossing beyond this factor of the price is "far away" for such a loop."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Values now: collateral times threshold and debt times 10,000, that follow ETH (a, b) or not (k, m)."""

    a: int
    b: int
    k: int
    m: int

    @property
    def loop(self) -> bool:
        """ETH against ETH, but for a hundredth."""
        return (
            bool(self.a and self.b)
            and self.a >= LOOP_SHARE * (self.a + self.k)
            and self.b >= LOOP_SHARE * (self.b + self.m)
        )

    @property
    def pure_loop(self) -> bool:
        """ETH against ETH and nothing else: whatever crosses the edge there is rounding."""
        return bool(self.a and self.b) and not (self.k or self.m)


def parts(position: Position, tick: int) -> Parts:
    """The four parts at `tick`. Raises `CannotSee`."""
    a = b = k = m = 0
    for holding in position.collaterals:
        value = collateral_value(holding, tick) * holding.lt
        a, k = (a + value, k) if eth_ratio(holding.source) else (a, k + value)
    for holding in position.debts:
        value = debt_value(position.rule, holding, tick) * BPS
        b, m = (b + value, m) if eth_ratio(holding.source) else (b, m + value)
    return Parts(a, b, k, m)


def linear(position: Position, tick: int) -> Linear:
    """The position's straight line: a, b in ETH, k, m in USD."""
    now, scale = parts(position, tick), BPS * TICKS_PER_USD
    usd = tick / TICKS_PER_USD
    return Linear(now.a / scale / usd, now.b / scale / usd, now.k / scale, now.m / scale)


def growth(position: Position, market: Market, tick: int, staking: Mapping[int, float]) -> Growth:
    """Yearly growth of the four parts. `staking`: growth per year of exchange ratios, by reserve id."""
    sums: dict[str, list[tuple[float, float]]] = {"a": [], "b": [], "k": [], "m": []}
    for holding in position.collaterals:
        value = float(collateral_value(holding, tick) * holding.lt)
        sums["a" if eth_ratio(holding.source) else "k"].append(
            (value, _yearly(holding, market, staking, debt=False))
        )
    for holding in position.debts:
        value = float(debt_value(position.rule, holding, tick))
        sums["b" if eth_ratio(holding.source) else "m"].append(
            (value, _yearly(holding, market, staking, debt=True))
        )
    return Growth(**{part: _mean(entries) for part, entries in sums.items()})


def _yearly(holding: Holding, market: Market, staking: Mapping[int, float], *, debt: bool) -> float:
    stored = market.reserves[holding.reserve].stored
    if stored is None:
        return 0.0
    rate = stored.variable_borrow_rate if debt else stored.liquidity_rate
    return rate / RAY + staking.get(holding.reserve, 0.0)


def _mean(entries: list[tuple[float, float]]) -> float:
    total = sum(weight for weight, _ in entries)
    return sum(weight * rate for weight, rate in entries) / total if total else 0.0


def classify(
    position: Position,
    market: Market,
    tick: int,
    staking: Mapping[int, float] | None = None,
    within: PriceRange = DEFAULT_RANGE,
) -> Outcome:
    """The outcome of a position with the ETH feed at `tick`. Raises `CannotSee`."""
    now, test = parts(position, tick), AaveTest(position)
    if now.pure_loop and not test.at(tick):
        return _insensitive(position, market, tick, staking or {})
    boundary = solve(test, tick, within)
    found = outcome_of(boundary, tick)
    if boundary.liquidatable_now:
        assert found is not None
        return found
    if not any(holding.amount for holding in position.debts):
        return NeverByEth(NeverReason.NO_DEBT)
    if _is_loop(now, boundary, tick):
        return _insensitive(position, market, tick, staking or {})
    return found if found is not None else _never(now)


def _is_loop(now: Parts, boundary: Boundary, tick: int) -> bool:
    """Nearly nothing but ETH on both sides, and no crossing anywhere near: only rates and ratios decide."""
    edges = (boundary.first_down, boundary.first_up)
    return now.loop and not any(edge is not None and tick / FAR <= edge <= tick * FAR for edge in edges)


def _insensitive(position: Position, market: Market, tick: int, staking: Mapping[int, float]) -> Insensitive:
    factor = account_data(position, tick).health_factor
    line = linear(position, tick)
    days = carry_days(line, growth(position, market, tick, staking), tick / TICKS_PER_USD)
    return Insensitive(ratio_drop=1 - WAD / max(factor, WAD), carry_days=days)


def _never(now: Parts) -> NeverByEth:
    reason = NeverReason.OUT_OF_RANGE
    if not now.a and not now.b:
        reason = NeverReason.NO_ETH
    elif now.a >= now.b and now.k >= now.m:
        reason = NeverReason.COVERED
    needed = now.b + now.m - now.a
    if now.k == 0 or needed <= 0:
        return NeverByEth(reason, "no fall of other collateral would liquidate it")
    drop = 1 - needed / now.k
    return NeverByEth(reason, f"a fall of all other collateral by {drop:.1%} would liquidate it", drop)
