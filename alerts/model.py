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
from enum import StrEnum

from alerts.reading import (
    BlockStamp,
    CannotSee,
    ChartRequest,
    Direction,
    Fact,
    Finality,
    Gone,
    Kind,
    Link,
    Reading,
    ReadingSpec,
    Severity,
    Unit,
)

__all__ = [
    "Alert",
    "Band",
    "Because",
    "BlockStamp",
    "CannotSee",
    "ChartRequest",
    "Direction",
    "Fact",
    "Finality",
    "Gone",
    "Incident",
    "IncidentKey",
    "Item",
    "Kind",
    "Level",
    "Link",
    "Message",
    "Orphan",
    "Reading",
    "ReadingSpec",
    "Reason",
    "Rule",
    "Severity",
    "Transition",
    "Unit",
]


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
