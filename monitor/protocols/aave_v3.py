"""Aave v3 and its forks: every configured pool, read, calibrated, judged and proved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from contracts_abi import aave_v3 as abi
from monitor.domain import BlockRef
from monitor.errors import CannotSee
from monitor.lending.aave import AccountData
from monitor.lending.aave_rules import HealthRule
from monitor.lending.calibrate import Observed, calibrate, rules_differ
from monitor.lending.outcome import AlreadyLiquidatable, LiquidatableAbove, LiquidatableBelow, NeverByEth
from monitor.lending.position import Position, PositionEvent, PositionKey, Seen, Unseen
from monitor.protocols import aave_v3_events
from monitor.protocols.aave_v3_deployments import DEPLOYMENTS, ETH_FEEDS, Deployment
from monitor.protocols.aave_v3_market import (
    MarketFacts,
    build_market,
    fitting_rules,
    index_rule,
    observations,
)
from monitor.protocols.aave_v3_position import build_position
from monitor.protocols.aave_v3_prices import EthPrice, SourceFacts, eth_price, probe_ratios, read_sources
from monitor.protocols.aave_v3_reading import Holdings, PoolState, read_holdings, read_pool
from monitor.protocols.asking import Presence, decoded, decoded_or_none
from monitor.protocols.base import (
    Answer,
    Check,
    EventFilter,
    EventLog,
    Reading,
    Substitute,
    Supposed,
    View,
    attempt,
    together,
)
from monitor.protocols.feed_stub import constant_feed
from monitor.protocols.tokens import TokenBook
from monitor.units import WAD, Address, Wad, floor_div

_ASKED: Final = 4
"""Accounts that rules are told apart with."""
_ROUNDED_TWICE: Final = 3
_ODD_PER_CENT: Final = (61, 79, 97, 123, 151)
"""Of the ETH price: where the rounding rules are compared with the contract."""


@dataclass
class AaveV3:
    """The adapter. Keeps what does not change between blocks: token names, rules that fit, feeds."""

    deployments: Sequence[Deployment]
    eth_feeds: frozenset[Address] = frozenset()
    key: str = "aave_v3"
    tokens: TokenBook = field(default_factory=TokenBook)
    presence: Presence = field(default_factory=Presence)
    rules: dict[Address, Sequence[HealthRule]] = field(default_factory=dict[Address, Sequence[HealthRule]])
    """By pool: health rules that reproduced every account so far."""
    feeds: dict[Address, EthPrice] = field(default_factory=dict[Address, EthPrice])
    """By pool: its ETH feeds, as last read; what a proof puts its own answer in the place of."""
    _asked: dict[Address, list[Address]] = field(default_factory=dict[Address, list[Address]])
    """By pool: the accounts last used to tell rules apart at other prices."""

    def read(self, accounts: Sequence[Address], at: BlockRef) -> Reading[Sequence[Seen]]:
        """All positions of `accounts` in every pool of this adapter."""
        if not accounts:
            return []
        pools = [attempt(self._pool(deployment, accounts, at)) for deployment in self.deployments]
        results = yield from together(pools)
        seen: list[Seen] = []
        for deployment, result in zip(self.deployments, results, strict=True):
            if isinstance(result, CannotSee):
                keys = (_key(deployment, account) for account in accounts)
                seen += [Unseen(key, str(result)) for key in keys]
            else:
                seen += result
        return seen

    def _pool(self, deployment: Deployment, accounts: Sequence[Address], at: BlockRef) -> Reading[list[Seen]]:
        state = yield from read_pool(deployment.pool, accounts, self.presence)
        if state is None:
            return []
        seen = yield from attempt(self._inside(deployment, state, at))
        if isinstance(seen, CannotSee):
            return [Unseen(_key(deployment, account), str(seen)) for account in state.users]
        return seen

    def _inside(self, deployment: Deployment, state: PoolState, at: BlockRef) -> Reading[list[Seen]]:
        """The positions of the accounts that use the pool."""
        holdings = yield from read_holdings(deployment.pool, state, deployment.weth)
        facts = yield from self._oracle(holdings)
        tokens = yield from self.tokens.read([one.asset for one in state.reserves.values()])
        eth = eth_price(holdings.weth_source, self.eth_feeds, facts)
        if eth is not None:
            self.feeds[deployment.pool] = eth
        prices = {holdings.sources[asset]: price for asset, price in holdings.prices.items()}
        facts = yield from probe_ratios(prices, eth, facts, at.timestamp)
        market = build_market(state, holdings, eth=eth, facts=facts, tokens=tokens, now=at.timestamp)
        ready = yield from self._calibrated(deployment.pool, market, observations(market, state, holdings))
        return self._judge(deployment, state, holdings, ready, at)

    def _calibrated(
        self, pool: Address, facts: MarketFacts, known: Mapping[Address, Observed]
    ) -> Reading[MarketFacts]:
        """The market with the rules that reproduce the accounts, told apart at other prices where needed."""
        rules = fitting_rules(facts, list(known.values()), self.rules.get(pool, ()))
        doubtful = [who for who, one in known.items() if rules_differ(one.account, facts.market, rules)]
        if facts.eth is not None and doubtful and self._asked.get(pool) != doubtful:
            self._asked[pool] = doubtful
            rules = yield from self._told_apart(
                pool, facts, facts.eth, rules, {who: known[who] for who in doubtful}
            )
        self.rules[pool] = rules
        return replace(facts, market=replace(facts.market, rule=rules[0]), rules=rules)

    def _told_apart(
        self,
        pool: Address,
        facts: MarketFacts,
        eth: EthPrice,
        rules: Sequence[HealthRule],
        known: Mapping[Address, Observed],
    ) -> Reading[Sequence[HealthRule]]:
        """The rules that also give what the pool says of a few accounts at odd prices, if it can be asked."""
        asked = [
            (who, floor_div(eth.answer * n, 100) | 1) for who in list(known)[:_ASKED] for n in _ODD_PER_CENT
        ]
        answers = yield [
            Supposed(View(pool, abi.USER_ACCOUNT_DATA.encode(who)), _stubs(eth, tick)) for who, tick in asked
        ]
        told = [decoded_or_none(abi.USER_ACCOUNT_DATA, answer) for answer in answers]
        observed = [
            Observed(known[who].account, tick, AccountData(*data[:5], Wad(data.health_factor)))
            for (who, tick), data in zip(asked, told, strict=True)
            if data is not None
        ]
        try:
            found = calibrate(facts.market, observed, rules)
        except CannotSee:
            return rules
        return rules if found.unexplained else found.rules

    def _oracle(self, holdings: Holdings) -> Reading[dict[Address, SourceFacts]]:
        weth = [holdings.weth_source] if holdings.weth_source else []
        facts = yield from read_sources([*holdings.sources.values(), *weth])
        bases = [fact.base for fact in facts.values() if fact.base and fact.base not in facts]
        if bases:
            facts |= yield from read_sources(bases)
        return facts

    def _judge(
        self, deployment: Deployment, state: PoolState, holdings: Holdings, facts: MarketFacts, at: BlockRef
    ) -> list[Seen]:
        indexes = index_rule(facts, at.timestamp)
        seen: list[Seen] = []
        for account, user in state.users.items():
            key, stored = _key(deployment, account), holdings.accounts[account]
            try:
                if isinstance(stored, CannotSee):
                    raise stored
                seen.append(build_position(key, stored, user, state=state, facts=facts, indexes=indexes))
            except CannotSee as error:
                seen.append(Unseen(key, str(error)))
        return seen

    def checks(self, position: Position) -> Sequence[Check]:
        """The pool's own health factor at the tick and next to it, with stubs in place of its ETH feeds."""
        deployment = next(one for one in self.deployments if _key(one, position.key.account) == position.key)
        eth = self.feeds.get(deployment.pool)
        if eth is None:
            return ()
        view = View(deployment.pool, abi.USER_ACCOUNT_DATA.encode(position.key.account))
        return [
            Check(
                view,
                {feed: Substitute(code=code) for feed, code in _stubs(eth, tick)},
                _says_liquidatable,
                expected,
            )
            for tick, expected in _probes(position, _slack(eth))
            if tick > 0
        ]

    def event_filter(self) -> EventFilter:
        """Logs of the pools."""
        return EventFilter(
            tuple(one.pool for one in self.deployments), aave_v3_events.topics(aave_v3_events.V3)
        )

    def decode_event(self, log: EventLog) -> Sequence[PositionEvent]:
        """What a pool's log says."""
        for deployment in self.deployments:
            if log.address == deployment.pool:
                return aave_v3_events.decode(log, deployment.protocol, deployment.market)
        return ()


