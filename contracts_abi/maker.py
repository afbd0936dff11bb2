"""Sky/Maker: Vat, Spotter, Jug, Dog, OSM, the vaults' owners, and the Vat's own kind of log."""

from __future__ import annotations

from typing import Final, NamedTuple

from contracts_abi.call import Call
from contracts_abi.interface import WORD, AbiError, Event, decode_values, interface, keccak


class Urn(NamedTuple):
    """`Vat.urns`, wad each."""

    ink: int
    art: int


class VatIlk(NamedTuple):
    """`Vat.ilks`: rate and spot in ray, line and dust in rad."""

    total_art: int
    rate: int
    spot: int
    line: int
    dust: int


class SpotIlk(NamedTuple):
    """`Spotter.ilks`: the oracle, and the liquidation ratio in ray."""

    pip: str
    mat: int


class JugIlk(NamedTuple):
    """`Jug.ilks`: the fee per second in ray, and when it was last applied."""

    duty: int
    rho: int


class DogIlk(NamedTuple):
    """`Dog.ilks`: `chop` is the penalty factor, wad; hole and dirt in rad."""

    clip: str
    chop: int
    hole: int
    dirt: int


class Cdps(NamedTuple):
    """`GetCdps.getCdpsAsc`: an owner's vaults."""

    ids: tuple[int, ...]
    urns: tuple[str, ...]
    ilks: tuple[bytes, ...]


class Frob(NamedTuple):
    """A change of a vault as the Vat logs it: collateral wad, normalised debt wad."""

    ilk: bytes
    urn: str
    dink: int
    dart: int


URNS = Call("maker_vat", "urns", Urn)
VAT_ILKS = Call("maker_vat", "ilks", VatIlk)
SPOT_ILKS = Call("maker_spot", "ilks", SpotIlk)
PAR = Call("maker_spot", "par", int)
JUG_ILKS = Call("maker_jug", "ilks", JugIlk)
BASE = Call("maker_jug", "base", int)
DOG_ILKS = Call("maker_dog", "ilks", DogIlk)
BARK = Call("maker_dog", "bark", int)
OSM_SRC = Call("maker_osm", "src", str)
CDPS_OF = Call("maker_get_cdps", "getCdpsAsc", Cdps)
PROXY_OF = Call("maker_proxies", "proxies", str)
GEM_OF = Call("maker_registry", "gem", str)
STETH_PER_TOKEN = Call("wsteth", "stEthPerToken", int)

FROB_TOPIC: Final = keccak("frob(bytes32,address,address,address,int256,int256)")[:4].ljust(WORD, b"\0")
"""The Vat's logs have the called function's selector as their first topic."""
OSM_SOURCE_SLOT: Final = 2
OSM_CURRENT_SLOT: Final = 3
OSM_NEXT_SLOT: Final = 4
_VAT_ILKS_SLOT: Final = 2
_CALL_DATA_AT: Final = 2 * WORD
_DINK_AT: Final = _CALL_DATA_AT + 4 + 4 * WORD


class IlkSlots(NamedTuple):
    """Where the Vat keeps a vault type's rate and spot."""

    rate: int
    spot: int


def ilk_slots(ilk: bytes) -> IlkSlots:
    """The Vat's storage slots of `ilks[ilk]`."""
    from eth_hash.auto import keccak as digest  # noqa: PLC0415 - its import picks a backend

    first = int.from_bytes(digest(ilk.ljust(WORD, b"\0") + _VAT_ILKS_SLOT.to_bytes(WORD)))
    return IlkSlots(rate=first + 1, spot=first + 2)


def bark_event() -> Event:
    """A vault sent to auction."""
    return interface("maker_dog").events["Bark"]


def frob_of(topics: tuple[bytes, ...], data: bytes) -> Frob:
    """A vault changed by its owner. Raises `AbiError`."""
    if len(topics) != 4 or topics[0] != FROB_TOPIC or len(data) < _DINK_AT + 2 * WORD:
        raise AbiError("not a log of Vat.frob")
    urn = decode_values(["address"], topics[2])[0]
    dink, dart = decode_values(["int256", "int256"], data[_DINK_AT : _DINK_AT + 2 * WORD])
    return Frob(topics[1], urn, dink, dart)
