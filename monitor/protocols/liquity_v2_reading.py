"""Reads a Liquity v2 branch at a block: its terms, what its price rests on, and whose troves are whose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from contracts_abi import liquity as abi
from contracts_abi import maker
from monitor.errors import CannotSee
from monitor.lending.liquity_v2 import Branch, price_at
from monitor.protocols.asking import NOWHERE, Presence, decoded, decoded_or_none, sound
from monitor.protocols.base import Answer, Reading, View, attempt, together
from monitor.protocols.feeds import FeedAnswer, read_feeds
from monitor.protocols.liquity_deployments import LiquityV2Branch
from monitor.protocols.tokens import Token, TokenBook
from monitor.units import WAD, Address, UnixTime, floor_div

MOST_TROVES: Final = 20_000


class Registry(NamedTuple):
    """What a branch is made of, fixed at deployment."""

    manager: Address
    nft: Address
    price_feed: Address
    token: Address
    mcr: int
    penalty: int


@dataclass(frozen=True, slots=True)
class BranchAt:
    """A branch at a block. `rate`: wad per token on top of the feed, None for ETH itself."""

    deployment: LiquityV2Branch
    registry: Registry
    branch: Branch
    feed: FeedAnswer
    rate: int | None
    price_wad: int
    token: Token


@dataclass
class BranchReader:
    """Remembers the registry, and who owns which trove: looked up again when a count does not fit."""

    deployment: LiquityV2Branch
    tokens: TokenBook = field(default_factory=TokenBook)
    registry: Registry | None = None
    presence: Presence = field(default_factory=Presence)
    owners: dict[int, Address] = field(default_factory=dict[int, Address])

    def addresses(self) -> Reading[Registry | None]:
        """The branch's parts; None: it is not deployed. Raises `CannotSee`."""
        if self.registry is None:
            calls: list[Any] = [
                abi.TROVE_MANAGER, abi.TROVE_NFT, abi.PRICE_FEED_V2, abi.COLL_TOKEN, abi.MCR_V2, abi.PENALTY_V2,
            ]  # fmt: skip
            answers = yield [View(self.deployment.registry, call.encode()) for call in calls]
            if self.presence.is_absent(self.deployment.registry, answers):
                return None
            told = [decoded(call, answer, call.name) for call, answer in zip(calls, answers, strict=True)]
            if told[4] <= 0:
                raise CannotSee("the branch has no minimum collateral ratio")
            self.registry = Registry(*map(Address, told[:4]), *told[4:])
        return self.registry

    def troves_of(self, accounts: Sequence[Address]) -> Reading[dict[int, Address]]:
        """Trove ids by owner. All troves are gone through only when an account has more than is known."""
        registry = yield from self.addresses()
        if registry is None:
            return {}
        answers = yield [View(registry.nft, abi.NFT_BALANCE.encode(account)) for account in accounts]
        wanted = {
            account: decoded(abi.NFT_BALANCE, answer, "count of troves")
            for account, answer in zip(accounts, answers, strict=True)
        }
        if any(count != self._count(account) for account, count in wanted.items()):
            self.owners = yield from self._all_owners(registry)
        lacking = [account for account, count in wanted.items() if count != self._count(account)]
        if lacking:
            raise CannotSee(f"not all troves of {lacking[0]} were found")
        return {trove: owner for trove, owner in self.owners.items() if owner in wanted}

    def _count(self, account: Address) -> int:
        return sum(owner == account for owner in self.owners.values())

    def _all_owners(self, registry: Registry) -> Reading[dict[int, Address]]:
        answers = yield [View(registry.manager, abi.TROVE_COUNT.encode())]
        count = decoded(abi.TROVE_COUNT, answers[0], "count of troves")
        if count > MOST_TROVES:
            raise CannotSee(f"{count} troves are too many to look through")
        found = yield [View(registry.manager, abi.TROVE_AT.encode(place)) for place in range(count)]
        troves = [decoded(abi.TROVE_AT, answer, "trove") for answer in found]
        owners = yield [View(registry.nft, abi.NFT_OWNER.encode(trove)) for trove in troves]
        return {
            trove: Address(decoded(abi.NFT_OWNER, answer, "owner of a trove"))
            for trove, answer in zip(troves, owners, strict=True)
        }

    def branch(self) -> Reading[BranchAt]:
        """The branch with its price explained. Raises `CannotSee`."""
        registry = yield from self.addresses()
        if registry is None:
            raise CannotSee("the branch is not deployed")
        readings: list[Reading[Any]] = [
            attempt(_price_parts(registry.price_feed)),
            self.tokens.read([registry.token]),
            _state(registry.manager),
        ]
        parts, tokens, state = yield from together(readings)
        parts, token = sound(parts), sound(tokens[registry.token])
        feed, rate = _explained(parts)
        branch = Branch(registry.mcr, UnixTime(state[0]), state[1])
        return BranchAt(self.deployment, registry, branch, feed, rate, parts.price, token)


