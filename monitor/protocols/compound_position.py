"""A Comet account at one block, from what was read: its row, and its inputs by cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from monitor.errors import CannotSee
from monitor.lending.carry import DEBT_ALONE
from monitor.lending.comet import (
    CometAccount,
    CometMarket,
    Held,
    Indices,
    accrued,
    collateral_value,
    debt,
    debt_value,
    health_factor,
    is_liquidatable,
    reads,
)
from monitor.lending.comet_outcome import CometTest, outcome, remedy, terms
from monitor.lending.comet_prices import keys_of
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
from monitor.protocols.comet_feeds import RATE, TOKENS
from monitor.protocols.compound_reading import CometAt
from monitor.protocols.feeds import price_of_feed
from monitor.units import SECONDS_PER_DAY, TICKS_PER_USD, WAD, Address, UnixTime, Wad

NO_FEED = ""


class AccountAnswers(NamedTuple):
    """What the contract itself says of an account at the block."""

    borrow_balance: int
    is_liquidatable: bool | None
    """None where it reverts."""


@dataclass(frozen=True, slots=True)
class CometModel:
    """A position's inputs: the owner's, the market's interest, its terms, the answers its prices rest on."""

    at: CometAt
    account: CometAccount
    indices: Indices
    eth_is_base: bool

    @property
    def key(self) -> str:
        """The answer that ticks are of."""
        return NO_FEED if self.at.eth is None else self.at.eth.address

    def test(self) -> CometTest:
        """The exact test on these indices."""
        answers = self.at.answers if self.at.eth is not None else {**self.at.answers, NO_FEED: TICKS_PER_USD}
        return CometTest(self.at.market, self.account, self.indices, answers, self.key)

    def outcome(self) -> Outcome:
        """The liquidation price by `absorb`. Raises `CannotSee`."""
        return outcome(self.test(), eth_is_base=self.eth_is_base)

    def tick(self) -> int | None:
        """The liquidation price in ticks of the ETH feed. Raises `CannotSee`."""
        return liquidation_tick(self.outcome())

    def health_at(self, price: int) -> int | None:
        """Weighted collateral over debt with the ETH feed at `price`. Raises `CannotSee`."""
        answers = {**self.at.answers, self.key: price}
        return health_factor(self.at.market, self.account, self.indices, answers)

    def replaced(self, cause: Cause, other: Model) -> Model:
        """The inputs of `cause` as in `other`."""
        if not isinstance(other, CometModel):
            return self
        match cause:
            case Cause.INTEREST:
                return replace(self, indices=other.indices)
            case Cause.OWNER | Cause.LIQUIDATION:
                return replace(self, account=other.account)
            case Cause.PARAMETER:
                answers = {**other.at.answers, **self.at.answers}
                return replace(self, at=replace(self.at, market=other.at.market, answers=answers))
            case Cause.RATIO | Cause.OTHER_PRICE:
                return replace(self, at=self._priced_as(other, ratios=cause is Cause.RATIO))

    def _priced_as(self, other: CometModel, *, ratios: bool) -> CometAt:
        """Exchange ratios as the other has them, or other prices: those beside the ETH feed are in recipes."""
        theirs = other.at.answers
        answers = {
            key: theirs.get(key, answer) if key != self.key and _is_ratio(key) == ratios else answer
            for key, answer in self.at.answers.items()
        }
        market = self.at.market if ratios else _with_recipes(self.at, other.at)
        return replace(self.at, answers=answers, market=market)

    def a_day_later(self, now: UnixTime) -> CometModel:
        """The position after a day in which nobody acts."""
        return replace(self, indices=accrued(self.at.market, UnixTime(now + SECONDS_PER_DAY)))


def _is_ratio(key: str) -> bool:
    return key.startswith((RATE, TOKENS))


def _with_recipes(mine: CometAt, other: CometAt) -> CometMarket:
    """My market with the other's price recipes of those assets whose feed is the same contract."""
    theirs = {
        (info.asset, info.price_feed): asset.price
        for info, asset in zip(other.terms.assets, other.market.assets, strict=True)
    }
    assets = tuple(
        replace(asset, price=theirs.get((info.asset, info.price_feed), asset.price))
        for info, asset in zip(mine.terms.assets, mine.market.assets, strict=True)
    )
    same = mine.terms.base_feed == other.terms.base_feed
    base = other.market.base_price if same else mine.market.base_price
    return replace(mine.market, assets=assets, base_price=base)


def position_of(model: CometModel, owner: Address, now: UnixTime, told: AccountAnswers) -> Position:
    """The row. Raises `CannotSee`, also where our arithmetic does not give the contract's own answers."""
    _priced(model)
    at, account = model.at, model.account
    market, answers = at.market, at.answers
    _calibrated(model, told)
    found = model.outcome()
    health = health_factor(market, account, model.indices, answers)
    held = _by_value(model)
    collaterals, debts = _legs(model, held)
    add = held[0].asset if held else 0
    return Position(
        key=PositionKey("compound_v3", at.deployment.name, owner),
        collaterals=collaterals,
        debts=debts,
        collateral_value=_sum(collaterals),
        debt_value=_sum(debts),
        health_factor=None if health is None else Wad(health),
        price=_price(at),
        outcome=found,
        terms=terms(market, account, answers) if account.principal < 0 else None,
        remedy=remedy(market, account, model.indices, answers, add)
        if account.principal < 0 and market.assets
        else None,
        drift_per_day=_drift(model, liquidation_tick(found), now),
        notes=_notes(model, found),
        rule="borrow index accrued to the block",
        linear=_linear(model),
        test=model.test() if at.eth is not None else None,
        model=model,
    )


