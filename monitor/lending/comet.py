"""Compound v3 (Comet) in its own integers: indices, balances, and whether an account can be absorbed.

Two answers differ in a quiet market: `isLiquidatable` reads the stored borrow index, `absorb` accrues
first. Whoever liquidates calls `absorb`, so the accrued answer is the one to watch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from monitor.lending.comet_prices import Answers, Recipe, keys_of, price_of
from monitor.units import WAD, UnixTime, ceil_div, floor_div

INDEX_SCALE: Final = 10**15


@dataclass(frozen=True, slots=True)
class RateCurve:
    """Interest per second (1e18) over utilisation, bent once at `kink`."""

    kink: int
    slope_low: int
    slope_high: int
    base: int

    def at(self, utilization: int) -> int:
        """The rate per second, 1e18."""
        low = floor_div(self.slope_low * min(utilization, self.kink), WAD)
        if utilization <= self.kink:
            return self.base + low
        return self.base + low + floor_div(self.slope_high * (utilization - self.kink), WAD)


class Indices(NamedTuple):
    """Growth of one unit of base since the market began, 1e15."""

    supply: int
    borrow: int


@dataclass(frozen=True, slots=True)
class CometAsset:
    """A collateral of the market, in the market's order. Factors are 1e18."""

    token: str
    scale: int
    price: Recipe
    borrow_factor: int
    liquidate_factor: int
    liquidation_factor: int
    """What the owner is paid for the collateral: 1 - penalty."""


@dataclass(frozen=True, slots=True)
class CometMarket:
    """One Comet at a block. Totals are principals."""

    base_scale: int
    base_price: Recipe
    assets: tuple[CometAsset, ...]
    stored: Indices
    total_supply: int
    total_borrow: int
    last_accrual: UnixTime
    supply_curve: RateCurve
    borrow_curve: RateCurve


class Held(NamedTuple):
    """A collateral that the account is in: its place in `CometMarket.assets`, and the balance."""

    asset: int
    balance: int


@dataclass(frozen=True, slots=True)
class CometAccount:
    """`principal` is negative for a borrower. `held` is ascending by place, as `assetsIn` says."""

    principal: int
    held: tuple[Held, ...]


def utilization(market: CometMarket) -> int:
    """Borrowed over supplied, 1e18; 0 in an empty market."""
    supplied = floor_div(market.total_supply * market.stored.supply, INDEX_SCALE)
    borrowed = floor_div(market.total_borrow * market.stored.borrow, INDEX_SCALE)
    return floor_div(borrowed * WAD, supplied) if supplied else 0


class Rates(NamedTuple):
    """Interest per second, 1e18."""

    supply: int
    borrow: int


def rates(market: CometMarket) -> Rates:
    """Both rates at the market's utilisation."""
    used = utilization(market)
    return Rates(market.supply_curve.at(used), market.borrow_curve.at(used))


def accrued(market: CometMarket, now: UnixTime) -> Indices:
    """The indices after an accrual at `now`, as `absorb` and `borrowBalanceOf` see them."""
    elapsed = now - market.last_accrual
    if elapsed <= 0:
        return market.stored
    supply, borrow = market.stored
    rate = rates(market)
    return Indices(
        supply + floor_div(supply * rate.supply * elapsed, WAD),
        borrow + floor_div(borrow * rate.borrow * elapsed, WAD),
    )


def debt(account: CometAccount, indices: Indices) -> int:
    """Base owed, in the base token's units; 0 for a supplier."""
    return floor_div(max(-account.principal, 0) * indices.borrow, INDEX_SCALE)


def supplied_base(account: CometAccount, indices: Indices) -> int:
    """Base supplied, in the base token's units; 0 for a borrower."""
    return floor_div(max(account.principal, 0) * indices.supply, INDEX_SCALE)


def debt_value(market: CometMarket, account: CometAccount, indices: Indices, answers: Answers) -> int:
    """Debt at the base's price (8 decimals). Raises `CannotSee` on a bad price."""
    return floor_div(debt(account, indices) * price_of(market.base_price, answers), market.base_scale)


def collateral_value(market: CometMarket, held: Held, factor: int, answers: Answers) -> int:
    """One collateral at its price, times `factor`: two floors, as the contract. Raises `CannotSee`."""
    asset = market.assets[held.asset]
    value = floor_div(held.balance * price_of(asset.price, answers), asset.scale)
    return floor_div(value * factor, WAD)


def is_liquidatable(market: CometMarket, account: CometAccount, indices: Indices, answers: Answers) -> bool:
    """The contract's `isLiquidatable` on these indices. Raises `CannotSee` where it reverts.

    It stops at the first collateral that completes the cover, so a broken feed behind that one
    goes unseen by the contract too.
    """
    if account.principal >= 0:
        return False
    liquidity = -debt_value(market, account, indices, answers)
    for held in account.held:
        if liquidity >= 0:
            return False
        liquidity += collateral_value(market, held, market.assets[held.asset].liquidate_factor, answers)
    return liquidity < 0


def is_borrow_collateralized(
    market: CometMarket, account: CometAccount, indices: Indices, answers: Answers
) -> bool:
    """The contract's test for new borrowing, with the lower borrow factors. Raises `CannotSee`."""
    if account.principal >= 0:
        return True
    liquidity = -debt_value(market, account, indices, answers)
    for held in account.held:
        if liquidity >= 0:
            return True
        liquidity += collateral_value(market, held, market.assets[held.asset].borrow_factor, answers)
    return liquidity >= 0


def health_factor(
    market: CometMarket, account: CometAccount, indices: Indices, answers: Answers
) -> int | None:
    """Weighted collateral over debt, 1e18, for display (Comet keeps none); None without debt."""
    owed = debt_value(market, account, indices, answers) if account.principal < 0 else 0
    if owed == 0:
        return None
    return floor_div(_weighted(market, account, answers) * WAD, owed)


def _weighted(market: CometMarket, account: CometAccount, answers: Answers) -> int:
    return sum(
        collateral_value(market, held, market.assets[held.asset].liquidate_factor, answers)
        for held in account.held
    )


def reads(market: CometMarket, account: CometAccount, key: str) -> bool:
    """Whether the account's health depends on the answer `key`."""
    recipes = [market.base_price, *(market.assets[held.asset].price for held in account.held)]
    return any(key in keys_of(recipe) for recipe in recipes)


def principal_after_repaying(account: CometAccount, indices: Indices, amount: int) -> int:
    """The principal once `amount` of base was repaid: the contract rounds what is left up."""
    left = debt(account, indices) - amount
    if left <= 0:
        return floor_div(-left * INDEX_SCALE, indices.supply)
    return -ceil_div(left * INDEX_SCALE, indices.borrow)
