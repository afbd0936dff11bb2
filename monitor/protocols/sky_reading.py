"""Reads Sky/Maker at a block: who owns which vaults, the terms of their types, and both OSM prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from contracts_abi import maker as abi
from monitor.domain import BlockRef
from monitor.errors import CannotSee
from monitor.lending.maker import Ilk, Osm, Surroundings, Vault, decode_due, decode_feed
from monitor.protocols.asking import NOWHERE, Presence, decoded, decoded_or_none
from monitor.protocols.base import Answer, Ask, Reading, StorageAt, View, attempt, to_address, together, uint
from monitor.protocols.sky_deployments import SkyDeployment
from monitor.protocols.tokens import Token, TokenBook
from monitor.units import WAD, Address, BlockNumber, UnixTime

LOOK_AGAIN = 50
"""Blocks, about ten minutes."""
_LOW_160 = 2**160 - 1


class VaultPlace(NamedTuple):
    """A vault and who owns it. `number`: its id at the manager, None for one held in the Vat directly."""

    account: Address
    urn: Address
    ilk: bytes
    number: int | None
    through: Address | None
    """The owner's proxy, where it holds the vault."""


@dataclass(frozen=True, slots=True)
class IlkAt:
    """A vault type at a block. `eth_ratio`: ETH per collateral, wad; None: its price is not ETH's."""

    name: str
    ilk: Ilk
    pip: Address
    osm: Osm
    chop: int
    eth_ratio: int | None
    gem: Address
    symbol: str
    around: Surroundings


def ilk_name(ilk: bytes) -> str:
    """The type's name, made safe to print."""
    return "".join(chr(byte) for byte in ilk.rstrip(b"\0") if 32 < byte < 127)[:32] or "?"


