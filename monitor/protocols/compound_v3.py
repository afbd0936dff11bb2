"""Compound v3: the positions of accounts in every Comet of a chain."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

from contracts_abi import comet as abi
from contracts_abi.interface import AbiError
from monitor.domain import BlockRef
from monitor.errors import CannotSee, EthmonError
from monitor.lending.comet import CometAccount, Held, accrued
from monitor.lending.outcome import LiquidatableAbove, LiquidatableBelow
from monitor.lending.position import EventKind, Position, PositionEvent, PositionKey, Seen, Unseen
from monitor.protocols.asking import ANYONE, Presence, decoded, decoded_or_none, went_through
from monitor.protocols.base import (
    Answer,
    Check,
    EventFilter,
    EventLog,
    Reading,
    Refusal,
    Substitute,
    View,
    attempt,
    together,
)
from monitor.protocols.compound_deployments import COMETS, ETH_TOKENS, CometDeployment
from monitor.protocols.compound_position import AccountAnswers, CometModel, position_of
from monitor.protocols.compound_reading import CometAt, CometReader
from monitor.protocols.feed_stub import constant_feed
from monitor.protocols.feeds import FeedAnswer
from monitor.units import Address, UnixTime, floor_div

_KINDS: Final = {
    "Supply": (EventKind.REPAY, "dst", None),
    "Withdraw": (EventKind.BORROW, "src", None),
    "SupplyCollateral": (EventKind.SUPPLY, "dst", "asset"),
    "WithdrawCollateral": (EventKind.WITHDRAW, "src", "asset"),
    "AbsorbDebt": (EventKind.LIQUIDATION, "borrower", None),
    "AbsorbCollateral": (EventKind.LIQUIDATION, "borrower", "asset"),
}
_AMOUNTS: Final = ("amount", "basePaidOut", "collateralAbsorbed")


class _Place(NamedTuple):
    """An account in a Comet, and its basics."""

    account: Address
    basic: abi.UserBasic


class CompoundV3:
    """The adapter."""

    key = "compound_v3"

    def __init__(self, deployments: Sequence[CometDeployment], eth_tokens: Collection[Address]) -> None:
        self._deployments = tuple(deployments)
        self._eth_tokens = frozenset(eth_tokens)
        self._reader = CometReader()
        self._presence = Presence()
        self._bases: dict[Address, Address] = {}

    def read(self, accounts: Sequence[Address], at: BlockRef) -> Reading[Sequence[Seen]]:
        """Positions with collateral or debt; suppliers of the base alone cannot be liquidated."""
        if not accounts:
            return []
        readings = [self._of_market(deployment, accounts, at) for deployment in self._deployments]
        found = yield from together(readings)
        return [seen for part in found for seen in part]

    def _of_market(
        self, deployment: CometDeployment, accounts: Sequence[Address], at: BlockRef
    ) -> Reading[Sequence[Seen]]:
        answers = yield [View(deployment.comet, abi.USER_BASIC.encode(account)) for account in accounts]
        if self._presence.is_absent(deployment.comet, answers):
            return []
        places: list[_Place] = []
        seen: list[Seen] = []
        for account, answer in zip(accounts, answers, strict=True):
            try:
                basic = decoded(abi.USER_BASIC, answer, "account")
            except CannotSee as error:
                seen.append(Unseen(self._key(deployment, account), str(error)))
                continue
            if basic.principal < 0 or basic.assets_in or basic.reserved:
                places.append(_Place(account, basic))
        if places:
            market = yield from attempt(self._reader.market(deployment))
            seen += yield from self._judged(deployment, places, market, UnixTime(at.timestamp))
        return seen

    def _judged(
        self,
        deployment: CometDeployment,
        places: Sequence[_Place],
        market: CometAt | CannotSee,
        now: UnixTime,
    ) -> Reading[list[Seen]]:
        if isinstance(market, CannotSee):
            return [Unseen(self._key(deployment, place.account), str(market)) for place in places]
        self._bases[deployment.comet] = market.terms.base_token
        readings: list[Reading[Any]] = [attempt(self._row(market, place, now)) for place in places]
        found = yield from together(readings)
        return [
            Unseen(self._key(deployment, place.account), str(row)) if isinstance(row, CannotSee) else row
            for place, row in zip(places, found, strict=True)
        ]

    def _row(self, market: CometAt, place: _Place, now: UnixTime) -> Reading[Position]:
        """Raises `CannotSee`."""
        comet, account = market.deployment.comet, place.account
        held = [index for index in range(len(market.terms.assets)) if place.basic.is_in(index)]
        answers = yield [
            View(comet, abi.BORROW_BALANCE.encode(account)),
            View(comet, abi.IS_LIQUIDATABLE.encode(account)),
            *(
                View(comet, abi.USER_COLLATERAL.encode(account, market.terms.assets[index].asset))
                for index in held
            ),
        ]
        told = AccountAnswers(
            decoded(abi.BORROW_BALANCE, answers[0], "debt"), decoded_or_none(abi.IS_LIQUIDATABLE, answers[1])
        )
        balances = [decoded(abi.USER_COLLATERAL, answer, "collateral").balance for answer in answers[2:]]
        model = CometModel(
            at=market,
            account=CometAccount(place.basic.principal, tuple(map(Held, held, balances))),
            indices=accrued(market.market, now),
            eth_is_base=market.terms.base_token in self._eth_tokens,
        )
        try:
            return position_of(model, account, now, told)
        except EthmonError as error:
            raise CannotSee(str(error)) from None

    def checks(self, position: Position) -> Sequence[Check]:
        """`absorb` itself, tried with the ETH feed on either side: it accrues, and needs no funds."""
        model, outcome = position.model, position.outcome
        if not isinstance(model, CometModel) or not isinstance(
            outcome, LiquidatableBelow | LiquidatableAbove
        ):
            return []
        if model.at.eth is None:
            return []
        call = abi.ABSORB.encode(ANYONE, [position.key.account])
        safe = outcome.tick + (1 if isinstance(outcome, LiquidatableBelow) else -1)
        return [
            Check(
                View(model.at.deployment.comet, call),
                _with_eth_at(tick, model.at.eth, model.at.feeds.values()),
                _was_absorbed,
                expected,
                ANYONE,
            )
            for tick, expected in ((outcome.tick, True), (safe, False))
        ]

    def event_filter(self) -> EventFilter:
        """Every change of an account."""
        topics = [abi.event(name).topic for name in (*_KINDS, "TransferCollateral")]
        return EventFilter(tuple(one.comet for one in self._deployments), tuple(topics))

    def decode_event(self, log: EventLog) -> Sequence[PositionEvent]:
        """What a log says."""
        deployment = next((one for one in self._deployments if one.comet == log.address), None)
        if deployment is None or not log.topics:
            return []
        try:
            return self._decoded(deployment, log)
        except AbiError:
            return []

    def _decoded(self, deployment: CometDeployment, log: EventLog) -> Sequence[PositionEvent]:
        moved = abi.event("TransferCollateral")
        if log.topics[0] == moved.topic:
            values = moved.decode(log.topics, log.data)
            token, amount = Address(values["asset"]), values["amount"]
            return [
                PositionEvent(
                    self._key(deployment, Address(values[side])), kind, token, amount, "transferred"
                )
                for side, kind in (("from", EventKind.WITHDRAW), ("to", EventKind.SUPPLY))
            ]
        for name, (kind, owner, asset) in _KINDS.items():
            event = abi.event(name)
            if log.topics[0] == event.topic:
                values = event.decode(log.topics, log.data)
                token = Address(values[asset]) if asset else self._bases.get(deployment.comet)
                amount = next(values[key] for key in _AMOUNTS if key in values)
                return [PositionEvent(self._key(deployment, Address(values[owner])), kind, token, amount)]
        return []

    def _key(self, deployment: CometDeployment, account: Address) -> PositionKey:
        return PositionKey(self.key, deployment.name, account)


def adapters(
    chain_id: int, own: Sequence[CometDeployment] = (), eth_tokens: Collection[Address] = ()
) -> list[CompoundV3]:
    """One adapter for all Comets of a chain, the user's own beside ours, if it has any."""
    comets = (*COMETS.get(chain_id, ()), *own)
    return [CompoundV3(comets, {*ETH_TOKENS.get(chain_id, ()), *eth_tokens})] if comets else []


def _with_eth_at(tick: int, eth: FeedAnswer, feeds: Iterable[FeedAnswer]) -> dict[Address, Substitute]:
    """The ETH feed at `tick`, and every feed that follows ETH in today's ratio to it, as the price assumes."""
    moved = {
        feed.address: Substitute(code=constant_feed(floor_div(tick * feed.answer, eth.answer), feed.decimals))
        for feed in feeds
        if feed.follows and feed.answer > 0
    }
    return {**moved, eth.address: Substitute(code=constant_feed(tick, eth.decimals))}


def _was_absorbed(answer: Answer) -> bool:
    if went_through(answer):
        return True
    if isinstance(answer, Refusal) and answer.data[:4] == abi.NOT_LIQUIDATABLE:
        return False
    raise CannotSee("absorb failed for another reason than the account's health")
