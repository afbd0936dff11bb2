"""Liquity v1: the trove of an account, in normal and in recovery mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from contracts_abi import liquity as abi
from contracts_abi.interface import AbiError
from monitor.domain import BlockRef
from monitor.errors import CannotSee, EthmonError
from monitor.lending import liquity_v1 as trove_maths
from monitor.lending.liquity_v1 import WAD_PER_TICK, Entire, System, Trove, TroveTest
from monitor.lending.outcome import (
    AlreadyLiquidatable,
    LiquidatableAbove,
    LiquidatableBelow,
    Outcome,
    liquidation_tick,
)
from monitor.lending.position import (
    Cause,
    EventKind,
    Leg,
    Linear,
    Model,
    Position,
    PositionEvent,
    PositionKey,
    Seen,
    Unseen,
)
from monitor.protocols.asking import ANYONE, NOWHERE, Presence, decoded, decoded_or_none, went_through
from monitor.protocols.base import (
    Answer,
    Ask,
    Check,
    EventFilter,
    EventLog,
    Reading,
    Refusal,
    Substitute,
    View,
    attempt,
)
from monitor.protocols.feed_stub import constant_feed
from monitor.protocols.feeds import FeedAnswer, feed_answer, feed_asks, price_of_feed
from monitor.protocols.liquity_deployments import LIQUITY_V1, LiquityV1Deployment
from monitor.units import TICKS_PER_USD, WAD, Address, Wad, floor_div

MARKET: Final = "v1"
_OPERATIONS: Final[tuple[str, ...]] = (
    "opened",
    "closed",
    "adjusted",
    "rewards applied",
    "liquidated",
    "liquidated",
    "redeemed from",
)


class SystemAt(NamedTuple):
    """The system at a block, with its price."""

    system: System
    feed: FeedAnswer
    price_feed: Address


@dataclass(frozen=True, slots=True)
class TroveModel:
    """A trove's inputs: the owner's, and the system's (redistribution, totals, stability pool)."""

    trove: Trove
    at: SystemAt

    @property
    def entire(self) -> Entire:
        """With what redistributions have added."""
        return trove_maths.entire(self.trove, self.at.system)

    def outcome(self) -> Outcome:
        """The liquidation price."""
        return trove_maths.outcome(self.entire, self.at.system, self.at.feed.answer)

    def tick(self) -> int | None:
        """The liquidation price in ticks."""
        return liquidation_tick(self.outcome())

    def health_at(self, price: int) -> int | None:
        """Its ratio over the minimum with ETH at `price`."""
        ratio = trove_maths.collateral_ratio(*self.entire, price * WAD_PER_TICK)
        return floor_div(ratio * WAD, self.at.system.mcr) if self.entire.debt else None

    def replaced(self, cause: Cause, other: Model) -> Model:
        """The inputs of `cause` as in `other`; what others' liquidations change counts as a parameter."""
        if not isinstance(other, TroveModel):
            return self
        if cause in (Cause.OWNER, Cause.LIQUIDATION):
            return replace(self, trove=other.trove)
        if cause is Cause.PARAMETER:
            return replace(self, at=self.at._replace(system=other.at.system))
        return self


