"""Sky/Maker vaults: those of an account, of its proxy, and those it holds in the Vat directly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from contracts_abi import maker as abi
from contracts_abi.interface import AbiError
from monitor.domain import BlockRef
from monitor.errors import CannotSee, EthmonError
from monitor.lending.maker import OsmPrice, Vault, rate_after_drip, spot_after_poke
from monitor.lending.outcome import LiquidatableBelow
from monitor.lending.position import EventKind, Position, PositionEvent, PositionKey, Seen, Unseen
from monitor.protocols.asking import ANYONE, decoded
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
)
from monitor.protocols.sky_deployments import SKY_DEPLOYMENTS, SkyDeployment
from monitor.protocols.sky_position import VaultModel, position_of
from monitor.protocols.sky_reading import IlkAt, SkyReader, VaultPlace, ilk_name
from monitor.units import WAD, Address, floor_div

_SAFE: Final = b"Dog/not-unsafe"
_BEYOND: Final = (
    b"Dog/liquidation-limit-hit",
    b"Dog/dusty-auction-from-partial-bark",
    b"Clipper/",
    b"Dog/null",
)
"""What `bark` fails with after it found the vault unsafe."""


class Sky:
    """The adapter. It remembers whose a vault is, to name the account in events."""

    key = "sky"

    def __init__(self, deployment: SkyDeployment) -> None:
        self._deployment = deployment
        self._reader = SkyReader(deployment)
        self._owners: dict[tuple[bytes, Address], list[PositionKey]] = {}

    def read(self, accounts: Sequence[Address], at: BlockRef) -> Reading[Sequence[Seen]]:
        """Vaults with collateral or debt."""
        if not accounts:
            return []
        places = yield from attempt(self._reader.places(accounts, at))
        if isinstance(places, CannotSee):
            return [Unseen(PositionKey(self.key, "vaults", account), str(places)) for account in accounts]
        if not places:
            return []
        vaults = yield from self._reader.vaults(places)
        present = [
            (place, vault)
            for place, vault in zip(places, vaults, strict=True)
            if isinstance(vault, CannotSee) or vault.ink or vault.art
        ]
        ilks = yield from self._reader.ilks((place.ilk for place, _ in present), at)
        return [self._judged(place, vault, ilks[place.ilk]) for place, vault in present]

    def _judged(self, place: VaultPlace, vault: Vault | CannotSee, ilk: IlkAt | CannotSee) -> Seen:
        key = self._key(place)
        keys = self._owners.setdefault((place.ilk, place.urn), [])
        if key not in keys:
            keys.append(key)
        if isinstance(vault, CannotSee) or isinstance(ilk, CannotSee):
            return Unseen(key, str(vault if isinstance(vault, CannotSee) else ilk))
        try:
            dripped = rate_after_drip(ilk.ilk, ilk.around.base, ilk.around.now)
            return position_of(VaultModel(place, vault, ilk, dripped), self._deployment.stablecoin)
        except EthmonError as error:
            return Unseen(key, str(error))

    def checks(self, position: Position) -> Sequence[Check]:
        """`bark` with the Vat's spot and rate as a poke and a drip would leave them.

        First that the Vat sees them: its storage might be laid out otherwise.
        """
        model, outcome = position.model, position.outcome
        if not isinstance(model, VaultModel) or not isinstance(outcome, LiquidatableBelow):
            return []
        call = abi.BARK.encode(model.place.ilk, model.place.urn, ANYONE)
        return [self._canary(model, outcome.tick)] + [
            Check(View(self._deployment.dog, call), self._poked(model, eth), _was_barked, expected, ANYONE)
            for eth, expected in ((outcome.tick, True), (outcome.tick + 1, False))
        ]

    def _canary(self, model: VaultModel, eth_wad: int) -> Check:
        poked = self._poked(model, eth_wad)
        expected = set((poked[self._deployment.vat].slots or {}).values())

        def sees(answer: Answer) -> bool:
            ilk = decoded(abi.VAT_ILKS, answer, "vault type")
            if {ilk.rate, ilk.spot} != expected:
                raise CannotSee("the Vat's storage is laid out otherwise than known")
            return True

        return Check(
            View(self._deployment.vat, abi.VAT_ILKS.encode(model.place.ilk)), poked, sees, expected=True
        )

    def _poked(self, model: VaultModel, eth_wad: int) -> dict[Address, Substitute]:
        price = floor_div(eth_wad * (model.at.eth_ratio or WAD), WAD)
        spot = spot_after_poke(OsmPrice(price, valid=True), model.at.around.par, model.at.ilk.mat)
        slots = abi.ilk_slots(model.place.ilk)
        return {self._deployment.vat: Substitute(slots={slots.rate: model.dripped, slots.spot: spot})}

    def event_filter(self) -> EventFilter:
        """Vaults changed by their owners, and sent to auction."""
        addresses = (self._deployment.vat, self._deployment.dog)
        return EventFilter(addresses, (abi.FROB_TOPIC, abi.bark_event().topic))

    def decode_event(self, log: EventLog) -> Sequence[PositionEvent]:
        """What a log says of a vault that was read before: a log does not name its owner."""
        if not log.topics:
            return []
        try:
            if log.address == self._deployment.dog and log.topics[0] == abi.bark_event().topic:
                return self._barked(log)
            if log.address == self._deployment.vat and log.topics[0] == abi.FROB_TOPIC:
                return self._frobbed(abi.frob_of(log.topics, log.data))
        except AbiError:
            return []
        return []

    def _barked(self, log: EventLog) -> Sequence[PositionEvent]:
        values = abi.bark_event().decode(log.topics, log.data)
        keys = self._owners.get((values["ilk"], Address(values["urn"])), [])
        return [
            PositionEvent(key, EventKind.LIQUIDATION, None, values["ink"], f"auction {values['id']}")
            for key in keys
        ]

    def _frobbed(self, frob: abi.Frob) -> Sequence[PositionEvent]:
        keys = self._owners.get((frob.ilk, Address(frob.urn)), [])
        changes: list[tuple[EventKind, int, str]] = []
        if frob.dink:
            changes.append((EventKind.SUPPLY if frob.dink > 0 else EventKind.WITHDRAW, abs(frob.dink), ""))
        if frob.dart:
            kind = EventKind.BORROW if frob.dart > 0 else EventKind.REPAY
            changes.append((kind, abs(frob.dart), "normalised debt: times the rate"))
        return [
            PositionEvent(key, kind, self._token(kind), amount, detail)
            for key in keys
            for kind, amount, detail in changes
        ]

    def _token(self, kind: EventKind) -> Address | None:
        return self._deployment.stablecoin if kind in (EventKind.BORROW, EventKind.REPAY) else None

    def _key(self, place: VaultPlace) -> PositionKey:
        name = place.urn if place.number is None else str(place.number)
        return PositionKey(self.key, ilk_name(place.ilk), place.account, name)


def adapters(chain_id: int, own: Sequence[SkyDeployment] = ()) -> list[Sky]:
    """The vault system of a chain, if it has one; the user's own instead of ours."""
    deployment = own[-1] if own else SKY_DEPLOYMENTS.get(chain_id)
    return [] if deployment is None else [Sky(deployment)]


def _was_barked(answer: Answer) -> bool:
    if not isinstance(answer, Refusal):
        return True
    if _SAFE in answer.data:
        return False
    if any(text in answer.data for text in _BEYOND):
        return True
    raise CannotSee(f"bark failed for another reason: {answer.cause}")
