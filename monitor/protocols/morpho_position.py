"""A Morpho position at one block, from what was read: its row, and its inputs by cause."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from contracts_abi.morpho import MarketParams
from monitor.errors import CannotSee
from monitor.lending import morpho
from monitor.lending.carry import DEBT_ALONE
from monitor.lending.morpho import MarketView, MorphoMarket, MorphoPosition, MorphoTest, PreLiquidation
from monitor.lending.morpho_oracle import ORACLE_SCALE, ChainlinkOracle
from monitor.lending.outcome import Insensitive, Outcome, liquidation_tick
from monitor.lending.position import (
    NO_ETH_PRICE,
    Cause,
    Leg,
    Linear,
    Model,
    Position,
    PositionKey,
    ProtocolPrice,
)
from monitor.lending.remedy import LiquidationTerms, Remedy
from monitor.lending.solver import Monotone
from monitor.protocols.feeds import FeedAnswer, price_of_feed
from monitor.protocols.morpho_oracle import OracleAt, SideAnswers, function_of
from monitor.protocols.tokens import Token
from monitor.units import SECONDS_PER_DAY, TICKS_PER_USD, WAD, Address, UnixTime, Wad, floor_div, format_fixed

_ORACLE_DIGITS: Final = 36
"""An oracle's price is of one unit of collateral in units of the loan, times 1e36."""


class Early(NamedTuple):
    """A pre-liquidation contract that the owner has authorised, with its own oracle."""

    contract: Address
    terms: PreLiquidation
    oracle: OracleAt


@dataclass(frozen=True, slots=True)
class MarketAt:
    """A market at a block, interest accrued to it."""

    id: bytes
    params: MarketParams
    state: MorphoMarket
    borrow_rate: int
    oracle: OracleAt
    loan: Token
    collateral: Token
    eth_is_loan: bool
    opaque: bool = False
    """The oracle says its price and not what it rests on: it must be asked at supposed ETH prices."""

    @property
    def view(self) -> MarketView:
        """What the outcome needs of the market."""
        return MarketView(self.state, self.borrow_rate, self.eth_is_loan)

    @property
    def label(self) -> str:
        """E.g. "wstETH/USDC 86 %"."""
        return f"{self.collateral.symbol}/{self.loan.symbol} {self.params.lltv / WAD * 100:.4g} %"


@dataclass(frozen=True, slots=True)
class MorphoModel:
    """A position's inputs: owner's amounts, the market's interest, the oracle's ratios and prices."""

    market: MarketAt
    position: MorphoPosition
    early: Early | None = None

    @property
    def oracle(self) -> OracleAt:
        """The oracle that decides first."""
        return self.market.oracle if self.early is None else self.early.oracle

    @property
    def lltv(self) -> int:
        """The threshold that decides first."""
        return self.market.params.lltv if self.early is None else self.early.terms.pre_lltv

    def outcome(self) -> Outcome:
        """The liquidation price. Raises `CannotSee`."""
        oracle = self.oracle
        if oracle.price == 0 and self.position.borrow_shares:
            raise CannotSee("the market's oracle answers zero")
        tick = oracle.eth.answer if oracle.eth is not None else 0
        return morpho.outcome(self.market.view, self.position, function_of(oracle), tick, self.lltv)

    def tick(self) -> int | None:
        """The liquidation price in ticks of the ETH feed. Raises `CannotSee`."""
        return liquidation_tick(self.outcome())

    def health_at(self, price: int) -> int | None:
        """By the market's own threshold, with the ETH feed of its oracle at `price`. Raises `CannotSee`."""
        if self.market.opaque:
            raise CannotSee("the oracle does not say what it rests on")
        oracle = function_of(self.market.oracle).price(price)
        return morpho.health_factor(self.market.state, self.position, oracle)

    def replaced(self, cause: Cause, other: Model) -> Model:
        """The inputs of `cause` as in `other`."""
        if not isinstance(other, MorphoModel):
            return self
        match cause:
            case Cause.INTEREST:
                return replace(self, market=replace(self.market, state=other.market.state))
            case Cause.OWNER | Cause.LIQUIDATION:
                return replace(self, position=other.position)
            case Cause.PARAMETER:
                return replace(self, early=other.early)
            case Cause.RATIO | Cause.OTHER_PRICE:
                return self._with_oracle(_mixed(self.oracle, other.oracle, ratios=cause is Cause.RATIO))

    def _with_oracle(self, oracle: OracleAt) -> MorphoModel:
        if self.early is None:
            return replace(self, market=replace(self.market, oracle=oracle))
        return replace(self, early=self.early._replace(oracle=oracle))

    def test(self) -> Monotone | None:
        """The exact test, None where the oracle reads no ETH feed."""
        oracle = self.oracle
        if oracle.eth is None:
            return None
        function = function_of(oracle)
        return Monotone(MorphoTest(self.market.state, self.position, function, self.lltv))

    def a_day_later(self) -> MorphoModel:
        """The position after a day in which nobody acts, at the present rate."""
        state = self.market.state
        later = UnixTime(state.last_update + SECONDS_PER_DAY)
        accrued = morpho.accrue(state, self.market.borrow_rate, later)
        return replace(self, market=replace(self.market, state=accrued))


