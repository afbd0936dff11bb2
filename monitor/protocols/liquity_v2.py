"""Liquity v2: the troves of an account in every branch, by ownership of their NFTs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from contracts_abi import liquity as abi
from contracts_abi.interface import AbiError
from monitor.domain import BlockRef
from monitor.errors import CannotSee, EthmonError
from monitor.lending.outcome import LiquidatableAbove, LiquidatableBelow
from monitor.lending.position import (
    EventKind,
    Position,
    PositionEvent,
    PositionKey,
    Seen,
    Unseen,
)
from monitor.protocols.asking import ANYONE, decoded, went_through
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
from monitor.protocols.feed_stub import constant_feed
from monitor.protocols.liquity_deployments import LIQUITY_V2, LiquityV2Branch
from monitor.protocols.liquity_v2_position import TroveV2Model, position_of
from monitor.protocols.liquity_v2_reading import BranchAt, BranchReader
from monitor.units import TICKS_PER_USD, WAD, Address

_WAD_PER_TICK: Final = WAD // TICKS_PER_USD
_LIQUIDATED: Final = 5
_OPERATIONS: Final[tuple[str, ...]] = (
    "opened", "closed", "adjusted", "rate changed", "rewards applied", "liquidated", "redeemed from",
    "opened in a batch", "batch joined", "batch left",
)  # fmt: skip


class LiquityV2:
    """The adapter."""

    key = "liquity_v2"

    def __init__(self, branches: Sequence[LiquityV2Branch]) -> None:
        self._readers = tuple(BranchReader(branch) for branch in branches)

    def read(self, accounts: Sequence[Address], at: BlockRef) -> Reading[Sequence[Seen]]:  # noqa: ARG002 - the contracts add the interest
        """Troves that are open, or redeemed to almost nothing."""
        if not accounts:
            return []
        found = yield from together([self._of_branch(reader, accounts) for reader in self._readers])
        return [seen for part in found for seen in part]

    def _of_branch(self, reader: BranchReader, accounts: Sequence[Address]) -> Reading[list[Seen]]:
        troves = yield from attempt(reader.troves_of(accounts))
        if isinstance(troves, CannotSee):
            return [Unseen(self._key(reader, account, ""), str(troves)) for account in accounts]
        if not troves:
            return []
        branch = yield from attempt(reader.branch())
        keys = {trove: self._key(reader, owner, str(trove)) for trove, owner in troves.items()}
        if isinstance(branch, CannotSee):
            return [Unseen(key, str(branch)) for key in keys.values()]
        readings: list[Reading[Any]] = [attempt(self._row(branch, trove, key)) for trove, key in keys.items()]
        rows = yield from together(readings)
        return [
            Unseen(key, str(row)) if isinstance(row, CannotSee) else row
            for key, row in zip(keys.values(), rows, strict=True)
            if row is not None
        ]

    def _row(self, at: BranchAt, trove: int, key: PositionKey) -> Reading[Position | None]:
        """Raises `CannotSee`. None: closed."""
        manager = at.registry.manager
        answers = yield [
            View(manager, abi.TROVES_V2.encode(trove)),
            View(manager, abi.LATEST_TROVE.encode(trove)),
        ]
        stored = decoded(abi.TROVES_V2, answers[0], "trove")
        latest = decoded(abi.LATEST_TROVE, answers[1], "trove")
        if stored.status not in (abi.ACTIVE, abi.ZOMBIE):
            return None
        parts = (latest.recorded_debt, latest.redistributed_debt, latest.accrued_interest, latest.batch_fee)
        if sum(parts) != latest.entire_debt or stored.coll + latest.redistributed_coll != latest.entire_coll:
            raise CannotSee("the trove's amounts do not add up: its data are laid out otherwise")
        try:
            return position_of(TroveV2Model(latest, at), key)
        except EthmonError as error:
            raise CannotSee(str(error)) from None

    def checks(self, position: Position) -> Sequence[Check]:
        """`batchLiquidateTroves` with the branch's Chainlink feed on either side."""
        model, outcome = position.model, position.outcome
        if not isinstance(model, TroveV2Model) or not isinstance(
            outcome, LiquidatableBelow | LiquidatableAbove
        ):
            return []
        call = abi.LIQUIDATE_V2.encode([int(position.key.id)])
        return [
            Check(
                View(model.at.registry.manager, call),
                {model.at.feed.address: Substitute(code=constant_feed(tick))},
                _was_liquidated,
                expected,
                ANYONE,
            )
            for tick, expected in ((outcome.tick, True), (outcome.tick + 1, False))
        ]

    def event_filter(self) -> EventFilter:
        """Operations on troves, and troves that change hands."""
        known = [reader.registry for reader in self._readers if reader.registry is not None]
        addresses = [address for registry in known for address in (registry.manager, registry.nft)]
        return EventFilter(tuple(addresses), (abi.event(2, "TroveOperation").topic, abi.transfer().topic))

    def decode_event(self, log: EventLog) -> Sequence[PositionEvent]:
        """What a log says of a trove whose owner is known."""
        for reader in self._readers:
            if reader.registry is None or not log.topics:
                continue
            try:
                if log.address == reader.registry.nft:
                    _change_hands(reader, log)
                elif log.address == reader.registry.manager:
                    return self._operation(reader, log)
            except AbiError:
                return []
        return []

    def _operation(self, reader: BranchReader, log: EventLog) -> Sequence[PositionEvent]:
        values = abi.event(2, "TroveOperation").decode(log.topics, log.data)
        owner = reader.owners.get(values["_troveId"])
        if owner is None:
            return []
        key = self._key(reader, owner, str(values["_troveId"]))
        number = int(values["_operation"])
        if number == _LIQUIDATED:
            return [
                PositionEvent(
                    key, EventKind.LIQUIDATION, reader.deployment.bold, -values["_debtChangeFromOperation"]
                )
            ]
        detail = _OPERATIONS[number] if number < len(_OPERATIONS) else f"operation {number}"
        return _changes(key, reader, values, detail)

    def _key(self, reader: BranchReader, account: Address, trove: str) -> PositionKey:
        return PositionKey(self.key, reader.deployment.name, account, trove)