def adapters(chain_id: int, extra: Iterable[Deployment] = ()) -> list[AaveV3]:
    """One adapter per protocol that is deployed on the chain; `extra` adds pools of the user's own."""
    found: dict[str, list[Deployment]] = {}
    for deployment in (*DEPLOYMENTS.get(chain_id, ()), *extra):
        found.setdefault(deployment.protocol, []).append(deployment)
    feeds = ETH_FEEDS.get(chain_id, frozenset())
    return [AaveV3(tuple(deployments), feeds, protocol) for protocol, deployments in found.items()]


def _key(deployment: Deployment, account: Address) -> PositionKey:
    return PositionKey(deployment.protocol, deployment.market, account)


def _slack(eth: EthPrice) -> int:
    """Ticks by which a price may be off: a second ETH feed in proportion to the first is rounded once more."""
    return 0 if all(answer == eth.answer for answer in eth.others.values()) else _ROUNDED_TWICE


def _probes(position: Position, slack: int) -> list[tuple[int, bool]]:
    match position.outcome:
        case LiquidatableBelow(tick=tick):
            return [(tick - slack, True), (tick + 1 + slack, False)]
        case LiquidatableAbove(tick=tick):
            return [(tick + slack, True), (tick - 1 - slack, False)]
        case AlreadyLiquidatable():
            return [(position.price.answer, True)]
        case NeverByEth():
            return [(position.price.answer // 10, False), (position.price.answer * 10, False)]
        case _:
            return []


def _stubs(eth: EthPrice, tick: int) -> tuple[tuple[Address, bytes], ...]:
    """Code in place of every ETH feed of a pool: `tick`, and others in proportion."""
    others = {feed: floor_div(tick * answer, eth.answer) for feed, answer in eth.others.items()}
    return tuple((feed, constant_feed(answer)) for feed, answer in {**others, eth.feed: tick}.items())


def _says_liquidatable(answer: Answer) -> bool:
    return decoded(abi.USER_ACCOUNT_DATA, answer, "the pool, asked for a proof").health_factor < WAD
