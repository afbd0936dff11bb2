"""A vault at one block, from what was read: its row, its three states, and its inputs by cause."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from monitor.errors import CannotSee
from monitor.lending import maker
from monitor.lending.maker import OsmPrice, Vault, VaultReading, VaultState, rate_after_drip, spot_after_poke
from monitor.lending.outcome import (
    AlreadyLiquidatable,
    Cluster,
    LiquidatableBelow,
    NeverByEth,
    NeverReason,
    Outcome,
    liquidation_tick,
)
from monitor.lending.position import (
    NO_ETH_PRICE,
    Cause,
    Leg,
    Linear,
    Model,
    Position,
    PositionKey,
    ProtocolPrice,
)
from monitor.lending.solver import Monotone
from monitor.protocols.sky_reading import IlkAt, VaultPlace
from monitor.units import (
    RAY,
    SECONDS_PER_DAY,
    TICKS_PER_USD,
    WAD,
    Address,
    UnixTime,
    Wad,
    ceil_div,
    floor_div,
    format_fixed,
)

_WAD_PER_TICK = WAD // TICKS_PER_USD


@dataclass(frozen=True, slots=True)
class VaultModel:
    """A vault's inputs: the owner's amounts, the type's rate, terms, oracle prices and staking ratio."""

    place: VaultPlace
    vault: Vault
    at: IlkAt
    dripped: int

    def reading(self) -> VaultReading:
        """The three states and the five answers."""
        return maker.read_vault(self.vault, self.at.ilk, self.at.osm, self.at.around)

    def unsafe_price(self) -> int | None:
        """The highest unsafe price of the collateral's own oracle, wad."""
        return maker.highest_unsafe_price(self.vault, self.dripped, self.at.around.par, self.at.ilk.mat)

    def outcome(self) -> Outcome:
        """In ETH, wad."""
        found = maker.outcome(self.vault, replace(self.reading(), liquidation_price=self.unsafe_price()))
        ratio = self.at.eth_ratio
        if ratio is None:
            return _without_eth(found)
        match found:
            case LiquidatableBelow(tick=tick):
                eth = maker.highest_eth_price(tick, ratio)
                return LiquidatableBelow(eth, Cluster(eth, eth, single=True), decimals=maker.PRICE_DECIMALS)
            case AlreadyLiquidatable(highest=highest):
                return replace(found, highest=maker.highest_eth_price(highest, ratio))
            case NeverByEth():
                return found

    def tick(self) -> int | None:
        """The liquidation price of ETH in wad."""
        return liquidation_tick(self.outcome())

    def health_at(self, price: int) -> int | None:
        """Of a dripped and poked vault with ETH at `price`, wad. None while the oracle is void."""
        if self.at.eth_ratio is None and not self.at.osm.current.valid:
            return None
        return maker.health_factor(self.vault, self.dripped, self._spot_at(price))

    def _spot_at(self, eth_wad: int) -> int:
        ratio = self.at.eth_ratio
        price = (
            self.at.osm.current if ratio is None else OsmPrice(floor_div(eth_wad * ratio, WAD), valid=True)
        )
        return spot_after_poke(price, self.at.around.par, self.at.ilk.mat)

    def replaced(self, cause: Cause, other: Model) -> Model:
        """The inputs of `cause` as in `other`."""
        if not isinstance(other, VaultModel):
            return self
        match cause:
            case Cause.INTEREST:
                return replace(self, dripped=other.dripped)
            case Cause.OWNER | Cause.LIQUIDATION:
                return replace(self, vault=other.vault)
            case Cause.PARAMETER:
                ilk = replace(self.at.ilk, mat=other.at.ilk.mat)
                around = self.at.around._replace(par=other.at.around.par)
                return replace(self, at=replace(self.at, ilk=ilk, around=around))
            case Cause.RATIO:
                return replace(self, at=replace(self.at, eth_ratio=other.at.eth_ratio))
            case Cause.OTHER_PRICE:
                return self

    def a_day_later(self) -> VaultModel:
        """The vault after a day in which nobody acts."""
        later = UnixTime(self.at.around.now + SECONDS_PER_DAY)
        return replace(self, dripped=rate_after_drip(self.at.ilk, self.at.around.base, later))

    def unsafe_at(self, eth_wad: int) -> bool:
        """Whether a poked and dripped vault is unsafe with ETH at a price, wad."""
        return maker.is_unsafe(self.vault, self.dripped, self._spot_at(eth_wad))


def _without_eth(found: Outcome) -> Outcome:
    if isinstance(found, LiquidatableBelow):
        price = format_fixed(found.tick, maker.PRICE_DECIMALS, 2)
        return NeverByEth(NeverReason.NO_ETH, f"a fall of the collateral to {price}")
    return found


