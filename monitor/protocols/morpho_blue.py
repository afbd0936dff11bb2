"""Morpho Blue: the positions of accounts over all markets, in four rounds of questions.

Which markets an account is in is not written anywhere on the chain but in Morpho's events. So a new
account is asked for in every market that is known, and from then on events say where it went.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from contracts_abi import morpho as abi
from contracts_abi.interface import AbiError
from monitor.domain import BlockRef
from monitor.errors import CannotSee, EthmonError
from monitor.lending.morpho import MorphoPosition
from monitor.lending.position import EventKind, Position, PositionEvent, PositionKey, Seen, Unseen
from monitor.protocols import morpho_opaque, morpho_proof
from monitor.protocols.asking import Presence, decoded
from monitor.protocols.base import (
    Check,
    EventFilter,
    EventLog,
    LogSearch,
    Reading,
    View,
    attempt,
    together,
)
from monitor.protocols.morpho_deployments import MORPHO_DEPLOYMENTS, MorphoDeployment
from monitor.protocols.morpho_position import MarketAt, MorphoModel, position_of
from monitor.protocols.morpho_reading import MorphoReader
from monitor.units import Address

_KINDS: Final = {
    "SupplyCollateral": (EventKind.SUPPLY, "onBehalf"),
    "WithdrawCollateral": (EventKind.WITHDRAW, "onBehalf"),
    "Borrow": (EventKind.BORROW, "onBehalf"),
    "Repay": (EventKind.REPAY, "onBehalf"),
    "Liquidate": (EventKind.LIQUIDATION, "borrower"),
}


class MorphoBlue:
    """The adapter. It remembers markets, oracles and tokens, which never change, and who is where."""

    key = "morpho_blue"

    def __init__(self, deployment: MorphoDeployment) -> None:
        self._deployment = deployment
        self._known = dict.fromkeys(deployment.markets)
        self._places: dict[Address, dict[bytes, None]] = {}
        self._presence = Presence()
        self._searched: dict[Address, None] = {}
        self._reader = MorphoReader(deployment)

    # Reading

    def read(self, accounts: Sequence[Address], at: BlockRef) -> Reading[Sequence[Seen]]:
        """All positions of `accounts` with collateral or debt.

        Collateral alone, in a market that cannot be read, is no gap: anybody may make such a market and
        put something there in anybody's name, and without a debt nothing can be liquidated.
        """
        pairs = [(account, market) for account in accounts for market in self._candidates(account)]
        if not pairs:
            return []
        held, seen = yield from self._held(pairs)
        ids = list(dict.fromkeys(market for _, market in held))
        readings: list[Reading[Any]] = [attempt(self._reader.market(market, at)) for market in ids]
        earlies: list[Reading[Any]] = [attempt(self._reader.authorised(*pair)) for pair in held]
        found = yield from together(readings + earlies)
        markets = dict(zip(ids, found, strict=False))
        rows = [
            self._judged(*pair, position, markets[pair[1]], early)
            for (pair, position), early in zip(held.items(), found[len(ids) :], strict=True)
            if position.borrow_shares or not isinstance(markets[pair[1]], CannotSee)
        ]
        return seen + (yield from together([self._asked(row) for row in rows]))

    def _candidates(self, account: Address) -> Sequence[bytes]:
        """Every known market for a new account; for others those where something of theirs was seen."""
        return list(self._places.get(account, self._known))

    def _held(
        self, pairs: Sequence[tuple[Address, bytes]]
    ) -> Reading[tuple[dict[tuple[Address, bytes], MorphoPosition], list[Seen]]]:
        answers = yield [
            View(self._deployment.morpho, abi.POSITION.encode(market, account)) for account, market in pairs
        ]
        held: dict[tuple[Address, bytes], MorphoPosition] = {}
        seen: list[Seen] = []
        if self._presence.is_absent(self._deployment.morpho, answers):
            return held, seen
        for (account, market), answer in zip(pairs, answers, strict=True):
            try:
                found = decoded(abi.POSITION, answer, "position")
            except CannotSee as error:
                seen.append(Unseen(self._key(account, market), str(error)))
                continue
            if found.borrow_shares or found.collateral:
                held[account, market] = MorphoPosition(found.borrow_shares, found.collateral)
        if not seen:
            self._remember(pairs, held)
        return held, seen

    def _remember(
        self, pairs: Sequence[tuple[Address, bytes]], held: dict[tuple[Address, bytes], MorphoPosition]
    ) -> None:
        for account in dict.fromkeys(account for account, _ in pairs):
            self._places.setdefault(account, {})
        for account, market in held:
            self._places[account][market] = None

    # Finding

    def searches(self, accounts: Sequence[Address]) -> Sequence[LogSearch]:
        """Supplies of collateral on behalf of the accounts, for nobody borrows without; all pre-liquidations."""
        new = [account for account in accounts if account not in self._searched]
        if not new:
            return []
        owners = tuple(address_topic(account) for account in new)
        topics = ((abi.event("SupplyCollateral").topic,), None, None, owners)
        first, factory = self._deployment.first_block, self._deployment.pre_liquidation_factory
        supplies = LogSearch(self._deployment.morpho, topics, first)
        if factory is None or self._searched:
            return [supplies]
        return [supplies, LogSearch(factory, ((abi.pre_liquidation_created().topic,),), first)]

    def learn(self, accounts: Sequence[Address], logs: Sequence[EventLog] | None) -> None:
        """Markets found are known from now on. Where nothing could be searched, the known ones must do."""
        self._searched.update(dict.fromkeys(accounts))
        for log in logs or ():
            self.decode_event(log)

    # Judging

    def _judged(
        self, account: Address, market: bytes, position: MorphoPosition, at: MarketAt | CannotSee, early: Any
    ) -> Seen:
        key = self._key(account, market)
        if isinstance(at, CannotSee) or isinstance(early, CannotSee):
            return Unseen(key, str(at if isinstance(at, CannotSee) else early))
        if position.borrow_shares > at.state.total_borrow_shares:
            return Unseen(key, "the position holds more shares than the market has")
        try:
            return position_of(MorphoModel(at, position, early), account)
        except EthmonError as error:
            return Unseen(key, str(error))

    def _asked(self, row: Seen) -> Reading[Seen]:
        """A row whose oracle does not say what it rests on: its price is found by asking the oracle."""
        model = row.model if isinstance(row, Position) else None
        if not isinstance(row, Position) or not isinstance(model, MorphoModel) or not model.market.opaque:
            return row
        found = yield from attempt(morpho_opaque.priced(row, model, self._deployment.eth_feeds))
        return Unseen(row.key, str(found)) if isinstance(found, CannotSee) else found

    def checks(self, position: Position) -> Sequence[Check]:
        """`liquidate` itself, tried with the ETH feed on either side: its own test comes before any payment."""
        return morpho_proof.checks(self._deployment.morpho, position, self._deployment.eth_feeds)

    # Events

    def event_filter(self) -> EventFilter:
        """Every change of a position, new markets, new pre-liquidation contracts."""
        factory = self._deployment.pre_liquidation_factory
        names = ["CreateMarket", *_KINDS]
        topics = [abi.event(name).topic for name in names]
        if factory is None:
            return EventFilter((self._deployment.morpho,), tuple(topics))
        return EventFilter((self._deployment.morpho, factory), (*topics, abi.pre_liquidation_created().topic))

    def decode_event(self, log: EventLog) -> Sequence[PositionEvent]:
        """What a log says; it also teaches the adapter where its account now has something."""
        if not log.topics:
            return []
        try:
            return self._decoded(log)
        except AbiError:
            return []

    def _decoded(self, log: EventLog) -> Sequence[PositionEvent]:
        if log.address == self._deployment.pre_liquidation_factory:
            self._learn_early(log)
            return []
        if log.address != self._deployment.morpho:
            return []
        for name, (kind, owner) in _KINDS.items():
            event = abi.event(name)
            if log.topics[0] == event.topic:
                return [self._event(kind, owner, event.decode(log.topics, log.data))]
        created = abi.event("CreateMarket")
        if log.topics[0] == created.topic:
            values = created.decode(log.topics, log.data)
            self._reader.params[values["id"]] = abi.MarketParams(*values["marketParams"])
            self._known[values["id"]] = None
        return []

    def _event(self, kind: EventKind, owner: str, values: dict[str, Any]) -> PositionEvent:
        account, market = Address(values[owner]), values["id"]
        self._known[market] = None
        if account in self._places:
            self._places[account][market] = None
        params = self._reader.params.get(market)
        of_loan = kind in (EventKind.BORROW, EventKind.REPAY, EventKind.LIQUIDATION)
        token = None if params is None else Address(params.loan_token if of_loan else params.collateral_token)
        if kind is EventKind.LIQUIDATION:
            detail = f"{values['seizedAssets']} of the collateral seized, bad debt {values['badDebtAssets']}"
            return PositionEvent(self._key(account, market), kind, token, values["repaidAssets"], detail)
        return PositionEvent(self._key(account, market), kind, token, values["assets"])

    def _learn_early(self, log: EventLog) -> None:
        event = abi.pre_liquidation_created()
        if log.topics[0] == event.topic:
            values = event.decode(log.topics, log.data)
            terms = abi.PreLiquidationParams(*values["preLiquidationParams"])
            known = self._reader.early.setdefault(values["id"], [])
            if values["preLiquidation"] not in [contract for contract, _ in known]:
                known.append((Address(values["preLiquidation"]), terms))

    def _key(self, account: Address, market: bytes) -> PositionKey:
        return PositionKey(self.key, "Blue", account, "0x" + market.hex())


def address_topic(account: Address) -> bytes:
    """An address as an indexed topic."""
    return bytes.fromhex(account.removeprefix("0x")).rjust(32, b"\0")


def adapters(chain_id: int, own: Sequence[MorphoDeployment] = ()) -> list[MorphoBlue]:
    """Morpho on a chain, if it is there; the user's own instead of ours."""
    deployment = own[-1] if own else MORPHO_DEPLOYMENTS.get(chain_id)
    return [] if deployment is None else [MorphoBlue(deployment)]
