"""One lending position at one block, the same for every protocol: what is stored, shown and alerted on."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias

from monitor.lending.outcome import FEED_DECIMALS, Outcome, gap
from monitor.lending.remedy import LiquidationTerms, Remedy
from monitor.lending.solver import HealthTest
from monitor.units import Address, UnixTime, Wad

VALUE_DECIMALS = 8


@dataclass(frozen=True, slots=True, order=True)
class PositionKey:
    """What tells one position from another; the same over time."""

    protocol: str
    """Adapter key, e.g. "aave_v3"."""
    market: str
    """Deployment or market, e.g. "Core"."""
    account: Address
    id: str = ""
    """Where an account can have several in a market: vault, trove or market id."""


@dataclass(frozen=True, slots=True)
class Leg:
    """An asset of a position. `symbol` is from the chain, made printable; nothing is decided by it."""

    token: Address
    symbol: str
    amount: int
    decimals: int
    value: int | None
    """At the protocol's own price, USD with 8 decimals; None where the protocol has no USD price."""
    follows_eth: bool


@dataclass(frozen=True, slots=True)
class ProtocolPrice:
    """The ETH price that the protocol itself uses, which distances are measured against."""

    answer: int
    """0: the position rests on no ETH price, and there is none to show or to compare."""
    decimals: int = FEED_DECIMALS
    updated_at: UnixTime | None = None
    """Block time of the answer; None where the feed does not tell."""
    source: Address | None = None
    of_token: bool = False
    """It is the price of a token that follows ETH, in whose feed the liquidation price is told too."""


NO_ETH_PRICE = ProtocolPrice(0)


class ProofState(StrEnum):
    """Whether the node's own run of the contracts agrees with a liquidation price."""

    PROVED = "proved"
    NOT_PROVED = "not proved"
    REFUTED = "refuted"
    """The contract answered otherwise: the price must not be trusted."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The result of asking the contracts on either side of the computed price."""

    state: ProofState
    cause: str = ""
    """Why not proved, or what the contract said instead."""


NOT_ASKED = Proof(ProofState.NOT_PROVED, "not asked yet")


class Cause(StrEnum):
    """Why a liquidation price moved. The order is the order of attribution."""

    INTEREST = "interest"
    RATIO = "exchange ratio"
    PARAMETER = "parameter change"
    OTHER_PRICE = "other asset's price"
    OWNER = "owner action"
    LIQUIDATION = "liquidation executed"


class Model(Protocol):
    """A position's inputs by cause, so that they can be exchanged: another ETH price, another block's interest."""

    def tick(self) -> int | None:
        """The liquidation price; None where there is none. Raises `CannotSee`."""
        ...

    def health_at(self, price: int) -> int | None:
        """The health factor, 1e18, with the protocol's ETH price at `price`, by its own arithmetic.

        All else as it is. `price` in the decimals of the position's price. None without debt.
        Raises `CannotSee`.
        """
        ...

    def replaced(self, cause: Cause, other: Model) -> Model:
        """The position with the inputs of `cause` as in `other`, a later state of the same position."""
        ...


@dataclass(frozen=True, slots=True)
class Linear:
    """The straight line behind a position: health = (a E + k) / (b E + m), E in USD. Statistics only."""

    a: float
    b: float
    k: float
    m: float


@dataclass(frozen=True, slots=True)
class Position:
    """A position as one block shows it. Amounts in token units, values in USD with 8 decimals."""

    key: PositionKey
    collaterals: tuple[Leg, ...]
    debts: tuple[Leg, ...]
    collateral_value: int | None
    debt_value: int | None
    health_factor: Wad | None
    """1e18 is the edge; None where the protocol has no such number or there is no debt."""
    price: ProtocolPrice
    outcome: Outcome
    queued: ProtocolPrice | None = None
    """The price that is known to come next (`updated_at`: from when), in the decimals of `price`."""
    terms: LiquidationTerms | None = None
    remedy: Remedy | None = None
    drift_per_day: float | None = None
    """Change of the liquidation price per day by interest and ratios alone, in USD; an estimate."""
    notes: tuple[str, ...] = ()
    """What a reader must know: capped adapter, paused reserve, doomed at the next poke."""
    rule: str = ""
    """Which arithmetic reproduced the contract's own answer."""
    linear: Linear | None = None
    test: HealthTest | None = field(default=None, repr=False, compare=False)
    """The exact test that the outcome was found with, for what-if questions."""
    model: Model | None = field(default=None, repr=False, compare=False)
    proof: Proof = NOT_ASKED


def measured_from(position: Position) -> int:
    """The price, in use or known to come next, that is nearer to liquidation: what distances start at."""
    now, upcoming = position.price.answer, position.queued
    if upcoming is None or upcoming.answer <= 0:
        return now
    left, ahead = gap(position.outcome, now), gap(position.outcome, upcoming.answer)
    return upcoming.answer if left is not None and ahead is not None and ahead < left else now


@dataclass(frozen=True, slots=True)
class Unseen:
    """A position, or a whole market for an account, that could not be judged: a gap with its cause."""

    key: PositionKey
    cause: str


Seen: TypeAlias = Position | Unseen


class EventKind(StrEnum):
    """What happened to a position."""

    SUPPLY = "supply"
    WITHDRAW = "withdraw"
    BORROW = "borrow"
    REPAY = "repay"
    LIQUIDATION = "liquidation"
    COLLATERAL_ON = "collateral on"
    COLLATERAL_OFF = "collateral off"
    EMODE = "e-mode"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class PositionEvent:
    """An event of a protocol that concerns a watched account. Where in the chain it was is the log's."""

    key: PositionKey
    kind: EventKind
    token: Address | None = None
    amount: int | None = None
    detail: str = ""
    """E.g. "category 1", or the collateral seized; one clause."""
    seized: tuple[Address, int] | None = None
    """Token and amount that a liquidation took, where the event says so."""