def position_of(model: VaultModel, stablecoin: Address) -> Position:
    """The row. Raises `CannotSee`."""
    at, vault, reading = model.at, model.vault, model.reading()
    if vault.art * model.dripped >= 1 << 256 or vault.ink >= 1 << 128:
        raise CannotSee("the vault's amounts are beyond what the contracts can multiply")
    found = model.outcome()
    spot = spot_after_poke(at.osm.current, at.around.par, at.ilk.mat)
    health = maker.health_factor(vault, model.dripped, spot) if at.osm.current.valid else None
    collateral, debt = _legs(model, stablecoin)
    return Position(
        key=PositionKey("sky", at.name, model.place.account, _id(model.place)),
        collaterals=(collateral,) if vault.ink else (),
        debts=(debt,) if vault.art else (),
        collateral_value=collateral.value,
        debt_value=debt.value,
        health_factor=None if health is None else Wad(health),
        price=_price(model),
        outcome=found,
        queued=_queued(model),
        terms=maker.terms(max(at.chop, WAD)),
        remedy=maker.remedy(vault, model.dripped, spot) if spot > 0 else None,
        drift_per_day=_drift(model, liquidation_tick(found)),
        notes=_notes(model, reading),
        rule="rate projected to the block",
        linear=_linear(model, collateral, debt),
        test=None if at.eth_ratio is None else Monotone(model.unsafe_at),
        model=model,
    )


def _id(place: VaultPlace) -> str:
    return place.urn if place.number is None else str(place.number)


def _legs(model: VaultModel, stablecoin: Address) -> tuple[Leg, Leg]:
    at, vault = model.at, model.vault
    current = at.osm.current
    worth = floor_div(vault.ink * current.price_wad, WAD * _WAD_PER_TICK) if current.valid else None
    owed = ceil_div(vault.art * model.dripped, RAY)
    owed_worth = floor_div(owed * at.around.par, RAY * _WAD_PER_TICK)
    return (
        Leg(at.gem, at.symbol, vault.ink, 18, worth, at.eth_ratio is not None),
        Leg(stablecoin, "DAI", owed, 18, owed_worth, follows_eth=False),
    )


def _price(model: VaultModel) -> ProtocolPrice:
    """ETH as this oracle has it now: a staking token's price with the ratio taken off."""
    at = model.at
    if at.eth_ratio is None:
        return NO_ETH_PRICE
    polled = UnixTime(at.osm.due - 3600) if at.osm.due > 3600 else None
    return ProtocolPrice(_of_eth(at.osm.current, at.eth_ratio), maker.PRICE_DECIMALS, polled, at.pip)


def _queued(model: VaultModel) -> ProtocolPrice | None:
    """The OSM's next price; None where it has none that counts."""
    at = model.at
    if at.eth_ratio is None or not at.osm.next.valid or not at.osm.current.valid:
        return None
    return ProtocolPrice(_of_eth(at.osm.next, at.eth_ratio), maker.PRICE_DECIMALS, at.osm.due, at.pip)


def _of_eth(price: OsmPrice, ratio: int) -> int:
    return ceil_div(price.price_wad * WAD, ratio)


def _drift(model: VaultModel, tick: int | None) -> float | None:
    later = None if tick is None else model.a_day_later().tick()
    return None if tick is None or later is None else (later - tick) / WAD


def _notes(model: VaultModel, reading: VaultReading) -> tuple[str, ...]:
    at, notes = model.at, list[str]()
    if reading.state is VaultState.DOOMED and reading.doomed_at is not None:
        when = datetime.fromtimestamp(reading.doomed_at, UTC).strftime("%H:%M UTC")
        price = format_fixed(reading.next.price_wad, maker.PRICE_DECIMALS, 2)
        notes.append(f"doomed at the next poke: from {when} its oracle says {price}")
    if reading.state is VaultState.UNSAFE and not reading.answers.as_is:
        notes.append("unsafe once anyone calls drip or poke, which whoever liquidates does")
    if not at.osm.current.valid:
        notes.append("the oracle is void: nobody can be liquidated")
    if reading.next.valid and reading.state is VaultState.SAFE:
        notes.append(f"next price {format_fixed(reading.next.price_wad, maker.PRICE_DECIMALS, 2)}")
    if model.place.through is not None:
        notes.append(f"held through {model.place.through}")
    if at.eth_ratio not in (None, WAD):
        notes.append(f"{at.symbol} at {format_fixed(at.eth_ratio or WAD, 18, 6)} ETH")
    return tuple(notes)


def _linear(model: VaultModel, collateral: Leg, debt: Leg) -> Linear | None:
    if model.at.eth_ratio is None or collateral.value is None or debt.value is None:
        return None
    carried = model.vault.ink / WAD * model.at.eth_ratio / WAD / (model.at.ilk.mat / RAY)
    return Linear(a=carried, b=0.0, k=0.0, m=debt.value / TICKS_PER_USD)
