"""Morpho Blue in its own integers: accrual, virtual shares, health, and the oracle as a function of ETH."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from monitor.errors import CannotSee
from monitor.lending.carry import insensitive
from monitor.lending.morpho_oracle import ORACLE_SCALE, ChainlinkOracle
from monitor.lending.outcome import AlreadyLiquidatable, NeverByEth, NeverReason, Outcome
from monitor.lending.remedy import LiquidationTerms, Remedy, least
from monitor.lending.solver import DEFAULT_RANGE, Monotone, outcome_of, solve
from monitor.units import WAD, UnixTime, Wad, ceil_div, floor_div

VIRTUAL_SHARES: Final = 10**6
VIRTUAL_ASSETS: Final = 1
_MAX_INCENTIVE: Final = 115 * WAD // 100
_CURSOR: Final = 3 * WAD // 10


@dataclass(frozen=True, slots=True)
class MorphoMarket:
    """The market struct and its threshold. Assets in the loan token's units, shares with 6 more digits."""

    total_supply_assets: int
    total_supply_shares: int
    total_borrow_assets: int
    total_borrow_shares: int
    last_update: UnixTime
    fee: int
    lltv: int


class MorphoPosition(NamedTuple):
    """A borrower: collateral in its token's units, borrow shares of the market."""

    borrow_shares: int
    collateral: int


def to_assets_up(shares: int, total_assets: int, total_shares: int) -> int:
    """Shares as assets, rounded up, with the virtual amounts that guard a new market."""
    return ceil_div(shares * (total_assets + VIRTUAL_ASSETS), total_shares + VIRTUAL_SHARES)


def to_shares_down(assets: int, total_assets: int, total_shares: int) -> int:
    """Assets as shares, rounded down."""
    return floor_div(assets * (total_shares + VIRTUAL_SHARES), total_assets + VIRTUAL_ASSETS)


def compounded(rate: int, elapsed: int) -> int:
    """e^(rate * elapsed) - 1 by its first three terms, 1e18, as the contract."""
    first = rate * elapsed
    second = floor_div(first * first, 2 * WAD)
    third = floor_div(second * first, 3 * WAD)
    return first + second + third


def accrue(market: MorphoMarket, borrow_rate: int, now: UnixTime) -> MorphoMarket:
    """The market once interest up to `now` is added. `borrow_rate`: the rate model's answer, per second, 1e18."""
    elapsed = now - market.last_update
    if elapsed <= 0:
        return market
    interest = floor_div(market.total_borrow_assets * compounded(borrow_rate, elapsed), WAD)
    supplied = market.total_supply_assets + interest
    fee_assets = floor_div(interest * market.fee, WAD)
    fee_shares = to_shares_down(fee_assets, supplied - fee_assets, market.total_supply_shares)
    return replace(
        market,
        total_borrow_assets=market.total_borrow_assets + interest,
        total_supply_assets=supplied,
        total_supply_shares=market.total_supply_shares + fee_shares,
        last_update=now,
    )


def debt(market: MorphoMarket, position: MorphoPosition) -> int:
    """What is owed in an accrued market, rounded up, in the loan token's units."""
    return to_assets_up(position.borrow_shares, market.total_borrow_assets, market.total_borrow_shares)


def max_borrow(position: MorphoPosition, price: int, lltv: int) -> int:
    """The most that the collateral carries at an oracle price (1e36): two floors."""
    return floor_div(floor_div(position.collateral * price, ORACLE_SCALE) * lltv, WAD)


def is_healthy(market: MorphoMarket, position: MorphoPosition, price: int) -> bool:
    """The contract's own test in an accrued market."""
    if position.borrow_shares == 0:
        return True
    return max_borrow(position, price, market.lltv) >= debt(market, position)


def is_pre_liquidatable(market: MorphoMarket, position: MorphoPosition, price: int, pre_lltv: int) -> bool:
    """The test of a pre-liquidation contract that the borrower authorised: earlier than the market's."""
    return position.borrow_shares > 0 and debt(market, position) > max_borrow(position, price, pre_lltv)


def highest_unhealthy_price(
    market: MorphoMarket, position: MorphoPosition, lltv: int | None = None
) -> int | None:
    """The highest oracle price (1e36) that is liquidatable; None where no price above 0 is.

    `lltv` replaces the market's own, for a pre-liquidation threshold.
    """
    if position.borrow_shares == 0 or position.collateral == 0:
        return None
    needed_value = ceil_div(debt(market, position) * WAD, lltv or market.lltv)
    highest = ceil_div(needed_value * ORACLE_SCALE, position.collateral) - 1
    return highest if highest > 0 else None


def health_factor(market: MorphoMarket, position: MorphoPosition, price: int) -> int | None:
    """Largest debt carried over debt, 1e18, for display; None without debt."""
    owed = debt(market, position)
    return floor_div(max_borrow(position, price, market.lltv) * WAD, owed) if owed else None


