"""Finds out which arithmetic a deployment runs, by reproducing its own answers.

Rounding rules and index formulas changed between versions, and a proxy does not say what is behind
it. A rule counts only if it gives every number that the contract gave; none is a `CannotSee`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from monitor.errors import CannotSee
from monitor.lending.aave import Account, AccountData, Market, Position, account_data, debt_value, resolve
from monitor.lending.aave_index import IndexRule, IndexState, normalized_debt, normalized_income
from monitor.lending.aave_rules import RULES, HealthRule
from monitor.lending.correlation import eth_ratio
from monitor.units import Ray, UnixTime


class Observed(NamedTuple):
    """An account and what `getUserAccountData` said of it, with the ETH feed at `tick`."""

    account: Account
    tick: int
    data: AccountData


@dataclass(frozen=True, slots=True)
class Calibration:
    """`rules`: those that fit every account that any rule fits; the first is used. Never empty."""

    rules: tuple[HealthRule, ...]
    unexplained: tuple[int, ...]
    """Places, in the observations, of accounts that the rule in use does not reproduce."""

    @property
    def rule(self) -> HealthRule:
        """The rule in use: the newest that fits."""
        return self.rules[0]


def reproduces(market: Market, observed: Observed, rule: HealthRule) -> bool:
    """Whether all six numbers come out the same. Raises `CannotSee` where a price is missing."""
    position = resolve(replace(market, rule=rule), observed.account)
    return account_data(position, observed.tick) == observed.data


def calibrate(
    market: Market, observations: Sequence[Observed], known: Iterable[HealthRule] = RULES
) -> Calibration:
    """The rules that fit best. `known`: candidates, newest first (those that fitted before, or all).

    Raises `CannotSee` when there are accounts but no rule reproduces a single one.
    """
    candidates = tuple(known)
    fits = {rule: tuple(reproduces(market, one, rule) for one in observations) for rule in candidates}
    best = max(sum(fit) for fit in fits.values())
    if observations and best == 0:
        raise CannotSee(mismatch(market, observations[0], candidates))
    rules = tuple(rule for rule in candidates if sum(fits[rule]) == best)
    unexplained = tuple(place for place, fit in enumerate(fits[rules[0]]) if not fit)
    return Calibration(rules, unexplained)


def rules_differ(account: Account, market: Market, rules: Sequence[HealthRule]) -> bool:
    """Whether rules that fit alike so far may treat this account differently at another price."""
    return len({_treatment(rule, resolve(replace(market, rule=rule), account)) for rule in rules}) > 1


def _treatment(rule: HealthRule, position: Position) -> object:
    """What decides the health factor at every ETH price: equal treatments give equal factors."""
    debts = [
        (one.amount, rule.floor_ceil) if eth_ratio(one.source) else (debt_value(rule, one, 0), None)
        for one in position.debts
    ]
    return rule.exact_sum, position.collaterals, tuple(debts)


def mismatch(market: Market, observed: Observed, rules: Sequence[HealthRule]) -> str:
    """One line for the gap: how far the nearest rule is from the contract's health factor."""
    factors = {
        rule.name: account_data(
            resolve(replace(market, rule=rule), observed.account), observed.tick
        ).health_factor
        for rule in rules
    }
    name, factor = min(factors.items(), key=lambda entry: abs(entry[1] - observed.data.health_factor))
    return (
        "no known rounding rule reproduces the contract's account data: "
        f"health factor {observed.data.health_factor}, nearest {factor} by {name}"
    )


class IndexSample(NamedTuple):
    """A reserve's stored state and the indexes that the contract gave at block time `at`."""

    stored: IndexState
    at: UnixTime
    income: Ray
    debt: Ray


def calibrate_indexes(samples: Sequence[IndexSample]) -> tuple[IndexRule, ...]:
    """The formulas that give every index, newest first; both where no sample tells them apart.

    Raises `CannotSee` when none does.
    """
    fitting = tuple(rule for rule in IndexRule if all(_index_fits(sample, rule) for sample in samples))
    if not fitting:
        raise CannotSee("no known interest formula reproduces the contract's indexes")
    return fitting


def _index_fits(sample: IndexSample, rule: IndexRule) -> bool:
    if sample.at < sample.stored.last_update:
        return False
    income, debt = (
        normalized_income(sample.stored, sample.at),
        normalized_debt(sample.stored, sample.at, rule),
    )
    return (income, debt) == (sample.income, sample.debt)