def _priced(model: CometModel) -> None:
    """Raises `CannotSee` where an asset of the account has no price that can be told."""
    if model.account.principal >= 0:
        return
    for place in (-1, *(held.asset for held in model.account.held)):
        if place in model.at.unpriced:
            raise CannotSee(model.at.unpriced[place])


def _calibrated(model: CometModel, told: AccountAnswers) -> None:
    market, account = model.at.market, model.account
    if debt(account, model.indices) != told.borrow_balance:
        raise CannotSee("the market's interest is not reproduced: its debt is not what it says")
    if told.is_liquidatable is None:
        raise CannotSee("isLiquidatable reverts: a price feed is zero or broken")
    if is_liquidatable(market, account, market.stored, model.at.answers) != told.is_liquidatable:
        raise CannotSee("the market's own answer is not reproduced")


def _by_value(model: CometModel) -> list[Held]:
    """What counts most first, as people read it: the asset that a remedy speaks of is the first."""
    market, answers = model.at.market, model.at.answers

    def counted(held: Held) -> int:
        if held.asset in model.at.unpriced:
            return 0
        return collateral_value(market, held, market.assets[held.asset].liquidate_factor, answers)

    return sorted(model.account.held, key=lambda held: -counted(held))


def _legs(model: CometModel, ordered: Sequence[Held]) -> tuple[tuple[Leg, ...], tuple[Leg, ...]]:
    at, account = model.at, model.account
    collaterals = tuple(_collateral(model, held) for held in ordered)
    owed = debt(account, model.indices)
    if not owed:
        return collaterals, ()
    token = at.tokens.get(at.terms.base_token)
    symbol, decimals = (token.symbol, token.decimals) if token else ("?", 0)
    worth = None if model.eth_is_base else debt_value(at.market, account, model.indices, at.answers)
    follows = model.eth_is_base or model.key in keys_of(at.market.base_price)
    return collaterals, (Leg(at.terms.base_token, symbol, owed, decimals, worth, follows),)


def _collateral(model: CometModel, held: Held) -> Leg:
    at, asset = model.at, model.at.market.assets[held.asset]
    token = at.tokens.get(Address(asset.token))
    symbol, decimals = (token.symbol, token.decimals) if token else ("?", 0)
    readable = not model.eth_is_base and held.asset not in at.unpriced
    worth = collateral_value(at.market, held, WAD, at.answers) if readable else None
    keys = keys_of(asset.price)
    # In a market that counts in ETH, what does not read ETH/USD is priced in ETH: it follows.
    follows = model.key not in keys if model.eth_is_base else model.key in keys
    return Leg(Address(asset.token), symbol, held.balance, decimals, worth, follows)


def _sum(legs: tuple[Leg, ...]) -> int | None:
    values = [leg.value for leg in legs if leg.value is not None]
    return sum(values) if len(values) == len(legs) else None


def _price(at: CometAt) -> ProtocolPrice:
    return NO_ETH_PRICE if at.eth is None else price_of_feed(at.eth)


def _drift(model: CometModel, tick: int | None, now: UnixTime) -> float | None:
    later = None if tick is None else model.a_day_later(now).tick()
    return None if tick is None or later is None else (later - tick) / TICKS_PER_USD


def _notes(model: CometModel, found: Outcome) -> tuple[str, ...]:
    at, notes = model.at, list[str]()
    if at.terms.absorb_paused:
        notes.append("absorb is paused: nobody can liquidate now")
    view = outcome(replace(model, indices=at.market.stored).test(), eth_is_base=model.eth_is_base)
    tick, own = liquidation_tick(view), liquidation_tick(found)
    if tick is not None and own is not None and tick != own:
        notes.append(
            f"the contract's own view says so only at {tick / TICKS_PER_USD:,.2f}: it forgets interest"
        )
    if type(view) is not type(found):
        notes.append("the contract's own view says otherwise: it forgets interest, absorb does not")
    if model.eth_is_base and not reads(at.market, model.account, model.key):
        notes.append("the market counts in ETH: the dollar price of ETH does not matter")
    if isinstance(found, Insensitive):
        notes.append(DEBT_ALONE)
    if at.eth is not None and not at.eth.is_eth_usd:
        notes.append("priced by a feed that follows ETH, not by ETH/USD")
    return tuple(notes)


def _linear(model: CometModel) -> Linear | None:
    at, account = model.at, model.account
    if at.eth is None or model.eth_is_base or account.principal >= 0:
        return None
    usd, moving, fixed = at.eth.answer / TICKS_PER_USD, 0, 0
    for held in account.held:
        asset = at.market.assets[held.asset]
        value = collateral_value(at.market, held, asset.liquidate_factor, at.answers)
        moving, fixed = (
            (moving + value, fixed) if model.key in keys_of(asset.price) else (moving, fixed + value)
        )
    owed = debt_value(at.market, account, model.indices, at.answers) / TICKS_PER_USD
    return Linear(a=moving / TICKS_PER_USD / usd, b=0.0, k=fixed / TICKS_PER_USD, m=owed)