def _state(manager: Address) -> Reading[tuple[int, int]]:
    answers = yield [View(manager, abi.SHUTDOWN_TIME.encode()), View(manager, abi.TROVE_COUNT.encode())]
    return decoded(abi.SHUTDOWN_TIME, answers[0], "shutdown time"), decoded(
        abi.TROVE_COUNT, answers[1], "troves"
    )


class _Parts(NamedTuple):
    price: int
    eth: FeedAnswer | CannotSee | None
    steth: FeedAnswer | CannotSee | None
    reth: FeedAnswer | CannotSee | None
    steth_rate: int | None
    reth_rate: int | None


def _price_parts(price_feed: Address) -> Reading[_Parts]:
    oracles = (abi.ETH_ORACLE, abi.STETH_ORACLE, abi.RETH_ORACLE)
    answers = yield [
        View(price_feed, abi.FETCH_PRICE_V2.encode()),
        View(price_feed, abi.RATE_PROVIDER.encode()),
        *(View(price_feed, oracle.encode()) for oracle in oracles),
    ]
    price = decoded(abi.FETCH_PRICE_V2, answers[0], "price of the branch")
    if price.failed or price.price <= 0:
        raise CannotSee("the branch's price feed has failed: it keeps its last good price")
    provider = decoded_or_none(abi.RATE_PROVIDER, answers[1])
    known = [decoded_or_none(oracle, answer) for oracle, answer in zip(oracles, answers[2:], strict=True)]
    feeds = [None if one is None or one.aggregator == NOWHERE else Address(one.aggregator) for one in known]
    readings: list[Reading[Any]] = [
        read_feeds([feed for feed in feeds if feed is not None]),
        _rates(provider),
    ]
    told, rates = yield from together(readings)
    return _Parts(price.price, *(None if feed is None else told[feed] for feed in feeds), *rates)


def _rates(provider: str | None) -> Reading[tuple[int | None, int | None]]:
    if provider is None or provider == NOWHERE:
        return None, None
    token = Address(provider)
    answers: Sequence[Answer] = yield [
        View(token, maker.STETH_PER_TOKEN.encode()),
        View(token, abi.EXCHANGE_RATE.encode()),
    ]
    return decoded_or_none(maker.STETH_PER_TOKEN, answers[0]), decoded_or_none(abi.EXCHANGE_RATE, answers[1])


def _explained(parts: _Parts) -> tuple[FeedAnswer, int | None]:
    """Self-calibration: the feed and rate that give the branch's own price, to the last digit."""
    candidates: list[tuple[FeedAnswer | CannotSee | None, int | None]] = [
        (parts.eth, None),
        (parts.steth, parts.steth_rate),
        (parts.eth, parts.reth_rate),
        (parts.eth, _market_rate(parts.reth)),
    ]
    for feed, rate in candidates:
        if isinstance(feed, FeedAnswer) and price_at(feed.answer, rate) == parts.price:
            return feed, rate
    raise CannotSee("the feeds of the branch do not give the price it answers")


def _market_rate(feed: FeedAnswer | CannotSee | None) -> int | None:
    if not isinstance(feed, FeedAnswer):
        return None
    return floor_div(feed.answer * WAD, 10**feed.decimals)
