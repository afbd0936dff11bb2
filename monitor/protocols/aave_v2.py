"""Aave v2: a pool that counts in ETH. Its price is found by asking the pool itself.

Its oracle gives prices in wei of ETH, so when ETH falls every other asset's price rises. A supposed
ETH price therefore stands in the place of the other assets' sources: each is worth the same dollars.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from contracts_abi import aave_v3 as common
from monitor.domain import BlockRef
from monitor.errors import CannotSee
from monitor.lending.outcome import AlreadyLiquidatable, Insensitive, NeverByEth, NeverReason, Outcome
from monitor.lending.position import Leg, Linear, Position, PositionEvent, PositionKey, Seen, Unseen
from monitor.lending.solver import DEFAULT_RANGE
from monitor.protocols import aave_v3_events
from monitor.protocols.aave_v2_reading import Asset, Stake, read_assets, read_stakes, reproduce
from monitor.protocols.aave_v3_deployments import ETH_FEEDS
from monitor.protocols.asked import Found, Memory, Question, Stubs, classified, eth_usd
from monitor.protocols.asking import NOWHERE, Presence, decoded, sound
from monitor.protocols.base import Answer, Check, EventFilter, EventLog, Reading, View, attempt, together
from monitor.protocols.feed_stub import constant_feed
from monitor.protocols.feeds import FeedAnswer, price_of_feed
from monitor.protocols.tokens import TokenBook
from monitor.units import BPS, TICKS_PER_USD, WAD, Address, Wad, floor_div

_SOURCE_DECIMALS: Final = 18


@dataclass(frozen=True, slots=True)
class Pool:
    """One pool."""

    market: str
    address: Address


POOLS: dict[int, tuple[Pool, ...]] = {
    1: (Pool("Main", Address("0x7d2768de32b0b80b7a3454c06bdac94a69ddc7a9")),),
}
"""By chain id. Sources: contracts_abi/SOURCES.md. The AMM pool is left out: shares in pools follow ETH in part."""
ETH_TOKENS: dict[int, frozenset[Address]] = {
    1: frozenset(
        {
            Address("0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"),
            Address("0xae7ab96520de3a18e5e111b5eaab095312d7fe84"),
        }
    ),
}
"""WETH and stETH, whose price in ETH stays while ETH moves; by chain id."""


class _Held(NamedTuple):
    flags: int
    data: common.UserAccountData


class AaveV2:
    """The adapter."""

    key = "aave_v2"

    def __init__(
        self, pools: Sequence[Pool], eth_tokens: Collection[Address], eth_feeds: Collection[Address]
    ) -> None:
        self._pools = tuple(pools)
        self._eth_tokens = frozenset(eth_tokens)
        self._feeds = tuple(sorted(eth_feeds))
        self._tokens = TokenBook()
        self._presence = Presence()
        self._memory = Memory()
        self._questions: dict[PositionKey, Question] = {}
        """As last read, for proofs that are asked for anew."""

    def read(self, accounts: Sequence[Address], at: BlockRef) -> Reading[Sequence[Seen]]:  # noqa: ARG002 - the contracts add the interest
        """Positions with collateral or debt in every pool."""
        if not accounts:
            return []
        found = yield from together([self._of_pool(pool, accounts) for pool in self._pools])
        return [seen for part in found for seen in part]

    def _of_pool(self, pool: Pool, accounts: Sequence[Address]) -> Reading[list[Seen]]:
        calls = (common.USER_CONFIGURATION, common.USER_ACCOUNT_DATA)
        answers = yield [View(pool.address, call.encode(account)) for account in accounts for call in calls]
        if self._presence.is_absent(pool.address, answers):
            return []
        held: dict[Address, _Held] = {}
        seen: list[Seen] = []
        for place, account in enumerate(accounts):
            try:
                flags = decoded(common.USER_CONFIGURATION, answers[2 * place], "account")
                if flags:
                    data = decoded(common.USER_ACCOUNT_DATA, answers[2 * place + 1], "account data")
                    held[account] = _Held(flags, data)
            except CannotSee as error:
                seen.append(Unseen(self._key(pool, account), str(error)))
        if held:
            seen += yield from self._rows(pool, held)
        return seen

    def _rows(self, pool: Pool, held: Mapping[Address, _Held]) -> Reading[list[Seen]]:
        eth = yield from attempt(eth_usd(self._feeds))
        assets = yield from attempt(
            read_assets(pool.address, [one.flags for one in held.values()], self._tokens)
        )
        readings: list[Reading[Any]] = [
            attempt(self._row(pool, account, one, assets, eth)) for account, one in held.items()
        ]
        rows = yield from together(readings)
        return [
            Unseen(self._key(pool, account), str(row)) if isinstance(row, CannotSee) else row
            for account, row in zip(held, rows, strict=True)
        ]

    def _row(
        self,
        pool: Pool,
        account: Address,
        held: _Held,
        assets: Mapping[int, Asset] | CannotSee,
        feed: FeedAnswer | CannotSee,
    ) -> Reading[Position]:
        known, eth, data = sound(assets), sound(feed), held.data
        stakes = yield from read_stakes(account, held.flags, known)
        reproduce(stakes, data)
        key = self._key(pool, account)
        moving = [one.asset for one in stakes if one.asset.address not in self._eth_tokens]
        question = Question(
            View(pool.address, common.USER_ACCOUNT_DATA.encode(account)),
            _worth_the_same(moving, eth),
            _unhealthy,
        )
        self._questions[key] = question
        found = yield from self._searched(question, stakes, data, eth)
        dollars = _Dollars(eth.answer)
        return Position(
            key=key,
            collaterals=tuple(
                self._leg(one.asset, one.collateral, dollars) for one in stakes if one.collateral
            ),
            debts=tuple(self._leg(one.asset, one.debt, dollars) for one in stakes if one.debt),
            collateral_value=dollars.of(data.collateral),
            debt_value=dollars.of(data.debt),
            health_factor=Wad(data.health_factor) if data.debt else None,
            price=price_of_feed(eth),
            outcome=self._outcome(found, stakes, data, eth),
            notes=("found by asking the pool at supposed prices, other assets at the same dollars",)
            if found.told
            else (),
            rule="the pool's own account data",
            linear=self._linear(stakes, eth),
            proof=found.proof,
        )

    def _searched(
        self, question: Question, stakes: Sequence[Stake], data: common.UserAccountData, eth: FeedAnswer
    ) -> Reading[Found]:
        """Asked only where ETH stands against something else."""
        if not data.debt or len(self._sides(stakes)) < 2:
            return Found(None, {})
        if any(one.asset.source == NOWHERE for one in stakes if one.asset.address not in self._eth_tokens):
            raise CannotSee("an asset of the account has no price source of its own")
        found = yield from self._memory.search(question, eth.answer)
        if isinstance(found.outcome, AlreadyLiquidatable) != (data.health_factor < WAD):
            raise CannotSee("the pool's answer under overridden feeds is not its own answer")
        return found

    def _sides(self, stakes: Sequence[Stake]) -> set[bool]:
        return {one.asset.address in self._eth_tokens for one in stakes if one.collateral or one.debt}

    def _outcome(
        self, found: Found, stakes: Sequence[Stake], data: common.UserAccountData, eth: FeedAnswer
    ) -> Outcome:
        if not data.debt:
            return NeverByEth(NeverReason.NO_DEBT)
        if found.told:
            return classified(found, eth.answer, _health)
        if data.health_factor < WAD:
            return AlreadyLiquidatable(DEFAULT_RANGE.low, DEFAULT_RANGE.high)
        if self._sides(stakes) == {True}:
            return Insensitive(ratio_drop=1 - WAD / data.health_factor, carry_days=None)
        return NeverByEth(NeverReason.NO_ETH, "a fall of the collateral against the debt")

    def _leg(self, asset: Asset, amount: int, dollars: _Dollars) -> Leg:
        worth = dollars.of(floor_div(asset.price * amount, asset.unit))
        follows = asset.address in self._eth_tokens
        return Leg(asset.address, asset.token.symbol, amount, asset.token.decimals, worth, follows)

    def _linear(self, stakes: Sequence[Stake], eth: FeedAnswer) -> Linear:
        usd = eth.answer / TICKS_PER_USD
        sums = {"a": 0.0, "b": 0.0, "k": 0.0, "m": 0.0}
        for asset, collateral, debt in stakes:
            ether = asset.price / asset.unit / WAD
            follows = asset.address in self._eth_tokens
            sums["a" if follows else "k"] += (
                collateral * ether * asset.threshold / BPS * (1 if follows else usd)
            )
            sums["b" if follows else "m"] += debt * ether * (1 if follows else usd)
        return Linear(**sums)

    def checks(self, position: Position) -> Sequence[Check]:
        """The same question again on both sides."""
        question = self._questions.get(position.key)
        return [] if question is None else question.sides(position.outcome)

    def event_filter(self) -> EventFilter:
        """Logs of the pools."""
        topics = aave_v3_events.topics(aave_v3_events.V2)
        return EventFilter(tuple(pool.address for pool in self._pools), topics)

    def decode_event(self, log: EventLog) -> Sequence[PositionEvent]:
        """What a pool's log says."""
        pool = next((one for one in self._pools if one.address == log.address), None)
        if pool is None:
            return []
        return aave_v3_events.decode(log, self.key, pool.market, aave_v3_events.V2)

    def _key(self, pool: Pool, account: Address) -> PositionKey:
        return PositionKey(self.key, pool.market, account)