class SkyReader:
    """Remembers tokens, and for a while which vaults an account has."""

    def __init__(self, deployment: SkyDeployment) -> None:
        self._deployment = deployment
        self._tokens = TokenBook()
        self._presence = Presence()
        self._looked: dict[Address, tuple[BlockNumber, list[VaultPlace]]] = {}

    def places(self, accounts: Sequence[Address], at: BlockRef) -> Reading[list[VaultPlace]]:
        """Every vault of the accounts; a new vault of a known account is found within `LOOK_AGAIN` blocks.

        Raises `CannotSee` where it cannot be told who has which.
        """
        due = [account for account in accounts if not self._is_fresh(account, at.number)]
        found = yield from self._look(due) if due else _nothing()
        for account in due:
            mine = [place for place in found if place.account == account]
            self._looked[account] = (at.number, mine)
        return [place for account in accounts for place in self._looked[account][1]]

    def _is_fresh(self, account: Address, now: BlockNumber) -> bool:
        looked = self._looked.get(account)
        return looked is not None and 0 <= now - looked[0] < LOOK_AGAIN

    def _look(self, accounts: Sequence[Address]) -> Reading[list[VaultPlace]]:
        registry = self._deployment.proxy_registry
        answers = yield [View(registry, abi.PROXY_OF.encode(account)) for account in accounts]
        if self._presence.is_absent(registry, answers):
            return []
        owners: list[tuple[Address, Address | None]] = [(account, None) for account in accounts]
        for account, answer in zip(accounts, answers, strict=True):
            proxy = decoded(abi.PROXY_OF, answer, f"proxy of {account}")
            if proxy != NOWHERE:
                owners.append((account, Address(proxy)))
        readings = [self._places_of(account, through) for account, through in owners]
        found = yield from together(readings)
        return [place for part in found for place in part]

    def _places_of(self, account: Address, through: Address | None) -> Reading[list[VaultPlace]]:
        deployment, holder = self._deployment, through or account
        direct = [name.encode().ljust(32, b"\0") for name in deployment.ilks]
        answers = yield [
            View(deployment.get_cdps, abi.CDPS_OF.encode(deployment.cdp_manager, holder)),
            *(View(deployment.vat, abi.URNS.encode(ilk, holder)) for ilk in direct),
        ]
        cdps = decoded(abi.CDPS_OF, answers[0], f"vaults of {holder}")
        places = [
            VaultPlace(account, Address(urn.lower()), ilk, number, through)
            for number, urn, ilk in zip(cdps.ids, cdps.urns, cdps.ilks, strict=False)
        ]
        for ilk, answer in zip(direct, answers[1:], strict=True):
            urn = decoded(abi.URNS, answer, f"vault of {holder}")
            if urn.ink or urn.art:
                places.append(VaultPlace(account, holder, ilk, None, through))
        return places

    def vaults(self, places: Sequence[VaultPlace]) -> Reading[list[Vault | CannotSee]]:
        """The vaults' amounts, in order."""
        answers = yield [
            View(self._deployment.vat, abi.URNS.encode(place.ilk, place.urn)) for place in places
        ]
        return [_vault(answer) for answer in answers]

    def ilks(self, names: Iterable[bytes], at: BlockRef) -> Reading[dict[bytes, IlkAt | CannotSee]]:
        """The vault types, by name."""
        wanted = list(dict.fromkeys(names))
        readings: list[Reading[Any]] = [attempt(self._ilk(name, at)) for name in wanted]
        found = yield from together(readings)
        return dict(zip(wanted, found, strict=True))

    def _ilk(self, name: bytes, at: BlockRef) -> Reading[IlkAt]:
        deployment, what = self._deployment, ilk_name(name)
        answers = yield [
            View(deployment.vat, abi.VAT_ILKS.encode(name)),
            View(deployment.spot, abi.SPOT_ILKS.encode(name)),
            View(deployment.jug, abi.JUG_ILKS.encode(name)),
            View(deployment.dog, abi.DOG_ILKS.encode(name)),
            View(deployment.spot, abi.PAR.encode()),
            View(deployment.jug, abi.BASE.encode()),
            View(deployment.ilk_registry, abi.GEM_OF.encode(name)),
        ]
        vat = decoded(abi.VAT_ILKS, answers[0], f"vault type {what}")
        terms = decoded(abi.SPOT_ILKS, answers[1], f"oracle of {what}")
        fee = decoded(abi.JUG_ILKS, answers[2], f"fee of {what}")
        if not (vat.rate and terms.mat and fee.duty):
            raise CannotSee(f"vault type {what} is not set up")
        gem = Address(decoded_or_none(abi.GEM_OF, answers[6]) or NOWHERE)
        pip = Address(terms.pip)
        osm, ratio, tokens = yield from self._prices(pip, gem)
        return IlkAt(
            name=what,
            ilk=Ilk(terms.mat, vat.rate, vat.spot, fee.duty, UnixTime(fee.rho), vat.dust),
            pip=pip,
            osm=osm,
            chop=decoded(abi.DOG_ILKS, answers[3], f"penalty of {what}").chop,
            eth_ratio=ratio,
            gem=gem,
            symbol=_symbol(tokens, gem, what),
            around=Surroundings(
                _positive(decoded(abi.PAR, answers[4], "par")),
                decoded(abi.BASE, answers[5], "base"),
                UnixTime(at.timestamp),
            ),
        )

    def _prices(
        self, pip: Address, gem: Address
    ) -> Reading[tuple[Osm, int | None, Mapping[Address, Token | CannotSee]]]:
        readings: list[Reading[Any]] = [_osm(pip), self._ratio(pip), self._tokens.read([gem])]
        osm, ratio, tokens = yield from together(readings)
        return osm, ratio, tokens

    def _ratio(self, pip: Address) -> Reading[int | None]:
        if pip == self._deployment.eth_osm:
            return WAD
        token = self._deployment.ratio_osms.get(pip)
        if token is None:
            return None
        answers = yield [View(token, abi.STETH_PER_TOKEN.encode())]
        return _positive(decoded(abi.STETH_PER_TOKEN, answers[0], f"ratio of {token}"))


def _nothing() -> Reading[list[VaultPlace]]:
    return []
    yield  # a reading that asks nothing


def _osm(pip: Address) -> Reading[Osm]:
    """Both prices, from storage: the readers of `peek` and `peep` are listed by governance."""
    slots = (abi.OSM_SOURCE_SLOT, abi.OSM_CURRENT_SLOT, abi.OSM_NEXT_SLOT)
    asks: list[Ask] = [View(pip, abi.OSM_SRC.encode()), *(StorageAt(pip, slot) for slot in slots)]
    answers = yield asks
    source = decoded(abi.OSM_SRC, answers[0], f"oracle {pip} is no OSM")
    first, current, upcoming = (uint(answer, f"oracle {pip}") for answer in answers[1:])
    if to_address(first & _LOW_160) != source:
        raise CannotSee(f"the storage of oracle {pip} is laid out otherwise")
    return Osm(decode_feed(current), decode_feed(upcoming), decode_due(first))


def _vault(answer: Answer) -> Vault | CannotSee:
    try:
        urn = decoded(abi.URNS, answer, "vault")
    except CannotSee as error:
        return error
    return Vault(urn.ink, urn.art)


def _positive(number: int) -> int:
    if number <= 0:
        raise CannotSee("par or a staking ratio is zero")
    return number


def _symbol(tokens: Mapping[Address, Token | CannotSee], gem: Address, name: str) -> str:
    token = tokens[gem]
    return token.symbol if isinstance(token, Token) else name.partition("-")[0]