class LiquityV1:
    """The adapter."""

    key = "liquity_v1"

    def __init__(self, deployment: LiquityV1Deployment) -> None:
        self._deployment = deployment
        self._presence = Presence()

    def read(self, accounts: Sequence[Address], at: BlockRef) -> Reading[Sequence[Seen]]:  # noqa: ARG002 - no interest: time does not matter
        """Active troves."""
        manager = self._deployment.trove_manager
        asks: list[Ask] = []
        for account in accounts:
            asks += [View(manager, abi.TROVES.encode(account)), View(manager, abi.SNAPSHOTS.encode(account))]
        answers: Sequence[Answer] = (yield asks) if asks else []
        if self._presence.is_absent(manager, answers):
            return []
        troves: dict[Address, Trove] = {}
        seen: list[Seen] = []
        for place, account in enumerate(accounts):
            try:
                trove = _trove(answers[2 * place], answers[2 * place + 1])
            except CannotSee as error:
                seen.append(Unseen(self._key(account), str(error)))
                continue
            if trove is not None:
                troves[account] = trove
        if troves:
            seen += yield from self._judged(troves)
        return seen

    def _judged(self, troves: dict[Address, Trove]) -> Reading[list[Seen]]:
        system = yield from attempt(self._system())
        if isinstance(system, CannotSee):
            return [Unseen(self._key(account), str(system)) for account in troves]
        price = system.feed.answer * WAD_PER_TICK
        answers = yield [
            View(self._deployment.trove_manager, abi.CURRENT_ICR.encode(account, price)) for account in troves
        ]
        rows: list[Seen] = []
        for (account, trove), answer in zip(troves.items(), answers, strict=True):
            try:
                rows.append(self._row(account, TroveModel(trove, system), answer))
            except EthmonError as error:
                rows.append(Unseen(self._key(account), str(error)))
        return rows

    def _system(self) -> Reading[SystemAt]:
        manager = self._deployment.trove_manager
        calls: list[Any] = [*abi.SYSTEM, abi.STABILITY_POOL, abi.PRICE_FEED]
        answers = yield [View(manager, call.encode()) for call in calls]
        told = [decoded(call, answer, call.name) for call, answer in zip(calls, answers, strict=True)]
        pool, price_feed = Address(told[-2]), Address(told[-1])
        answers = yield [
            View(pool, abi.DEPOSITS.encode()),
            View(pool, abi.MAX_OFFSET.encode()),
            View(price_feed, abi.FETCH_PRICE.encode()),
            View(price_feed, abi.AGGREGATOR.encode()),
        ]
        deposits = decoded(abi.DEPOSITS, answers[0], "stability pool")
        offset = decoded_or_none(abi.MAX_OFFSET, answers[1])
        price = decoded(abi.FETCH_PRICE, answers[2], "price feed")
        aggregator = Address(decoded(abi.AGGREGATOR, answers[3], "price feed"))
        feed = feed_answer(aggregator, (yield feed_asks(aggregator)))
        if feed.answer * WAD_PER_TICK != price or price <= 0:
            raise CannotSee("the protocol's price is not its Chainlink feed's: it fell back to another")
        coll, debt, count, l_eth, l_debt, mcr, ccr = told[:7]
        if mcr <= 0:
            raise CannotSee("the system has no minimum collateral ratio")
        system = System(coll, debt, count, deposits if offset is None else offset, l_eth, l_debt, mcr, ccr)
        return SystemAt(system, feed, price_feed)

    def _row(self, account: Address, model: TroveModel, icr: Answer) -> Position:
        trove, at = model.entire, model.at
        price = at.feed.answer * WAD_PER_TICK
        ratio = trove_maths.collateral_ratio(*trove, price)
        if decoded(abi.CURRENT_ICR, icr, "collateral ratio") != ratio:
            raise CannotSee("the trove's collateral ratio is not reproduced")
        found, health = model.outcome(), model.health_at(at.feed.answer)
        worth, owed = (
            floor_div(amount, WAD_PER_TICK) for amount in (floor_div(trove.coll * price, WAD), trove.debt)
        )
        return Position(
            key=self._key(account),
            collaterals=(Leg(NOWHERE, "ETH", trove.coll, 18, worth, follows_eth=True),),
            debts=(Leg(self._deployment.lusd, "LUSD", trove.debt, 18, owed, follows_eth=False),),
            collateral_value=worth,
            debt_value=owed,
            health_factor=None if health is None else Wad(health),
            price=price_of_feed(at.feed),
            outcome=found,
            terms=trove_maths.terms(trove, price, at.system),
            remedy=trove_maths.remedy(trove, at.system, price),
            drift_per_day=0.0 if isinstance(found, LiquidatableBelow) else None,
            notes=_notes(model, found),
            rule="pending redistribution included",
            linear=Linear(a=trove.coll / at.system.mcr, b=0.0, k=0.0, m=trove.debt / WAD),
            test=TroveTest(trove, at.system),
            model=model,
        )

    def checks(self, position: Position) -> Sequence[Check]:
        """`liquidate` with the protocol's own price feed replaced by one that answers the price."""
        model, outcome = position.model, position.outcome
        if not isinstance(model, TroveModel) or not isinstance(
            outcome, LiquidatableBelow | LiquidatableAbove
        ):
            return []
        call = abi.LIQUIDATE.encode(position.key.account)
        safe = outcome.tick + (1 if isinstance(outcome, LiquidatableBelow) else -1)
        return [
            Check(
                View(self._deployment.trove_manager, call),
                {model.at.price_feed: Substitute(code=constant_feed(tick * WAD_PER_TICK))},
                _was_liquidated,
                expected,
                ANYONE,
            )
            for tick, expected in ((outcome.tick, True), (safe, False))
        ]

    def event_filter(self) -> EventFilter:
        """Changes of troves and liquidations."""
        topics = [abi.event(1, name).topic for name in ("TroveUpdated", "TroveLiquidated")]
        return EventFilter((self._deployment.trove_manager,), tuple(topics))

    def decode_event(self, log: EventLog) -> Sequence[PositionEvent]:
        """What a log says: of an update only the new debt, the old is not in it."""
        if log.address != self._deployment.trove_manager or not log.topics:
            return []
        for name, kind in (("TroveUpdated", EventKind.OTHER), ("TroveLiquidated", EventKind.LIQUIDATION)):
            event = abi.event(1, name)
            if log.topics[0] == event.topic:
                try:
                    values = event.decode(log.topics, log.data)
                except AbiError:
                    return []
                operation = _OPERATIONS[min(int(values["_operation"]), len(_OPERATIONS) - 1)]
                key = self._key(Address(values["_borrower"]))
                detail = "" if kind is EventKind.LIQUIDATION else operation
                return [PositionEvent(key, kind, self._deployment.lusd, values["_debt"], detail)]
        return []

    def _key(self, account: Address) -> PositionKey:
        return PositionKey(self.key, MARKET, account)


