"""Aave v3 and its forks: every configured pool, read, calibrated, judged and proved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from contracts_abi import aave_v3 as abi
from monitor.domain import BlockRef
from monitor.errors import CannotSee
from monitor.lending.aave_rules import HealthRule
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
from monitor.protocols.aave_v3_prices import EthPrice, SourceFacts, eth_price, read_sources
from monitor.protocols.aave_v3_reading import Holdings, PoolState, read_holdings, read_pool
from monitor.protocols.asking import decoded
from monitor.protocols.base import (
    Answer,
    Check,
    EventFilter,
    EventLog,
    Reading,
    Substitute,
    View,
    attempt,
    together,
)
from monitor.protocols.feed_stub import constant_feed
from monitor.protocols.tokens import TokenBook
from monitor.units import WAD, Address, floor_div


@dataclass
class AaveV3:
    """The adapter. Keeps what does not change between blocks: token names, rules that fit, feeds."""

    deployments: Sequence[Deployment]
    eth_feeds: frozenset[Address] = frozenset()
    key: str = "aave_v3"
    tokens: TokenBook = field(default_factory=TokenBook)
    rules: dict[Address, Sequence[HealthRule]] = field(default_factory=dict[Address, Sequence[HealthRule]])
    """By pool: health rules that reproduced every account so far."""
    feeds: dict[Address, EthPrice] = field(default_factory=dict[Address, EthPrice])
    """By pool: its ETH feeds, as last read; what a proof puts its own answer in the place of."""

    def read(self, accounts: Sequence[Address], at: BlockRef) -> Reading[Sequence[Seen]]:
        """All positions of `accounts` in every pool of this adapter."""
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
        state = yield from read_pool(deployment.pool, accounts)
        if state is None:
            return []
        holdings = yield from read_holdings(deployment.pool, state, deployment.weth)
        facts = yield from self._oracle(holdings)
        tokens = yield from self.tokens.read([one.asset for one in state.reserves.values()])
        eth = eth_price(holdings.weth_source, self.eth_feeds, facts)
        if eth is not None:
            self.feeds[deployment.pool] = eth
        market = build_market(state, holdings, eth=eth, facts=facts, tokens=tokens, now=at.timestamp)
        return self._judge(deployment, state, holdings, market, at)

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
        observed = observations(facts, state, holdings)
        rules = fitting_rules(facts, observed, self.rules.get(deployment.pool, ()))
        self.rules[deployment.pool] = rules
        ready = replace(facts, market=replace(facts.market, rule=rules[0]), rules=rules)
        indexes = index_rule(facts, at.timestamp)
        seen: list[Seen] = []
        for account, user in state.users.items():
            key, stored = _key(deployment, account), holdings.accounts[account]
            try:
                if isinstance(stored, CannotSee):
                    raise stored
                seen.append(build_position(key, stored, user, state=state, facts=ready, indexes=indexes))
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
            Check(view, _substitutes(eth, tick), _says_liquidatable, expected)
            for tick, expected in _probes(position)
            if tick > 0
        ]

    def event_filter(self) -> EventFilter:
        """Logs of the pools."""
        return EventFilter(tuple(one.pool for one in self.deployments), aave_v3_events.TOPICS)

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


def _probes(position: Position) -> list[tuple[int, bool]]:
    match position.outcome:
        case LiquidatableBelow(tick=tick):
            return [(tick, True), (tick + 1, False)]
        case LiquidatableAbove(tick=tick):
            return [(tick, True), (tick - 1, False)]
        case AlreadyLiquidatable():
            return [(position.price.answer, True)]
        case NeverByEth():
            return [(position.price.answer // 10, False), (position.price.answer * 10, False)]
        case _:
            return []


def _substitutes(eth: EthPrice, tick: int) -> Mapping[Address, Substitute]:
    others = {feed: floor_div(tick * answer, eth.answer) for feed, answer in eth.others.items()}
    answers = {**others, eth.feed: tick}
    return {feed: Substitute(code=constant_feed(answer)) for feed, answer in answers.items()}


def _says_liquidatable(answer: Answer) -> bool:
    return decoded(abi.USER_ACCOUNT_DATA, answer, "the pool, asked for a proof").health_factor < WAD
