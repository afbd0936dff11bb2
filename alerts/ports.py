"""The edges of alerting: a channel sends one message, an outbox keeps what is still to be sent.

Times are wall clock, seconds since 1970: only delivery reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from alerts.model import ChartRequest, Message, Severity


@dataclass(frozen=True, slots=True)
class Original:
    """The delivered message that a correction or a reply refers to."""

    message: Message
    receipt: Mapping[str, str]
    """As the channel gave it; `collapsed` when other messages stand in the same delivery."""


def no_picture() -> bytes | None:
    """The message comes without one."""
    return None


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One message on its way to one channel."""

    message: Message
    late_by_s: int = 0
    """Wall time since it was due, when that is long enough to mention; else 0."""
    carried_for: str = ""
    """The channel that should have carried it and could not."""
    remark: str = ""
    """One more line above the text, about this copy of the message."""
    draw: Callable[[], bytes | None] = no_picture
    """Makes the PNG; takes its time, so only a channel that cannot add it later calls this."""
    original: Original | None = None
    thread_receipt: Mapping[str, str] | None = None
    """Receipt of the thread's first message on this channel."""
    progress: Mapping[str, str] = field(default_factory=dict[str, str])
    """What an earlier, partly successful attempt left behind (`Outcome.receipt`)."""


Illustrate = Callable[[bytes], Mapping[str, str]]
"""Adds a PNG to a message that is out; gives what its receipt gains, nothing where that failed."""


class Verdict(StrEnum):
    """What became of an attempt."""

    SENT = "sent"
    RETRY = "retry"
    REJECTED = "rejected"


class Scope(StrEnum):
    """What a failure concerns."""

    MESSAGE = "message"
    """Others may get through. With `RETRY`: some recipients have it, the rest is tried again later."""
    CHANNEL = "channel"
    """Nothing will get through: revoked token, blocked bot, wrong password, server down."""
    PACING = "pacing"
    """No failure: the channel keeps to its rate, try at `retry_after_s`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer of a channel. `cause` never holds a secret or a URL."""

    verdict: Verdict
    cause: str = ""
    receipt: Mapping[str, str] = field(default_factory=dict[str, str])
    retry_after_s: float | None = None
    scope: Scope = Scope.CHANNEL
    illustrate: Illustrate | None = None
    """Where the picture can follow the words; called from another thread."""

    @classmethod
    def sent(
        cls,
        receipt: Mapping[str, str] | None = None,
        note: str = "",
        illustrate: Illustrate | None = None,
    ) -> Outcome:
        """Accepted by the other side."""
        return cls(Verdict.SENT, note, receipt or {}, illustrate=illustrate)

    @classmethod
    def retry(
        cls, cause: str, after_s: float | None = None, progress: Mapping[str, str] | None = None
    ) -> Outcome:
        """Not now; the same message may get through later."""
        return cls(Verdict.RETRY, cause, progress or {}, after_s)

    @classmethod
    def paced(cls, after_s: float) -> Outcome:
        """Not sent, to keep to the channel's rate."""
        return cls(Verdict.RETRY, "", {}, after_s, Scope.PACING)

    @classmethod
    def rejected(cls, cause: str, scope: Scope = Scope.MESSAGE) -> Outcome:
        """Will never get through as it is."""
        return cls(Verdict.REJECTED, cause, scope=scope)


class Channel(Protocol):
    """A way to reach a person. Neither method raises: every failure is an `Outcome`."""

    @property
    def name(self) -> str:
        """As the rules' `channels` call it."""
        ...

    def send(self, dispatch: Dispatch) -> Outcome:
        """Try once, within seconds."""
        ...

    def probe(self) -> Outcome:
        """Test address, certificate and credentials without sending anything a person sees."""
        ...


@dataclass(frozen=True, slots=True)
class Claim:
    """A row of the outbox that this process may send until its lease ends."""

    row: int
    channel: str
    message: Message
    created_wall: float
    attempts: int
    carried_for: str
    progress: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ChannelHealth:
    """What delivery remembers about a channel. Times are wall clock."""

    name: str
    failing_since: float | None = None
    failures: int = 0
    not_before: float = 0.0
    disabled: str = ""
    """Cause of a permanent error; nothing is tried until it is enabled again."""
    told: bool = False
    """The other channels were told that this one is down."""
    cause: str = ""


class Outbox(Protocol):
    """The queue between a tick's transaction and the channels: one row per (message, channel).

    Rows of a channel leave the worst first, then the oldest, but none before an earlier one about the
    same thing. Every method is one durable transaction.
    """

    def claim(self, channel: str, now_wall: float, lease_s: float, limit: int = 1) -> Sequence[Claim]:
        """The next undelivered rows, oldest first, leased to the caller; at most `limit`."""
        ...

    def delivered(
        self, rows: Sequence[int], now_wall: float, receipt: Mapping[str, str], note: str = ""
    ) -> None:
        """Accepted by the channel: never sent again."""
        ...

    def amend(self, row: int, gained: Mapping[str, str]) -> None:
        """More about a delivered row, for its receipt."""
        ...

    def put_back(
        self,
        rows: Sequence[int],
        cause: str,
        progress: Mapping[str, str],
        *,
        counted: bool,
        not_before: float | None = None,
    ) -> None:
        """Pending again; `counted` when it was an attempt; `not_before` lets others pass until then."""
        ...

    def bury(self, rows: Sequence[int], now_wall: float, cause: str) -> None:
        """Dead: kept, listed, never tried again unless a person asks."""
        ...

    def enqueue(
        self, message: Message, channels: Sequence[str], now_wall: float, carried_for: str = ""
    ) -> None:
        """Add rows; one that exists already is left as it is."""
        ...

    def original(self, channel: str, key: str) -> Original | None:
        """The delivered message `key` on this channel."""
        ...

    def thread_receipt(self, channel: str, thread: str, before_row: int) -> Mapping[str, str] | None:
        """Receipt of the first delivered message of a thread."""
        ...

    def waiting(self, channel: str, at_least: Severity) -> Sequence[Claim]:
        """Undelivered rows of this severity or worse, oldest first, not leased."""
        ...

    def health(self, channel: str) -> ChannelHealth:
        """What was last set; a fresh one for a channel never seen."""
        ...

    def set_health(self, health: ChannelHealth) -> None:
        """Remember it across restarts."""
        ...


ChartRenderer = Callable[[ChartRequest, float], bytes | None]
"""PNG bytes; None where the picture cannot be drawn, or not within so many seconds: no message waits longer."""
