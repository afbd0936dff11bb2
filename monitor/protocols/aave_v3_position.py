"""One account of an Aave pool as a `Position`: checked against the contract's own numbers first."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from monitor.errors import CannotSee
from monitor.lending.aave import (
    Account,
    Holding,
    Market,
    account_data,
    bonus_of,
    collateral_value,
    debt_value,
    resolve,
)
from monitor.lending.aave import Position as Resolved
from monitor.lending.aave_boundary import AaveTest
from monitor.lending.aave_index import IndexRule
from monitor.lending.aave_model import AaveModel
from monitor.lending.aave_outcome import classify, growth, linear
from monitor.lending.aave_remedy import remedy
from monitor.lending.calibrate import Observed, mismatch, rules_differ
from monitor.lending.correlation import EthFeedTimesRatio, eth_ratio
from monitor.lending.position import NO_ETH_PRICE, Leg, Position, PositionKey, ProtocolPrice
from monitor.lending.remedy import LiquidationTerms
from monitor.lending.risk import drift_per_day
from monitor.protocols.aave_v3_market import MarketFacts
from monitor.protocols.aave_v3_reading import PoolState, User
from monitor.units import BPS, WAD, Wad, floor_div

_PAUSED: Final = 60
_ACTIVE: Final = 56
_CLOSE_NOTE: Final = "the whole debt where health is 0.95 or less, or collateral or debt is under $2,000"


def build_position(
    key: PositionKey,
    account: Account,
    user: User,
    *,
    state: PoolState,
    facts: MarketFacts,
    indexes: IndexRule | CannotSee | None,
) -> Position:
    """The position. Raises `CannotSee` where a price is missing or no rule gives the contract's numbers."""
    market, tick = facts.market, facts.tick
    resolved = _by_value(resolve(market, account), tick)
    own = account_data(resolved, tick)
    if user.data is None:
        raise CannotSee("the pool refuses to compute the account's data")
    if own != user.data:
        raise CannotSee(mismatch(market, Observed(account, tick, user.data), (market.rule,)))
    line = linear(resolved, tick)
    has_debt = any(holding.amount for holding in resolved.debts)
    outcome = classify(resolved, market, tick, facts.staking)
    return Position(
        key=key,
        collaterals=tuple(
            _leg(one, state, market, collateral_value(one, tick)) for one in resolved.collaterals
        ),
        debts=tuple(_leg(one, state, market, debt_value(market.rule, one, tick)) for one in resolved.debts),
        collateral_value=own.collateral,
        debt_value=own.debt,
        health_factor=own.health_factor if own.debt else None,
        price=_price(facts),
        outcome=outcome,
        terms=_terms(resolved, market, account) if has_debt else None,
        remedy=remedy(resolved, tick) if has_debt else None,
        drift_per_day=drift_per_day(line, growth(resolved, market, tick, facts.staking))
        if has_debt
        else None,
        notes=tuple(_notes(account, resolved, state, facts, indexes)),
        rule=_rule(market, indexes),
        linear=line,
        test=AaveTest(resolved),
        model=AaveModel(market, account, tick, outcome),
    )


def _rule(market: Market, indexes: IndexRule | CannotSee | None) -> str:
    """Both calibrated formulas; the health rule alone where the interest formula is not known (yet)."""
    return market.rule.name + (f", {indexes.value} index" if isinstance(indexes, IndexRule) else "")


def _by_value(resolved: Resolved, tick: int) -> Resolved:
    """Dearest first, as people read it; what a remedy speaks of is then the first of its side."""
    collaterals = sorted(resolved.collaterals, key=lambda one: -collateral_value(one, tick) * bool(one.lt))
    debts = sorted(resolved.debts, key=lambda one: -debt_value(resolved.rule, one, tick))
    return replace(resolved, collaterals=tuple(collaterals), debts=tuple(debts))


def _leg(holding: Holding, state: PoolState, market: Market, value: int) -> Leg:
    reserve = market.reserves[holding.reserve]
    asset = state.reserves[holding.reserve].asset
    follows = eth_ratio(holding.source) is not None
    return Leg(asset, reserve.symbol, holding.amount, reserve.decimals, value, follows)


def _price(facts: MarketFacts) -> ProtocolPrice:
    if facts.eth is None:
        return NO_ETH_PRICE
    return ProtocolPrice(facts.eth.answer, updated_at=facts.eth.updated_at, source=facts.eth.feed)


def _terms(resolved: Resolved, market: Market, account: Account) -> LiquidationTerms:
    """Half of the debt at once; the dearest of the account's collaterals sets the penalty."""
    bonuses = [bonus_of(market, account, one.reserve) for one in resolved.collaterals]
    worst = max([bonus for bonus in bonuses if bonus > BPS], default=BPS)
    return LiquidationTerms(Wad(WAD // 2), Wad(floor_div((worst - BPS) * WAD, BPS)), _CLOSE_NOTE)


def _notes(
    account: Account,
    resolved: Resolved,
    state: PoolState,
    facts: MarketFacts,
    indexes: IndexRule | CannotSee | None,
) -> list[str]:
    market = facts.market
    notes: list[str] = []
    if rules_differ(account, market, facts.rules):
        names = " or ".join(rule.name for rule in facts.rules)
        notes.append(f"the rounding rule is not certain yet ({names}): the price may be off by rounding")
    for id_ in dict.fromkeys(one.reserve for one in (*resolved.collaterals, *resolved.debts)):
        listed, reserve = state.reserves[id_], market.reserves[id_]
        if listed.bits(_PAUSED, 1):
            notes.append(f"{reserve.symbol} is paused: nobody can liquidate while it is")
        if id_ in facts.grace:
            notes.append(
                f"{reserve.symbol} has a grace period: nobody can liquidate before {facts.grace[id_]}"
            )
        if not listed.bits(_ACTIVE, 1):
            notes.append(f"{reserve.symbol} is not active")
        if isinstance(reserve.source, EthFeedTimesRatio) and reserve.source.capped:
            notes.append(f"the price of {reserve.symbol} is capped: it follows its cap, not its own ratio")
        if isinstance(reserve.source, EthFeedTimesRatio) and reserve.source.inferred:
            notes.append(f"the exchange ratio of {reserve.symbol} is inferred from its price")
    if isinstance(indexes, CannotSee):
        notes.append(str(indexes))
    return notes
