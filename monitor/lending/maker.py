"""Sky/Maker vaults in the contracts' own integers: rate, spot, and the three states of a vault.

    source --(at most once an hour: OSM.poke)--> next --> current --(Spotter.poke)--> spot --> bark

The price that liquidates in an hour is in the OSM today, so a vault may be safe now and already
doomed. `drip` and both pokes are open to anyone: a vault that only waits for them is not safe.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from monitor.errors import CannotSee
from monitor.lending.outcome import AlreadyLiquidatable, Cluster, LiquidatableBelow, NeverByEth, NeverReason
from monitor.lending.remedy import LiquidationTerms, Remedy
from monitor.units import MAX_UINT256, RAY, WAD, UnixTime, Wad, ceil_div, floor_div

PRICE_DECIMALS: Final = 18
_SPOT_SCALE: Final = 10**9
_LOW_128: Final = 2**128 - 1


@dataclass(frozen=True, slots=True)
class Ilk:
    """A vault type at a block. Rays; `dust_rad` is the least debt of a vault, 45 decimals."""

    mat: int
    rate: int
    spot: int
    duty: int
    rho: UnixTime
    dust_rad: int


@dataclass(frozen=True, slots=True)
class Vault:
    """`ink`: collateral, wad. `art`: normalised debt, wad; debt is art * rate."""

    ink: int
    art: int


class Surroundings(NamedTuple):
    """What all vaults of a block share: Spot's `par` and Jug's `base`, rays, and the block's time."""

    par: int
    base: int
    now: UnixTime


class OsmPrice(NamedTuple):
    """One of the OSM's two prices."""

    price_wad: int
    valid: bool


@dataclass(frozen=True, slots=True)
class Osm:
    """The delayed oracle. `due`: the first time at which anyone may move `next` to `current`."""

    current: OsmPrice
    next: OsmPrice
    due: UnixTime


def decode_feed(word: int) -> OsmPrice:
    """A price from the OSM's storage slot 3 (current) or 4 (next): value low, valid flag high."""
    return OsmPrice(word & _LOW_128, word >> 128 == 1)


def decode_due(word: int) -> UnixTime:
    """When the OSM may be poked next, from its slot 2: address, uint16 hop, uint64 last poke."""
    return UnixTime((word >> 176 & (2**64 - 1)) + (word >> 160 & 0xFFFF))


def rpow(base: int, exponent: int) -> int:
    """`base` (ray) to the power, rounding half up at each step as Jug does.

    Raises `CannotSee` where the contract overflows and reverts.
    """
    result = base if exponent % 2 else RAY
    exponent //= 2
    while exponent:
        base = _rounded(base * base)
        if exponent % 2:
            result = _rounded(result * base)
        exponent //= 2
    return result


