"""Aave v3 and its forks: an account's data at any ETH price, in the contracts' own integers.

Values are in the market's base currency (USD with 8 decimals), thresholds in bps, the health
factor in wad. `resolve` does everything that does not depend on the price, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from monitor.lending.aave_index import IndexState
from monitor.lending.aave_rules import HealthRule
from monitor.lending.correlation import PriceSource, price_at
from monitor.units import BPS, MAX_UINT256, RAY, WAD, Bps, Ray, Wad, ceil_div, floor_div, half_up_div


@dataclass(frozen=True, slots=True)
class Reserve:
    """One asset of a market at one block. `id` is its bit in bitmaps."""

    id: int
    symbol: str
    decimals: int
    lt: Bps
    ltv: Bps
    bonus: Bps
    category: int
    """E-mode category of the reserve; 0 where categories hold bitmaps."""
    source: PriceSource
    income: Ray
    """Normalized income at the block: the collateral index."""
    debt_index: Ray
    """Normalized variable debt at the block."""
    stored: IndexState | None = None
    """What the two indexes grow from; None where only their values were read."""


@dataclass(frozen=True, slots=True)
class EMode:
    """An e-mode category. Bitmaps are by reserve id."""

    ltv: Bps
    lt: Bps
    bonus: Bps
    collateral_bitmap: int = 0
    ltvzero_bitmap: int = 0
    isolated: bool = False
    source: PriceSource | None = None
    """Replaces the price of the category's assets for its users (v3.0 only)."""


@dataclass(frozen=True, slots=True)
class Market:
    """A deployment's reserves and categories at one block."""

    reserves: Mapping[int, Reserve]
    emodes: Mapping[int, EMode]
    rule: HealthRule


class Row(NamedTuple):
    """An account's stake in one reserve: token units, scaled by the indexes."""

    scaled_collateral: int
    scaled_debt: int
    collateral_flag: bool
    borrow_flag: bool
    stable_debt: int = 0
    """Compounded to the block, not scaled."""


@dataclass(frozen=True, slots=True)
class Account:
    """What the contracts store about one account."""

    emode: int
    rows: Mapping[int, Row]
    """By reserve id."""


@dataclass(frozen=True, slots=True)
class Holding:
    """An unscaled amount that counts: collateral (with its thresholds in bps) or debt (both 0)."""

    reserve: int
    amount: int
    unit: int
    source: PriceSource
    lt: int = 0
    ltv: int = 0


@dataclass(frozen=True, slots=True)
class Position:
    """An account with everything but the ETH price applied."""

    rule: HealthRule
    collaterals: tuple[Holding, ...]
    debts: tuple[Holding, ...]


class AccountData(NamedTuple):
    """The six answers of `getUserAccountData`, in its order and units."""

    collateral: int
    debt: int
    available: int
    lt: int
    ltv: int
    health_factor: Wad


class Sums(NamedTuple):
    """Total collateral, collateral * threshold, collateral * LTV, total debt."""

    collateral: int
    threshold: int
    ltv: int
    debt: int


def resolve(market: Market, account: Account) -> Position:
    """Apply flags, indexes, e-mode and thresholds. Price sources are kept, not asked."""
    emode = market.emodes.get(account.emode) if account.emode else None
    collaterals: list[Holding] = []
    debts: list[Holding] = []
    for id_, row in sorted(account.rows.items()):
        reserve = market.reserves[id_]
        inside = emode is not None and _inside(market.rule, reserve, account.emode, emode)
        source = (
            emode.source if emode is not None and emode.source and _same(reserve, account) else reserve.source
        )
        unit = 10**reserve.decimals
        if row.collateral_flag and (reserve.lt or not market.rule.skips_lt0):
            amount = _collateral_amount(market.rule, row, reserve)
            lt = emode.lt if emode is not None and inside else reserve.lt
            ltv = _ltv(market.rule, reserve, emode, inside=inside)
            collaterals.append(Holding(id_, amount, unit, source, lt, ltv))
        if row.borrow_flag:
            debts.append(Holding(id_, _debt_amount(market.rule, row, reserve), unit, source))
    return Position(market.rule, tuple(collaterals), tuple(debts))


