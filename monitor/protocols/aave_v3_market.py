"""From the raw facts of a pool to the market that health is computed on, and the rules that reproduce it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monitor.errors import CannotSee
from monitor.lending.aave import EMode, Market, Reserve
from monitor.lending.aave_index import IndexRule, IndexState
from monitor.lending.aave_rules import RULES, HealthRule
from monitor.lending.calibrate import IndexSample, Observed, calibrate, calibrate_indexes
from monitor.lending.correlation import EthFeedTimesRatio, NoPrice, PriceSource
from monitor.protocols.aave_v3_prices import EthPrice, SourceFacts, classify_source, staking_growth
from monitor.protocols.aave_v3_reading import Holdings, Listed, PoolState, RawEMode
from monitor.protocols.tokens import Token
from monitor.units import Address, Bps, Ray, UnixTime


@dataclass(frozen=True, slots=True)
class MarketFacts:
    """A pool's market at one block. `market.rule` is a placeholder until `calibrated`."""

    market: Market
    eth: EthPrice | None
    tick: int
    """The ETH feed's answer; 1 where the pool has no ETH feed (nothing follows it then)."""
    staking: Mapping[int, float]
    """Growth per year of exchange ratios, by reserve id."""
    bitmaps: bool
    grace: Mapping[int, UnixTime]
    """By reserve id, where a grace period is in force."""
    rules: Sequence[HealthRule] = ()
    """Every health rule that reproduces the accounts; `market.rule` is the first once they are known."""


def build_market(
    state: PoolState,
    holdings: Holdings,
    *,
    eth: EthPrice | None,
    facts: Mapping[Address, SourceFacts],
    tokens: Mapping[Address, Token | CannotSee],
    now: UnixTime,
) -> MarketFacts:
    """The market as the accounts see it."""

    def source_of(asset: Address) -> PriceSource:
        return classify_source(holdings.prices[asset], holdings.sources[asset], eth, facts, now)

    reserves = {
        id_: _reserve(one, source_of(one.asset), holdings.indexes[id_], tokens)
        for id_, one in state.reserves.items()
    }
    emodes = {
        id_: _emode(raw, source_of(raw.price_source) if raw.price_source else None)
        for id_, raw in state.emodes.items()
        if isinstance(raw, RawEMode)
    }
    growth = {
        id_: staking_growth(facts.get(holdings.sources[one.asset]), now)
        for id_, one in state.reserves.items()
    }
    followed = {
        id_: rate for id_, rate in growth.items() if isinstance(reserves[id_].source, EthFeedTimesRatio)
    }
    rule = candidates(bitmaps=state.bitmaps)[0]
    grace = {id_: until for id_, until in holdings.grace.items() if until >= now}
    return MarketFacts(
        Market(reserves, emodes, rule), eth, eth.answer if eth else 1, followed, state.bitmaps, grace
    )


def _reserve(
    one: Listed,
    source: PriceSource,
    indexes: tuple[int, int] | None,
    tokens: Mapping[Address, Token | CannotSee],
) -> Reserve:
    data, token = one.data, tokens.get(one.asset)
    stored = IndexState(
        Ray(data.liquidity_index),
        Ray(data.variable_borrow_index),
        Ray(data.liquidity_rate),
        Ray(data.variable_borrow_rate),
        UnixTime(data.last_update),
    )
    if indexes is None:
        source = NoPrice("the pool does not tell the interest indexes of an asset of the account")
    income, debt = indexes or (0, 0)
    return Reserve(
        id=data.id,
        symbol=token.symbol if isinstance(token, Token) else "?",
        decimals=one.bits(48, 8),
        lt=Bps(one.bits(16, 16)),
        ltv=Bps(one.bits(0, 16)),
        bonus=Bps(one.bits(32, 16)),
        category=one.bits(168, 8),
        source=source,
        income=Ray(income),
        debt_index=Ray(debt),
        stored=stored,
    )


def _emode(raw: RawEMode, source: PriceSource | None) -> EMode:
    return EMode(
        Bps(raw.ltv),
        Bps(raw.lt),
        Bps(raw.bonus),
        raw.collateral_bitmap,
        raw.ltvzero_bitmap,
        raw.isolated,
        source,
    )


def candidates(*, bitmaps: bool) -> tuple[HealthRule, ...]:
    """The rules of contracts of this generation, newest first."""
    return tuple(rule for rule in RULES if rule.categories != bitmaps)


def observations(facts: MarketFacts, state: PoolState, holdings: Holdings) -> dict[Address, Observed]:
    """Accounts with the contract's own data that can be computed."""
    found: dict[Address, Observed] = {}
    for account, user in state.users.items():
        stored = holdings.accounts[account]
        if isinstance(stored, CannotSee) or user.data is None:
            continue
        emode = facts.market.emodes.get(stored.emode)
        sources = [facts.market.reserves[id_].source for id_ in stored.rows]
        if not any(isinstance(source, NoPrice) for source in (*sources, emode.source if emode else None)):
            found[account] = Observed(stored, facts.tick, user.data)
    return found


def fitting_rules(
    facts: MarketFacts, observed: Sequence[Observed], known: Sequence[HealthRule]
) -> Sequence[HealthRule]:
    """The rules that reproduce the accounts: of those `known` to fit before, or of all again after an upgrade.

    Raises `CannotSee` where none reproduces any account.
    """
    every = candidates(bitmaps=facts.bitmaps)
    kept = [rule for rule in known if rule in every]
    if kept:
        try:
            found = calibrate(facts.market, observed, kept)
        except CannotSee:
            pass
        else:
            if not found.unexplained:
                return found.rules
    return calibrate(facts.market, observed, every).rules


def index_rule(facts: MarketFacts, now: UnixTime) -> IndexRule | CannotSee | None:
    """The debt index formula that gives the pool's own indexes at the block; None where both do."""
    samples = [
        IndexSample(one.stored, now, one.income, one.debt_index)
        for one in facts.market.reserves.values()
        if one.stored is not None and not isinstance(one.source, NoPrice)
    ]
    try:
        fitting = calibrate_indexes(samples)
    except CannotSee as error:
        return error
    return fitting[0] if len(fitting) == 1 else None