def _rounded(product: int) -> int:
    if product + RAY // 2 > MAX_UINT256:
        raise CannotSee("the fee has not been applied for so long that drip overflows")
    return floor_div(product + RAY // 2, RAY)


def rate_after_drip(ilk: Ilk, base: int, now: UnixTime) -> int:
    """The accumulated rate once `Jug.drip` runs at `now`. `base` is Jug's, added to every duty.

    Raises `CannotSee` where drip reverts.
    """
    elapsed = now - ilk.rho
    if elapsed <= 0:
        return ilk.rate
    return floor_div(rpow(base + ilk.duty, elapsed) * ilk.rate, RAY)


def spot_after_poke(price: OsmPrice, par: int, mat: int) -> int:
    """What `Spotter.poke` writes: price with the liquidation ratio taken off; 0 for a void price."""
    if not price.valid:
        return 0
    return floor_div(floor_div(price.price_wad * _SPOT_SCALE * RAY, par) * RAY, mat)


def is_unsafe(vault: Vault, rate: int, spot: int) -> bool:
    """`Dog.bark`'s own test. With spot 0 (a voided oracle) nobody can be liquidated."""
    return spot > 0 and vault.ink * spot < vault.art * rate


def highest_unsafe_price(vault: Vault, rate: int, par: int, mat: int) -> int | None:
    """The highest OSM price (wad) at which a poked vault is unsafe; None where no price is.

    Exact: each ceiling undoes one floor of `spot_after_poke`.
    """
    if vault.art * rate == 0 or vault.ink == 0:
        return None
    needed_spot = ceil_div(vault.art * rate, vault.ink)
    needed_val = ceil_div(par * ceil_div(mat * needed_spot, RAY), _SPOT_SCALE * RAY)
    highest = needed_val - 1
    return highest if highest > 0 and spot_after_poke(OsmPrice(highest, valid=True), par, mat) > 0 else None


class VaultState(StrEnum):
    """Where a vault stands, the OSM's hour included."""

    SAFE = "safe"
    DOOMED = "doomed at the next poke"
    """Safe at the OSM's current price, unsafe at its next one: known up to an hour ahead."""
    UNSAFE = "unsafe"
    """`bark` succeeds, at once or after calls that anyone may make in the same transaction."""


@dataclass(frozen=True, slots=True)
class VaultAnswers:
    """What `bark` says in each of the five situations a keeper can bring about."""

    as_is: bool
    after_drip: bool
    after_poke: bool
    """Spotter poked with the OSM's current price."""
    at_next: bool
    """OSM and Spotter poked: the price one hour ahead."""
    at_next_after_drip: bool


@dataclass(frozen=True, slots=True)
class VaultReading:
    """A vault's state at a block, with the prices it is compared with. Prices in wad."""

    state: VaultState
    answers: VaultAnswers
    liquidation_price: int | None
    """Highest unsafe OSM price once dripped; None where no price is unsafe."""
    current: OsmPrice
    next: OsmPrice
    doomed_at: UnixTime | None
    """When a doomed vault can first be barked."""


def answers_of(vault: Vault, ilk: Ilk, osm: Osm, par: int, dripped: int) -> VaultAnswers:
    """The five answers. `dripped`: `rate_after_drip` at the block."""
    poked = spot_after_poke(osm.current, par, ilk.mat)
    ahead = spot_after_poke(osm.next, par, ilk.mat)
    return VaultAnswers(
        as_is=is_unsafe(vault, ilk.rate, ilk.spot),
        after_drip=is_unsafe(vault, dripped, ilk.spot),
        after_poke=is_unsafe(vault, ilk.rate, poked),
        at_next=is_unsafe(vault, ilk.rate, ahead),
        at_next_after_drip=is_unsafe(vault, dripped, ahead),
    )


def read_vault(vault: Vault, ilk: Ilk, osm: Osm, around: Surroundings) -> VaultReading:
    """The state at a block, every open call taken as made: who liquidates makes them."""
    par, _, now = around
    dripped = rate_after_drip(ilk, around.base, now)
    answers = answers_of(vault, ilk, osm, par, dripped)
    state = _state(vault, answers, dripped, spot_after_poke(osm.current, par, ilk.mat), now >= osm.due)
    return VaultReading(
        state=state,
        answers=answers,
        liquidation_price=highest_unsafe_price(vault, dripped, par, ilk.mat),
        current=osm.current,
        next=osm.next,
        doomed_at=osm.due if state is VaultState.DOOMED else None,
    )


def _state(vault: Vault, answers: VaultAnswers, dripped: int, poked: int, next_is_due: bool) -> VaultState:
    if answers.as_is or answers.after_drip or is_unsafe(vault, dripped, poked):
        return VaultState.UNSAFE
    if not answers.at_next_after_drip:
        return VaultState.SAFE
    return VaultState.UNSAFE if next_is_due else VaultState.DOOMED


def outcome(vault: Vault, reading: VaultReading) -> LiquidatableBelow | AlreadyLiquidatable | NeverByEth:
    """The reading in the words all protocols share; prices of the OSM in wad."""
    price = reading.liquidation_price
    if vault.art == 0:
        return NeverByEth(NeverReason.NO_DEBT)
    if reading.state is VaultState.UNSAFE:
        return AlreadyLiquidatable(1, price or 1, PRICE_DECIMALS)
    if price is None or not reading.current.valid:
        return NeverByEth(NeverReason.NO_PRICE, "a valid price of the oracle security module")
    return LiquidatableBelow(price, Cluster(price, price, single=True), decimals=PRICE_DECIMALS)


def highest_eth_price(price_wad: int, ratio: int) -> int:
    """The highest ETH price (wad) whose product with a staking token's ratio (1e18) is at most `price_wad`."""
    return floor_div((price_wad + 1) * WAD - 1, ratio)


def health_factor(vault: Vault, rate: int, spot: int) -> int | None:
    """Collateral at `spot` over debt, 1e18, for display; None without debt."""
    owed = vault.art * rate
    return floor_div(vault.ink * spot * WAD, owed) if owed else None


def terms(chop: int) -> LiquidationTerms:
    """The whole vault goes to a Dutch auction. `chop`: Dog's penalty factor, wad (1.13e18 = 13 %)."""
    return LiquidationTerms(Wad(WAD), Wad(chop - WAD), "Dutch auction: what is left after it is returned")


def remedy(vault: Vault, rate: int, spot: int) -> Remedy:
    """DAI (wad) to pay back, or collateral (wad) to add, so that the vault is safe at `spot`.

    Paying back burns whole units of `art`, so the payment is what those cost.
    """
    if not is_unsafe(vault, rate, spot):
        return Remedy(0, 0)
    excess = vault.art - floor_div(vault.ink * spot, rate)
    return Remedy(repay=ceil_div(excess * rate, RAY), add=ceil_div(vault.art * rate, spot) - vault.ink)