def _changes(
    key: PositionKey, reader: BranchReader, values: dict[str, Any], detail: str
) -> Sequence[PositionEvent]:
    assert reader.registry is not None
    coll, debt = values["_collChangeFromOperation"], values["_debtChangeFromOperation"]
    events: list[PositionEvent] = []
    if coll:
        kind = EventKind.SUPPLY if coll > 0 else EventKind.WITHDRAW
        events.append(PositionEvent(key, kind, reader.registry.token, abs(coll), detail))
    if debt:
        kind = EventKind.BORROW if debt > 0 else EventKind.REPAY
        events.append(PositionEvent(key, kind, reader.deployment.bold, abs(debt), detail))
    return events or [PositionEvent(key, EventKind.OTHER, None, None, detail)]


def _change_hands(reader: BranchReader, log: EventLog) -> None:
    values = abi.transfer().decode(log.topics, log.data)
    if int(values["to"], 16):
        reader.owners[values["id"]] = Address(values["to"])
    else:
        reader.owners.pop(values["id"], None)


def adapters(chain_id: int, own: Sequence[LiquityV2Branch] = ()) -> list[LiquityV2]:
    """One adapter for all branches of a chain, the user's own beside ours, if it has any."""
    branches = (*LIQUITY_V2.get(chain_id, ()), *own)
    return [LiquityV2(branches)] if branches else []


def _was_liquidated(answer: Answer) -> bool:
    if went_through(answer):
        return True
    if isinstance(answer, Refusal) and answer.data[:4] == abi.NOTHING_V2:
        return False
    raise CannotSee("the liquidation failed for another reason than the trove's ratio")
