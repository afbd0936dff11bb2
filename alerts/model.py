"""The vocabulary of alerting: what is read, what was decided, what is sent.

    Reading --(Rule)--> Incident + Alert --> Message --> Outbox --> Channel --> Outcome   (`alerts.ports`)

Everything here is a frozen value. Numbers are `Decimal`, in the unit that the reading's
`ReadingSpec` names; times are seconds since 1970, UTC, and are block time unless the name says
`wall`.
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


@dataclass(frozen=True, slots=True)
class Level:
    """A threshold and how loud it is."""

    threshold: Decimal
    severity: Severity


@dataclass(frozen=True, slots=True)
class Band:
    """Hysteresis: how far past a threshold a value must come back before the level is left."""

    amount: Decimal
    relative: bool
    """True: `amount` is a share of the threshold (0.1 = 10%); False: in the reading's unit."""

    def clear_of(self, threshold: Decimal, direction: Direction) -> Decimal:
        """The value that leaves a level: further on the safe side than `threshold`, or equal."""
        width = abs(threshold) * self.amount if self.relative else self.amount
        return threshold + width if direction is Direction.BELOW else threshold - width


@dataclass(frozen=True, slots=True)
class Rule:
    """When to tell, about what, how often, to whom. Made by `alerts.rules`."""

    name: str
    spec: ReadingSpec
    direction: Direction
    levels: tuple[Level, ...]
    """Mildest first."""
    select: Mapping[str, str] = field(default_factory=dict[str, str])
    window_s: int | None = None
    for_s: int = 0
    band: Band = Band(Decimal("0.1"), relative=True)
    cool_down_s: int = 3600
    remind_s: int | None = None
    blind_after_s: int = 300
    channels: tuple[str, ...] = ()
    """Empty: all that are configured."""
    message: str = ""

    @property
    def meaning(self) -> str:
        """What its levels stand for: an incident of another meaning is another incident."""
        thresholds = ", ".join(str(level.threshold) for level in self.levels)
        return f"{self.spec.key} {self.direction} {thresholds}"


class Transition(StrEnum):
    """What happened to an incident that is worth telling."""

    OPENED = "opened"
    WORSENED = "worsened"
    REMINDED = "reminded"
    HAPPENED = "happened"
    BLIND = "blind"
    SIGHTED = "sighted"
    RECOVERED = "recovered"
    CORRECTED = "corrected"


class Because(StrEnum):
    """Why a transition was told now."""

    CROSSED = "crossed"
    DEEPER = "deeper"
    AGAIN = "again"
    """Came back to a level that was told before, after the cool-down."""
    STILL = "still"
    SNOOZE_OVER = "snooze_over"
    CLEARED = "cleared"
    GONE = "gone"
    UNSEEN = "unseen"
    SEEN = "seen"
    HAPPENED = "happened"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Reason:
    """The numbers behind a transition; stored with it and shown."""

    because: Because
    value: Decimal | None = None
    threshold: Decimal | None = None
    before: Decimal | None = None
    """The value when the subject was last told about."""
    before_time: int | None = None
    since: int | None = None
    """Since when the condition holds (or the sight was lost)."""
    cause: str = ""
    more: int = 0
    """Events kept back by the cool-down since the last message."""


@dataclass(frozen=True, slots=True)
class Incident:
    """What is known, and what was told, about one (rule, subject). Serialised as JSON in the store.

    `level` is the truth now, `told` is what the user heard last; 0 is "fine". An alert is due
    when they differ in the bad direction at once, in the good direction after the cool-down.
    """

    rule: str
    subject: str
    name: str = ""
    """How the reading called it when it was told last."""
    id: str = ""
    level: int = 0
    told: int = 0
    breached_since: tuple[int | None, ...] = ()
    """Per level: since when its threshold is breached."""
    told_at: int | None = None
    told_value: Decimal | None = None
    blind_since: int | None = None
    blind_told: bool = False
    sighted_at: int | None = None
    """When "can see again" was told last: the next one keeps a cool-down from it."""
    acked: bool = False
    snoozed_until: int | None = None
    held_back: int = 0
    occurrences: tuple[tuple[str, int], ...] = ()
    """EVENT: (occurrence, block time) of what was already handled, newest last."""
    meaning: str = ""
    """`Rule.meaning` when it was told last."""

    @property
    def phase(self) -> str:
        """One word for lists: fine, blind, snoozed, acked, open. Events are over when they are told."""
        if self.blind_told:
            return "blind"
        if self.told == 0 or (self.occurrences and self.snoozed_until is None):
            return "fine"
        if self.snoozed_until is not None:
            return "snoozed"
        return "acked" if self.acked else "open"


IncidentKey = tuple[str, str]
"""(rule name, subject)"""


@dataclass(frozen=True, slots=True)
class Alert:
    """One transition of one incident, to be told."""

    id: str
    """Deterministic: the same readings replayed give the same id."""
    incident: str
    rule: Rule
    subject: str
    name: str
    transition: Transition
    reason: Reason
    severity: Severity
    level: int
    at: BlockStamp
    reading: Reading | None
    """None for held-back events, and when the branch that replaced its block lacks the subject."""
    corrects: str = ""
    """Id of the earlier alert, of a block that left the chain, that this one replaces."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """An alert that was told about a block that has left the chain since."""

    id: str
    incident: str
    rule: str
    subject: str
    name: str
    transition: Transition
    level: int
    severity: Severity
    value: Decimal | None
    at: BlockStamp
    occurrence: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a grouped message."""

    severity: Severity
    transition: Transition
    title: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """What a person reads, before any channel's format. All strings are untrusted text."""

    key: str
    """Deterministic: the outbox keeps one row per (key, channel), mail derives its Message-ID."""
    severity: Severity
    transition: Transition
    title: str
    topic: str = ""
    """What it is about, without numbers: the subject of the mail thread."""
    lead: str = ""
    facts: tuple[Fact, ...] = ()
    fixes: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    more: int = 0
    """Items left out because there was no room."""
    links: tuple[Link, ...] = ()
    footer: str = ""
    chart: ChartRequest | None = None
    thread: str = ""
    """Mails of one thread refer to each other; an incident id, or the key itself."""
    incidents: tuple[str, ...] = ()
    """What Acknowledge and Snooze act on; empty: no buttons."""
    corrects: str = ""
    """Key of the message that this one corrects."""
    time: int = 0
    over: bool = False
    """What it is about is no more: the end of an incident, and not for good or bad."""
