"""Euler v2: up to 256 sub-accounts of an owner, each with one debt; the vault is asked for the price.

A sub-account's address is its owner's with the last byte XORed with its number. Vaults have routers
of price adapters and LTVs that ramp in time, so `accountLiquidity` is asked instead of restated.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from contracts_abi import euler as abi
from contracts_abi.interface import interface
from monitor.domain import BlockRef
from monitor.errors import CannotSee
from monitor.lending.outcome import AlreadyLiquidatable
from monitor.lending.position import (
    EventKind,
    Leg,
    Position,
    PositionEvent,
    PositionKey,
    Seen,
    Unseen,
)
from monitor.protocols.aave_v3_deployments import ETH_FEEDS
from monitor.protocols.asked import Found, Memory, Question, all_at_once, classified, eth_usd
from monitor.protocols.asking import decoded, sound, told_by
from monitor.protocols.base import (
    Answer,
    Check,
    EventFilter,
    EventLog,
    Reading,
    View,
    attempt,
    together,
)
from monitor.protocols.euler_v2_places import SubAccount, SubAccountBook
from monitor.protocols.feeds import FeedAnswer, price_of_feed
from monitor.protocols.tokens import Token, TokenBook
from monitor.units import TICKS_PER_USD, WAD, Address, Wad, floor_div

_WAD_PER_TICK: Final = WAD // TICKS_PER_USD
_EVENTS: Final = interface("euler_vault").events
_KINDS: Final = {
    "Borrow": (EventKind.BORROW, "account", "assets"),
    "Repay": (EventKind.REPAY, "account", "assets"),
    "Liquidate": (EventKind.LIQUIDATION, "violator", "repayAssets"),
}

EVCS: dict[int, Address] = {1: Address("0x0c9a3dd6b8f28529d72d7f9ce918d493519ee383")}
"""Vault connectors by chain id. Sources: contracts_abi/SOURCES.md."""


class EulerV2:
    """The adapter."""

    key = "euler_v2"

    def __init__(self, evc: Address, eth_feeds: Collection[Address]) -> None:
        self._evc = evc
        self._feeds = tuple(sorted(eth_feeds))
        self._tokens = TokenBook()
        self._book = SubAccountBook(evc)
        self._memory = Memory()

    def read(self, accounts: Sequence[Address], at: BlockRef) -> Reading[Sequence[Seen]]:
        """Sub-accounts with a debt; collateral alone cannot be liquidated."""
        broken = yield from self._book.look(accounts, at.number)
        unseen: list[Seen] = [
            Unseen(PositionKey(self.key, "EVC", account), cause) for account, cause in broken.items()
        ]
        places = [place for account in accounts for place in self._book.of(account)]
        if not places:
            return unseen
        eth = yield from attempt(eth_usd(self._feeds))
        readings: list[Reading[Any]] = [attempt(self._row(place, eth)) for place in places]
        rows = yield from together(readings)
        return unseen + [
            Unseen(self._key(place), str(row)) if isinstance(row, CannotSee) else row
            for place, row in zip(places, rows, strict=True)
            if row is not None
        ]

    def _row(self, place: SubAccount, feed: FeedAnswer | CannotSee) -> Reading[Position | None]:
        """Raises `CannotSee`. None: nothing is owed any more."""
        question = self._question(place)
        answers = yield [
            View(place.vault, abi.DEBT_OF.encode(place.address)),
            View(place.vault, abi.ASSET.encode()),
            View(place.vault, abi.UNIT.encode()),
            question.view,
        ]
        owed = decoded(abi.DEBT_OF, answers[0], "debt")
        if not owed:
            return None
        asset = Address(decoded(abi.ASSET, answers[1], "the vault's asset"))
        unit = decoded(abi.UNIT, answers[2], "the vault's unit of account")
        now = decoded(abi.LIQUIDITY, answers[3], "liquidity of the account")
        eth = sound(feed)
        tokens = yield from self._tokens.read([asset])
        collaterals = yield from self._collaterals(place)
        found = yield from self._memory.search(question, eth.answer)
        if isinstance(found.outcome, AlreadyLiquidatable) != _is_violation(now):
            raise CannotSee("the vault's answer under an overridden feed is not its own answer")
        in_dollars = unit == abi.US_DOLLAR
        debt = _Debt(
            owed, floor_div(now.liability, _WAD_PER_TICK) if in_dollars else None, sound(tokens[asset])
        )
        return self._position(place, now, found, eth, collaterals, debt)

    def _collaterals(self, place: SubAccount) -> Reading[tuple[Leg, ...]]:
        answers = yield [View(self._evc, abi.COLLATERALS.encode(place.address))]
        vaults = [Address(one) for one in decoded(abi.COLLATERALS, answers[0], "collaterals")]
        answers = yield [View(vault, abi.SHARES_OF.encode(place.address)) for vault in vaults]
        held = {
            vault: decoded(abi.SHARES_OF, answer, "collateral")
            for vault, answer in zip(vaults, answers, strict=True)
        }
        held = {vault: shares for vault, shares in held.items() if shares}
        answers = yield [
            ask
            for vault, shares in held.items()
            for ask in (View(vault, abi.TO_ASSETS.encode(shares)), View(vault, abi.ASSET.encode()))
        ]
        amounts = [decoded(abi.TO_ASSETS, answer, "collateral") for answer in answers[0::2]]
        assets = [Address(decoded(abi.ASSET, answer, "collateral")) for answer in answers[1::2]]
        tokens = yield from self._tokens.read(assets)
        return tuple(
            Leg(
                asset,
                token.symbol,
                amount,
                token.decimals,
                None,
                follows_eth=False,
            )
            for asset, amount, token in zip(
                assets, amounts, (sound(tokens[asset]) for asset in assets), strict=True
            )
        )

    def _position(
        self,
        place: SubAccount,
        now: abi.Liquidity,
        found: Found,
        eth: FeedAnswer,
        collaterals: tuple[Leg, ...],
        debt: _Debt,
    ) -> Position:
        token, (below, above) = debt.token, map(_health, found.around(eth.answer))
        # What follows ETH is not told by symbols but by what the vault says when ETH moves.
        long, short = below < above, below > above
        return Position(
            key=self._key(place),
            collaterals=tuple(replace(leg, follows_eth=long) for leg in collaterals),
            debts=(
                Leg(token.address, token.symbol, debt.amount, token.decimals, debt.value, follows_eth=short),
            ),
            collateral_value=None,
            debt_value=debt.value,
            health_factor=Wad(_factor(now)),
            price=price_of_feed(eth),
            outcome=classified(found, eth.answer, _health),
            notes=(f"sub-account {place.number}", "found by asking the vault at supposed prices"),
            rule="the vault's own liquidity, at liquidation LTVs",
            proof=found.proof,
        )

    def checks(self, position: Position) -> Sequence[Check]:
        """The same question again on both sides."""
        place = SubAccount(position.key.account, int(position.key.id), Address(position.key.market))
        return self._question(place).sides(position.outcome)

    def _question(self, place: SubAccount) -> Question:
        view = View(place.vault, abi.LIQUIDITY.encode(place.address, True))  # noqa: FBT003 - the liquidation LTVs
        return Question(view, all_at_once(self._feeds), _violates)

    def event_filter(self) -> EventFilter:
        """Borrowings, repayments and liquidations at the vaults that watched accounts owe to."""
        vaults = dict.fromkeys(place.vault for place in self._book.all())
        return EventFilter(tuple(vaults), tuple(abi.event(name).topic for name in _KINDS))

    def decode_event(self, log: EventLog) -> Sequence[PositionEvent]:
        """What a log says of a known sub-account."""
        places = {place.address: place for place in self._book.all() if place.vault == log.address}
        found = told_by(log, _EVENTS, _KINDS) if places else None
        if found is None:
            return []
        (kind, owner, amount), values = _KINDS[found[0]], found[1]
        place = places.get(Address(values[owner]))
        return [] if place is None else [PositionEvent(self._key(place), kind, None, values[amount])]

    def _key(self, place: SubAccount) -> PositionKey:
        return PositionKey(self.key, place.vault, place.owner, str(place.number))


class _Debt(NamedTuple):
    amount: int
    value: int | None
    token: Token


def _is_violation(found: abi.Liquidity) -> bool:
    return found.liability > 0 and found.collateral <= found.liability


def _violates(answer: Answer) -> bool:
    return _is_violation(decoded(abi.LIQUIDITY, answer, "liquidity at a supposed price"))


def _factor(found: abi.Liquidity) -> int:
    return floor_div(found.collateral * WAD, max(found.liability, 1))


def _health(answer: Answer) -> int:
    return _factor(decoded(abi.LIQUIDITY, answer, "liquidity at a supposed price"))


def adapters(
    chain_id: int, own: Sequence[Address] = (), eth_feeds: Collection[Address] = ()
) -> list[EulerV2]:
    """Euler on a chain, if it is there; the user's own connector instead of ours."""
    evc = own[-1] if own else EVCS.get(chain_id)
    return [] if evc is None else [EulerV2(evc, {*ETH_FEEDS.get(chain_id, ()), *eth_feeds})]
