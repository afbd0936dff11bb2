"""Morpho Blue in its own integers: accrual, virtual shares, health, and the oracle as a function of ETH."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Protocol

from monitor.errors import CannotSee
from monitor.lending.remedy import LiquidationTerms, Remedy, least
from monitor.units import WAD, UnixTime, Wad, ceil_div, floor_div

ORACLE_SCALE: Final = 10**36
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


class OraclePrice(Protocol):
    """A market's oracle as a function of the ETH/USD tick."""

    def price(self, tick: int) -> int:
        """The oracle's answer (1e36 and the tokens' decimals). Raises `CannotSee` where it reverts."""
        ...


@dataclass(frozen=True, slots=True)
class ChainlinkOracle:
    """MorphoChainlinkOracleV2: SCALE_FACTOR * base / quote, one floor at the end.

    `base` and `quote` are the products of all answers that do not move with ETH/USD (vault assets,
    other feeds); `base_eth` and `quote_eth` say how often ETH/USD itself is a factor.
    """

    scale_factor: int
    base: int
    quote: int
    base_eth: int
    quote_eth: int

    @property
    def eth_power(self) -> int:
        """Direction: above 0 the price rises with ETH, below 0 it falls, 0: ETH cancels or is absent."""
        return self.base_eth - self.quote_eth

    def price(self, tick: int) -> int:
        """The oracle's answer with ETH/USD at `tick`. Raises `CannotSee`."""
        if tick < 0 or self.base < 0 or self.quote < 0:
            raise CannotSee("a feed of the market's oracle answers below zero: the oracle reverts")
        divisor = self.quote * tick**self.quote_eth
        if divisor == 0:
            raise CannotSee("a quote feed of the market's oracle answers zero: the oracle reverts")
        return floor_div(self.scale_factor * self.base * tick**self.base_eth, divisor)


class OracleInputs(NamedTuple):
    """The answers behind an oracle: an absent feed or vault counts 1, as in the contract."""

    vault_assets: int
    feeds: tuple[int, ...]
    eth_feeds: int
    """How many further feeds of this side are ETH/USD itself."""


def chainlink_oracle(scale_factor: int, base: OracleInputs, quote: OracleInputs) -> ChainlinkOracle:
    """The oracle from its wiring. Raises `CannotSee` on a negative answer: the contract reverts."""
    answers = (base.vault_assets, *base.feeds, quote.vault_assets, *quote.feeds)
    if min(answers) < 0:
        raise CannotSee("a feed of the market's oracle answers below zero: the oracle reverts")
    return ChainlinkOracle(scale_factor, _product(base), _product(quote), base.eth_feeds, quote.eth_feeds)


def _product(side: OracleInputs) -> int:
    product = side.vault_assets
    for answer in side.feeds:
        product *= answer
    return product


@dataclass(frozen=True, slots=True)
class MorphoTest:
    """A position's health as a function of the ETH/USD tick, monotone; `lltv` as in the price formula."""

    market: MorphoMarket
    position: MorphoPosition
    oracle: OraclePrice
    lltv: int

    def __call__(self, tick: int) -> bool:
        """Liquidatable at `tick`; where the oracle reverts nobody can be liquidated."""
        try:
            price = self.oracle.price(tick)
        except CannotSee:
            return False
        return is_pre_liquidatable(self.market, self.position, price, self.lltv)


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

    def repaid(amount: int) -> bool:
        paid, left = _repaid(market, position, amount)
        return not is_pre_liquidatable(paid, left, price, lltv)

    owed = debt(market, position)
    value = ceil_div(owed * WAD, lltv)
    needed = ceil_div(value * ORACLE_SCALE, price)
    return Remedy(least(repaid, owed), max(needed - position.collateral, 0))


def _repaid(
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
