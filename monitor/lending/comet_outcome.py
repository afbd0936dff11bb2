"""Compound v3: the liquidation price of an account, the terms of an absorption, and what would prevent it."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Final

from monitor.errors import CannotSee
from monitor.lending.carry import insensitive
from monitor.lending.comet import (
    CometAccount,
    CometMarket,
    Held,
    Indices,
    collateral_value,
    debt,
    debt_value,
    health_factor,
    is_liquidatable,
    principal_after_repaying,
    rates,
    reads,
)
from monitor.lending.comet_prices import Answers, keys_of
from monitor.lending.outcome import AlreadyLiquidatable, NeverByEth, NeverReason, Outcome
from monitor.lending.remedy import LiquidationTerms, Remedy, least
from monitor.lending.solver import DEFAULT_RANGE, PriceRange, outcome_of, solve
from monitor.units import WAD, Wad, floor_div

MAX_UINT128: Final = 2**128 - 1


class CometTest:
    """The account's health as a function of one raw answer, for the solver.

    Where the contract would revert on a price nobody can absorb, so `at` says no there.
    """

    def __init__(
        self, market: CometMarket, account: CometAccount, indices: Indices, answers: Answers, key: str
    ) -> None:
        self.market, self.account, self.indices, self.answers, self.key = (
            market, account, indices, answers, key,
        )  # fmt: skip
        self._moving = tuple(held for held in account.held if key in keys_of(market.assets[held.asset].price))
        self._base_moves = key in keys_of(market.base_price)

    def at(self, tick: int) -> bool:
        """The contract's answer with the feed at `tick`."""
        try:
            return is_liquidatable(self.market, self.account, self.indices, {**self.answers, self.key: tick})
        except CannotSee:
            return False

    def over(self, low: int, high: int) -> bool | None:
        """Proven from the bounds of every term: each price moves one way with the feed."""
        if low == high:
            return self.at(low)
        try:
            least, most = self._liquidity_bounds(low, high)
        except CannotSee:
            return None
        return True if most < 0 else False if least >= 0 else None

    def _liquidity_bounds(self, low: int, high: int) -> tuple[int, int]:
        ends = [{**self.answers, self.key: tick} for tick in (low, high)]
        least = most = self._fixed
        for held in self._moving:
            values = [self._value(held, end) for end in ends]
            least, most = least + min(values), most + max(values)
        if self._base_moves:
            owed = [debt_value(self.market, self.account, self.indices, end) for end in ends]
            least, most = least - max(owed), most - min(owed)
        return least, most

    @cached_property
    def _fixed(self) -> int:
        """Everything that the feed does not move. Raises `CannotSee`."""
        still = sum(self._value(held, self.answers) for held in self.account.held if held not in self._moving)
        if self._base_moves:
            return still
        return still - debt_value(self.market, self.account, self.indices, self.answers)

    def _value(self, held: Held, answers: Answers) -> int:
        factor = self.market.assets[held.asset].liquidate_factor
        return collateral_value(self.market, held, factor, answers)


def terms(market: CometMarket, account: CometAccount, answers: Answers) -> LiquidationTerms:
    """`absorb` takes the whole position. Raises `CannotSee` on a bad price.

    The penalty is the value-weighted discount at which the protocol takes the collateral, as a
    share of the debt closed: what the collateral is worth above what the owner is credited.
    """
    worth = credited = 0
    for held in account.held:
        worth += collateral_value(market, held, WAD, answers)
        credited += collateral_value(market, held, market.assets[held.asset].liquidation_factor, answers)
    penalty = floor_div((worth - credited) * WAD, credited) if credited else 0
    return LiquidationTerms(Wad(WAD), Wad(penalty), "all collateral is taken, the rest is paid back in base")


def remedy(
    market: CometMarket, account: CometAccount, indices: Indices, answers: Answers, add: int
) -> Remedy:
    """Base to repay, or units of asset `add` to supply, so that these answers do not liquidate.

    Raises `CannotSee` on a bad price.
    """

    def safe(changed: CometAccount) -> bool:
        return not is_liquidatable(market, changed, indices, answers)

    def repaid(amount: int) -> bool:
        return safe(replace(account, principal=principal_after_repaying(account, indices, amount)))

    def added(amount: int) -> bool:
        return safe(replace(account, held=_with_more(account.held, add, amount)))

    return Remedy(least(repaid, debt(account, indices)), least(added, MAX_UINT128))


def _with_more(held: tuple[Held, ...], index: int, amount: int) -> tuple[Held, ...]:
    balances: dict[int, int] = dict(held)
    balances[index] = balances.get(index, 0) + amount
    return tuple(Held(place, balances[place]) for place in sorted(balances))


def outcome(test: CometTest, *, eth_is_base: bool, within: PriceRange = DEFAULT_RANGE) -> Outcome:
    """The account's liquidation price in the feed `test.key`, on the indices of the test.

    `eth_is_base`: the market counts in ETH, so staking tokens in it do not move with ETH/USD.
    Raises `CannotSee` where the contract cannot price the account now, `SearchExhausted`.
    """
    market, account, indices = test.market, test.account, test.indices
    if account.principal >= 0:
        return NeverByEth(NeverReason.NO_DEBT)
    price = test.answers[test.key]
    liquidatable = is_liquidatable(market, account, indices, test.answers)
    if reads(market, account, test.key):
        return outcome_of(solve(test, price, within), price) or NeverByEth(
            NeverReason.COVERED, "a fall of the other collateral"
        )
    if liquidatable:
        return AlreadyLiquidatable(within.low, within.high)
    health = health_factor(market, account, indices, test.answers)
    if eth_is_base and health is not None:
        return insensitive(health, rates(market).borrow / WAD)
    return NeverByEth(NeverReason.NO_ETH, "a fall of the other collateral")
