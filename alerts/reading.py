"""What is read: the vocabulary that monitors and rules share.

Numbers are `Decimal`, in the unit that the reading's `ReadingSpec` names; times are seconds since
1970, UTC, and are block time unless the name says `wall`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum, StrEnum


class Severity(IntEnum):
    """How much a person is meant to be disturbed. Telegram is silent for INFO."""

    INFO = 0
    WARNING = 1
    CRITICAL = 2


class Unit(StrEnum):
    """The unit of a reading, its thresholds and its hysteresis."""

    PERCENT = "percent"
    USD = "usd"
    ETH = "eth"
    GWEI = "gwei"
    RATIO = "ratio"
    SECONDS = "seconds"
    BLOCKS = "blocks"
    COUNT = "count"


class Direction(StrEnum):
    """On which side of a threshold the danger is; the threshold itself is safe."""

    BELOW = "below"
    ABOVE = "above"


class Kind(StrEnum):
    """How a reading behaves in time."""

    GAUGE = "gauge"
    """Has a value at every block; an incident opens and recovers."""
    EVENT = "event"
    """Happens at a block; told once for each `Reading.occurrence`, never recovers."""


class Finality(StrEnum):
    """How likely a block is to stay."""

    HEAD = "head"
    SAFE = "safe"
    FINALIZED = "finalized"


@dataclass(frozen=True, slots=True)
class BlockStamp:
    """The block that something was read at. `time` drives every rule."""

    number: int
    hash: str
    time: int
    finality: Finality = Finality.HEAD


@dataclass(frozen=True, slots=True)
class ReadingSpec:
    """One entry of the catalogue: what a reading is, apart from its value."""

    key: str
    """`area.name`; alerts of one area are grouped into one message per tick."""
    unit: Unit
    what: str
    """One line for documents and for the error that lists valid readings."""
    phrase: str
    """Reads after the subject's name; `{value}` stands for the value: "{value} from liquidation"."""
    worse: Direction
    """The side on which shorthand such as `alert_at` looks."""
    at_zero: str = ""
    """Reads in place of `phrase` when the value is 0; empty where 0 is a number like any other."""
    labels: tuple[str, ...] = ()
    """Labels that a rule may select by."""
    kind: Kind = Kind.GAUGE
    severity: Severity = Severity.WARNING
    windowed: bool = False
    """The value is taken over the rule's `window`."""
    window_s: int = 86_400
    """Windowed: what a rule without `window` means."""
    least_window_s: int = 0
    """Windowed: a shorter window has nothing to say."""
    on_chain: bool = True
    """False for what we observe ourselves (stale head, gaps): a reorg does not undo it."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a message: `Price` `$1,942.10, 38 s old`."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """A place to look or act; only http and https are ever rendered."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class ChartRequest:
    """A picture to draw at delivery; `kind` and `arguments` are the chart renderer's business."""

    kind: str
    arguments: Mapping[str, str] = field(default_factory=dict[str, str])
    alt: str = ""


@dataclass(frozen=True, slots=True)
class CannotSee:
    """The value could not be read. `cause` is one line without URLs; equal causes are told once."""

    cause: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The subject no longer exists (position closed): the incident ends, and says why."""

    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One subject's value at one block, with what a person needs to act on it.

    Raises `ValueError` for NaN and infinities: what is not a number is `CannotSee` or `Gone`.
    """

    key: str
    subject: str
    """Stable identity, e.g. `aave_v3_core:0xabc…`: incidents are kept by (rule, subject)."""
    name: str
    """How people call the subject: `Trend Research 1 on Aave v3`."""
    value: Decimal | CannotSee | Gone
    at: BlockStamp
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    window_s: int | None = None
    occurrence: str = ""
    """EVENT readings: unique per happening and equal when its transaction is included again."""
    facts: tuple[Fact, ...] = ()
    """In order of weight: how near in % and $, price with source and age, size."""
    fixes: tuple[str, ...] = ()
    """What would end it: `Repay 1,250,000 USDC`, `Add 640 WETH`."""
    links: tuple[Link, ...] = ()
    chart: ChartRequest | None = None

    def __post_init__(self) -> None:
        if isinstance(self.value, Decimal) and not self.value.is_finite():
            raise ValueError(f"reading {self.key} of {self.subject} is {self.value}: not a number")