class _Dollars(NamedTuple):
    """Wei of ETH into USD with 8 decimals, at the ETH/USD feed's answer."""

    tick: int

    def of(self, wei: int) -> int:
        return floor_div(wei * self.tick, WAD)


def _worth_the_same(assets: Sequence[Asset], eth: FeedAnswer) -> Callable[[int], Stubs]:
    """Sources whose answers are the same dollars while ETH is at a tick."""

    def stubs(tick: int) -> Stubs:
        return tuple(
            (asset.source, constant_feed(max(floor_div(asset.price * eth.answer, tick), 1), _SOURCE_DECIMALS))
            for asset in assets
        )

    return stubs


def _unhealthy(answer: Answer) -> bool:
    data = decoded(common.USER_ACCOUNT_DATA, answer, "account data at a supposed price")
    return data.debt > 0 and data.health_factor < WAD


def _health(answer: Answer) -> int:
    return decoded(common.USER_ACCOUNT_DATA, answer, "account data at a supposed price").health_factor


def adapters(
    chain_id: int,
    own: Sequence[Pool] = (),
    eth_tokens: Collection[Address] = (),
    eth_feeds: Collection[Address] = (),
) -> list[AaveV2]:
    """One adapter for all pools of a chain, the user's own beside ours, if it has any."""
    pools = (*POOLS.get(chain_id, ()), *own)
    tokens = {*ETH_TOKENS.get(chain_id, ()), *eth_tokens}
    return [AaveV2(pools, tokens, {*ETH_FEEDS.get(chain_id, ()), *eth_feeds})] if pools else []