def _mixed(mine: OracleAt, other: OracleAt, *, ratios: bool) -> OracleAt:
    """My oracle with the other's exchange ratios (vaults, feeds not in dollars), or with its other prices."""
    still = None if mine.eth is None else mine.eth.address
    base = _mixed_side(mine.base, other.base, still, ratios=ratios)
    return replace(mine, base=base, quote=_mixed_side(mine.quote, other.quote, still, ratios=ratios))


def _mixed_side(mine: SideAnswers, other: SideAnswers, still: Address | None, *, ratios: bool) -> SideAnswers:
    """`still`: the feed that prices are told in, which no cause moves."""
    if len(mine.feeds) != len(other.feeds):
        return mine
    feeds = [
        theirs if _is_ratio(own) == ratios and own.address != still else own
        for own, theirs in zip(mine.feeds, other.feeds, strict=True)
    ]
    return SideAnswers(other.vault_assets if ratios else mine.vault_assets, tuple(feeds))


def _is_ratio(feed: FeedAnswer) -> bool:
    return "USD" not in feed.description.upper()


def position_of(model: MorphoModel, account: Address) -> Position:
    """The row. Raises `CannotSee` and `SearchExhausted`."""
    market, oracle = model.market, model.oracle
    outcome = model.outcome()
    collateral, debt = _legs(model)
    function = function_of(oracle)
    health = morpho.health_factor(market.state, model.position, market.oracle.price)
    return Position(
        key=PositionKey("morpho_blue", "Blue", account, "0x" + market.id.hex()),
        collaterals=(collateral,) if collateral.amount else (),
        debts=(debt,) if debt.amount else (),
        collateral_value=collateral.value,
        debt_value=debt.value,
        health_factor=None if health is None else Wad(health),
        price=_price(oracle),
        outcome=outcome,
        terms=_terms(model, debt.amount),
        remedy=_remedy(model),
        drift_per_day=_drift(model, liquidation_tick(outcome)),
        notes=_notes(model, outcome),
        rule="accrued with the market's own rate model",
        linear=_linear(market, function, collateral, debt, oracle),
        test=model.test(),
        model=model,
    )


def _legs(model: MorphoModel) -> tuple[Leg, Leg]:
    market, oracle = model.market, model.oracle
    moving = function_of(oracle)
    owed = morpho.debt(market.state, model.position)
    held = model.position.collateral
    worth, owed_worth = _dollars(oracle, market, held, owed)
    # A loop's collateral follows ETH although its oracle, being in ETH, does not.
    follows = moving.base_eth > 0 or (market.eth_is_loan and moving.quote_eth == 0)
    return (
        Leg(Address(market.params.collateral_token), market.collateral.symbol, held, market.collateral.decimals, worth, follows),
        Leg(Address(market.params.loan_token), market.loan.symbol, owed, market.loan.decimals, owed_worth, moving.quote_eth > 0 or market.eth_is_loan),
    )  # fmt: skip