def _trove(answer: Answer, snapshot: Answer) -> Trove | None:
    trove = decoded(abi.TROVES, answer, "trove")
    if trove.status != abi.ACTIVE:
        return None
    told = decoded(abi.SNAPSHOTS, snapshot, "snapshot of the trove")
    return Trove(trove.coll, trove.debt, trove.stake, told.eth, told.debt)


def _notes(model: TroveModel, found: Outcome) -> tuple[str, ...]:
    system, price = model.at.system, model.at.feed.answer * WAD_PER_TICK
    notes: list[str] = []
    if trove_maths.in_recovery(system, price):
        notes.append("the system is in recovery mode")
    below_mcr = trove_maths.highest_below(model.entire.coll, model.entire.debt, system.mcr) or 0
    recovery = trove_maths.recovery_tick(system)
    if isinstance(found, LiquidatableBelow) and found.tick > floor_div(below_mcr, WAD_PER_TICK):
        notes.append("liquidated by recovery mode, before its own ratio is under the minimum")
    elif recovery is not None and not isinstance(found, AlreadyLiquidatable):
        notes.append(f"recovery mode of the whole system below {recovery / TICKS_PER_USD:,.2f}")
    return tuple(notes)


def adapters(chain_id: int, own: Sequence[LiquityV1Deployment] = ()) -> list[LiquityV1]:
    """The system of a chain, if it has one; the user's own instead of ours."""
    deployment = own[-1] if own else LIQUITY_V1.get(chain_id)
    return [] if deployment is None else [LiquityV1(deployment)]


def _was_liquidated(answer: Answer) -> bool:
    if went_through(answer):
        return True
    if isinstance(answer, Refusal) and abi.NOTHING_V1 in answer.data:
        return False
    raise CannotSee("liquidate failed for another reason than the trove's ratio")