def _same(reserve: Reserve, account: Account) -> bool:
    return reserve.category == account.emode


def _inside(rule: HealthRule, reserve: Reserve, category: int, emode: EMode) -> bool:
    if rule.categories:
        return reserve.category == category
    return bool(emode.collateral_bitmap >> reserve.id & 1)


def bonus_of(market: Market, account: Account, reserve: int) -> Bps:
    """What a liquidator of the account gets for a collateral, in bps of the debt closed: 10,500 is 5 %."""
    one, emode = market.reserves[reserve], market.emodes.get(account.emode) if account.emode else None
    if emode is not None and _inside(market.rule, one, account.emode, emode):
        return emode.bonus
    return one.bonus


def _ltv(rule: HealthRule, reserve: Reserve, emode: EMode | None, *, inside: bool) -> int:
    if rule.keeps_ltv0 and reserve.ltv == 0:
        return 0
    if emode is None:
        return reserve.ltv
    if emode.ltvzero_bitmap >> reserve.id & 1 or (emode.isolated and not inside):
        return 0
    return emode.ltv if inside else reserve.ltv


def _collateral_amount(rule: HealthRule, row: Row, reserve: Reserve) -> int:
    product = row.scaled_collateral * reserve.income
    return floor_div(product, RAY) if rule.floor_ceil else half_up_div(product, RAY)


def _debt_amount(rule: HealthRule, row: Row, reserve: Reserve) -> int:
    product = row.scaled_debt * reserve.debt_index
    amount = ceil_div(product, RAY) if rule.floor_ceil else half_up_div(product, RAY)
    return amount + (row.stable_debt if rule.stable_debt else 0)


def collateral_value(holding: Holding, tick: int) -> int:
    """Value of a collateral with the ETH feed at `tick`: every rule rounds it down."""
    return floor_div(holding.amount * price_at(holding.source, tick), holding.unit)


def debt_value(rule: HealthRule, holding: Holding, tick: int) -> int:
    """Value of a debt with the ETH feed at `tick`."""
    product = holding.amount * price_at(holding.source, tick)
    return ceil_div(product, holding.unit) if rule.floor_ceil else floor_div(product, holding.unit)


def sums_at(position: Position, tick: int) -> Sums:
    """The four sums that account data is made of. Raises `CannotSee` where a price is missing."""
    collateral = threshold = ltv = 0
    for holding in position.collaterals:
        value = collateral_value(holding, tick)
        collateral += value
        threshold += value * holding.lt
        ltv += value * holding.ltv
    debt = sum(debt_value(position.rule, holding, tick) for holding in position.debts)
    return Sums(collateral, threshold, ltv, debt)


def account_data(position: Position, tick: int) -> AccountData:
    """What `getUserAccountData` answers with the ETH feed at `tick`. Raises `CannotSee`."""
    sums = sums_at(position, tick)
    lt = floor_div(sums.threshold, sums.collateral) if sums.collateral else 0
    ltv = floor_div(sums.ltv, sums.collateral) if sums.collateral else 0
    power = sums.collateral * ltv
    limit = half_up_div(power, BPS) if position.rule.available_half_up else floor_div(power, BPS)
    factor = health_factor(position.rule, sums)
    return AccountData(sums.collateral, sums.debt, max(0, limit - sums.debt), lt, ltv, factor)


def health_factor(rule: HealthRule, sums: Sums) -> Wad:
    """The health factor; 2**256 - 1 without debt. Liquidatable iff below 1e18."""
    if sums.debt == 0:
        return Wad(MAX_UINT256)
    if rule.exact_sum:
        return Wad(floor_div(half_up_div(sums.threshold * WAD, sums.debt), BPS))
    lt = floor_div(sums.threshold, sums.collateral) if sums.collateral else 0
    weighted = half_up_div(sums.collateral * lt, BPS)
    return Wad(half_up_div(weighted * WAD, sums.debt))


def liquidatable(position: Position, tick: int) -> bool:
    """The contract's own test with the ETH feed at `tick`. Raises `CannotSee`."""
    return health_factor(position.rule, sums_at(position, tick)) < WAD