def _dollars(oracle: OracleAt, market: MarketAt, held: int, owed: int) -> tuple[int | None, int | None]:
    """Values in USD, 8 decimals, where the oracle prices its sides in dollars; None where it does not."""
    if not oracle.base.in_dollars:
        return None, None
    per_loan = TICKS_PER_USD
    if oracle.quote.feeds:
        if not oracle.quote.in_dollars or oracle.wiring.quote.vault is not None:
            return None, None
        per_loan = _joint_answer(oracle.quote)
    in_loan_units = floor_div(held * oracle.price, ORACLE_SCALE)
    unit = 10**market.loan.decimals
    return floor_div(in_loan_units * per_loan, unit), floor_div(owed * per_loan, unit)


def _joint_answer(side: SideAnswers) -> int:
    """The product of a side's feeds, 8 decimals."""
    product, decimals = 1, 0
    for feed in side.feeds:
        product, decimals = product * feed.answer, decimals + feed.decimals
    return floor_div(product * TICKS_PER_USD, 10**decimals)


def _price(oracle: OracleAt) -> ProtocolPrice:
    return NO_ETH_PRICE if oracle.eth is None else price_of_feed(oracle.eth)


def _terms(model: MorphoModel, owed: int) -> LiquidationTerms:
    lltv = model.market.params.lltv
    if model.early is None:
        return morpho.terms(lltv)
    worth = max(floor_div(model.position.collateral * model.oracle.price, ORACLE_SCALE), 1)
    return morpho.pre_liquidation_terms(model.early.terms, lltv, owed, worth)


def _remedy(model: MorphoModel) -> Remedy | None:
    if model.oracle.price <= 0 or model.position.borrow_shares == 0:
        return None
    return morpho.remedy(model.market.state, model.position, model.oracle.price, model.lltv)


def _drift(model: MorphoModel, tick: int | None) -> float | None:
    later = None if tick is None else model.a_day_later().tick()
    return None if tick is None or later is None else (later - tick) / TICKS_PER_USD


def _notes(model: MorphoModel, found: Outcome) -> tuple[str, ...]:
    market, oracle, notes = model.market, model.oracle, [f"market {model.market.label}"]
    if oracle.eth is None:
        notes.append(f"priced in {market.loan.symbol}{_rate_words(market)}: the oracle reads no ETH/USD feed")
    elif not oracle.eth.is_eth_usd:
        notes.append(f"priced by the feed {printable_feed(oracle.eth)}, not by ETH/USD")
    if isinstance(found, Insensitive):
        notes.append(DEBT_ALONE)
    if model.early is not None:
        late = replace(model, early=None).tick()
        at = "" if late is None else f"; the market itself liquidates at {late / TICKS_PER_USD:,.2f}"
        notes.append(f"pre-liquidation is authorised{at}")
    return tuple(notes)


def _rate_words(market: MarketAt) -> str:
    """` (1.193456 WETH each)`; nothing where the scales of the two tokens are absurd."""
    decimals = _ORACLE_DIGITS + market.loan.decimals - market.collateral.decimals
    if decimals < 0:
        return ""
    return f" ({format_fixed(market.oracle.price, decimals, min(6, decimals))} each)"


def printable_feed(feed: FeedAnswer) -> str:
    """A feed's own name, made safe to print."""
    return "".join(char for char in feed.description if char.isascii() and char.isprintable())[:40]


def _linear(
    market: MarketAt, function: ChainlinkOracle, collateral: Leg, debt: Leg, oracle: OracleAt
) -> Linear | None:
    if oracle.eth is None or collateral.value is None or debt.value is None:
        return None
    usd = oracle.eth.answer / TICKS_PER_USD
    carried = collateral.value / TICKS_PER_USD * market.params.lltv / WAD
    owed = debt.value / TICKS_PER_USD
    long, short = function.base_eth > 0, function.quote_eth > 0
    return Linear(
        a=carried / usd if long else 0.0,
        b=owed / usd if short else 0.0,
        k=0.0 if long else carried,
        m=0.0 if short else owed,
    )