@dataclass(frozen=True, slots=True)
class MorphoTest:
    """A position's health as a function of the ETH/USD tick, monotone; `lltv` as in the price formula."""

    market: MorphoMarket
    position: MorphoPosition
    oracle: ChainlinkOracle
    lltv: int

    def __call__(self, tick: int) -> bool:
        """Liquidatable at `tick`; where the oracle reverts nobody can be liquidated."""
        try:
            price = self.oracle.price(tick)
        except CannotSee:
            return False
        return is_pre_liquidatable(self.market, self.position, price, self.lltv)


class MarketView(NamedTuple):
    """What the outcome needs besides the position: an accrued market, its rate now, its ETH side."""

    market: MorphoMarket
    borrow_rate: int
    """Per second, 1e18."""
    eth_is_loan: bool
    """The loan token is ETH or follows it: a staking token as collateral does not move with ETH/USD."""


def outcome(
    view: MarketView, position: MorphoPosition, oracle: ChainlinkOracle, tick: int, lltv: int | None = None
) -> Outcome:
    """The position's liquidation price in ETH/USD at `tick`; `lltv` for a pre-liquidation threshold.

    Raises `CannotSee` where the oracle reverts or answers zero now.
    """
    market, threshold = view.market, lltv or view.market.lltv
    if position.borrow_shares == 0:
        return NeverByEth(NeverReason.NO_DEBT)
    price = oracle.price(tick)
    if price == 0:
        raise CannotSee("the market's oracle answers zero")
    if oracle.eth_power:
        test = MorphoTest(market, position, oracle, threshold)
        found = outcome_of(solve(Monotone(test), tick), tick)
        return found or NeverByEth(NeverReason.OUT_OF_RANGE)
    return _without_eth(view, position, price, threshold)


def _without_eth(view: MarketView, position: MorphoPosition, price: int, lltv: int) -> Outcome:
    market = view.market
    if is_pre_liquidatable(market, position, price, lltv):
        return AlreadyLiquidatable(DEFAULT_RANGE.low, DEFAULT_RANGE.high)
    if view.eth_is_loan:
        health = floor_div(max_borrow(position, price, lltv) * WAD, debt(market, position))
        return insensitive(health, view.borrow_rate / WAD)
    return NeverByEth(NeverReason.NO_ETH, "a fall of the collateral against the loan token")


def incentive_factor(lltv: int) -> int:
    """Collateral seized over debt repaid, 1e18: min(1.15, 1 / (0.3 * lltv + 0.7))."""
    discount = WAD - floor_div(_CURSOR * (WAD - lltv), WAD)
    return min(_MAX_INCENTIVE, floor_div(WAD * WAD, discount))


def terms(lltv: int) -> LiquidationTerms:
    """The whole debt may be closed at once; lenders bear what the collateral does not cover."""
    return LiquidationTerms(Wad(WAD), Wad(incentive_factor(lltv) - WAD))


@dataclass(frozen=True, slots=True)
class PreLiquidation:
    """A pre-liquidation contract's terms; factors are ramped linearly from `_1` at `pre_lltv` to `_2` at the LLTV."""

    pre_lltv: int
    close_factor_1: int
    close_factor_2: int
    incentive_1: int
    incentive_2: int


def pre_liquidation_terms(pre: PreLiquidation, lltv: int, debt_now: int, value: int) -> LiquidationTerms:
    """The ramped terms at a loan-to-value. `value`: the collateral in loan units (above 0)."""
    ltv = min(max(ceil_div(debt_now * WAD, value), pre.pre_lltv), lltv)
    ramp = floor_div((ltv - pre.pre_lltv) * WAD, lltv - pre.pre_lltv)
    close = pre.close_factor_1 + floor_div(ramp * (pre.close_factor_2 - pre.close_factor_1), WAD)
    incentive = pre.incentive_1 + floor_div(ramp * (pre.incentive_2 - pre.incentive_1), WAD)
    return LiquidationTerms(Wad(close), Wad(incentive - WAD), "pre-liquidation, authorised by the owner")


def remedy(market: MorphoMarket, position: MorphoPosition, price: int, lltv: int) -> Remedy:
    """Loan units to repay, or collateral units to add, so that the position is healthy at `price` (above 0)."""

    def enough(amount: int) -> bool:
        paid, left = repaid(market, position, amount)
        return not is_pre_liquidatable(paid, left, price, lltv)

    owed = debt(market, position)
    value = ceil_div(owed * WAD, lltv)
    needed = ceil_div(value * ORACLE_SCALE, price)
    return Remedy(least(enough, owed), max(needed - position.collateral, 0))


def repaid(
    market: MorphoMarket, position: MorphoPosition, amount: int
) -> tuple[MorphoMarket, MorphoPosition]:
    """Market and position after `repay(assets)`: the shares of a repayment are rounded down."""
    shares = to_shares_down(amount, market.total_borrow_assets, market.total_borrow_shares)
    shares = min(shares, position.borrow_shares)
    paid = replace(
        market,
        total_borrow_assets=max(market.total_borrow_assets - amount, 0),
        total_borrow_shares=market.total_borrow_shares - shares,
    )
    return paid, position._replace(borrow_shares=position.borrow_shares - shares)
