"""From the outbox to the channels: claim, send, record; back off, fall back, catch up.

`alerts.posts` runs this on a thread for each channel.

A channel that fails is left alone for longer and longer; its messages wait in order. After
`fallback_after_s` the others are told, and carry what is critical. When it works again, what
waited arrives late, in order, marked late, and collapsed into few messages.

Delivery is at least once: a process that dies between the channel's acceptance and our record of
it sends that one message again. On a channel messages go one at a time, so a kill costs it one
duplicate at most. One at most on all channels together is not to be had: a server that takes a
message and keeps its answer would have to hold back the others.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from threading import Event

from alerts import fallback
from alerts.compose import collapse
from alerts.model import ChartRequest, Message, Severity
from alerts.ports import (
    Channel,
    ChannelHealth,
    ChartRenderer,
    Claim,
    Dispatch,
    Outbox,
    Outcome,
    Scope,
    Verdict,
    no_picture,
)

ALONE = "alone"
"""In a row's progress: it was refused together with others and is not collapsed again."""

Clock = Callable[[], float]
"""Wall time in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient delivery is. Times in seconds."""

    lease_s: float = 120.0
    """Longer than any send may take."""
    first_wait_s: float = 2.0
    longest_wait_s: float = 900.0
    """Greylisting servers want minutes; nothing waits longer than this between tries."""
    give_up_s: float = 5 * 86_400.0
    late_after_s: float = 300.0
    fallback_after_s: float = 600.0
    disabled_s: float = 3_600.0
    """A permanent error may be over without us being told: a bot that was unblocked, a server mended."""
    longest_pause_s: float = 86_400.0
    """What a server may ask for; and no clock that was stepped keeps a channel waiting longer."""
    collapse_from: int = 5
    """This many late messages and more are sent as one."""
    collapse_size: int = 15
    picture_wait_s: float = 7.0
    """A message that cannot be changed later is not held back longer than this for its picture."""
    critical_picture_wait_s: float = 1.0
    """What is critical comes with a picture only where that is at hand."""
    picture_follows_s: float = 30.0
    """For a picture that follows its words."""


@dataclass(frozen=True, slots=True)
class Drained:
    """What one pass did; `next_at` is when a waiting channel may be tried again, None for never."""

    sent: int = 0
    failed: int = 0
    next_at: float | None = None


Job = Callable[[Outbox], None]
"""Work that delivery does not wait for, given an outbox of the thread that does it."""


def drain(
    outbox: Outbox,
    channels: Sequence[Channel],
    now: Clock,
    *,
    names: Sequence[str] = (),
    chart: ChartRenderer | None = None,
    aside: Callable[[Job], None] | None = None,
    policy: Policy = Policy(),
    stopping: Event | None = None,
) -> Drained:
    """Send what can be sent now on every channel, those that work first.

    `names` are all channels there are, when others are served elsewhere. `aside` takes what may
    come later, pictures; without it that is done at once.
    """
    everybody = tuple(names) or tuple(channel.name for channel in channels)

    def at_once(job: Job) -> None:
        job(outbox)

    courier = _Courier(outbox, everybody, now, chart, aside or at_once, policy, stopping or Event())
    failing_last = sorted(channels, key=lambda channel: outbox.health(channel.name).failures)
    passes = [courier.empty(channel) for channel in failing_last]
    fallback.watch(outbox, everybody, now(), policy.fallback_after_s)
    # Once more, for what one channel has handed to another meanwhile.
    passes += [courier.empty(channel) for channel in failing_last]
    waits = [done.next_at for done in passes if done.next_at is not None]
    return Drained(
        sum(done.sent for done in passes), sum(done.failed for done in passes), min(waits, default=None)
    )


@dataclass(frozen=True, slots=True)
class _Courier:
    outbox: Outbox
    names: tuple[str, ...]
    now: Clock
    chart: ChartRenderer | None
    aside: Callable[[Job], None]
    policy: Policy
    stopping: Event

    def empty(self, channel: Channel) -> Drained:
        """Send this channel's rows until there are none or it has to wait."""
        sent = 0
        while not self.stopping.is_set():
            health = self.outbox.health(channel.name)
            if 0 < health.not_before - self.now() <= self.policy.longest_pause_s:
                return Drained(sent, next_at=health.not_before)
            claims = self._take(channel.name)
            if not claims:
                return Drained(sent)
            outcome = _attempt(channel, self._dispatch(channel, claims))
            self._record(health, claims, outcome)
            self._illustrate(claims, outcome)
            if not _is_sent(outcome) and outcome.scope is not Scope.MESSAGE:
                return Drained(sent, 1, self.outbox.health(channel.name).not_before)
            sent += _is_sent(outcome)
        return Drained(sent)

    def _take(self, channel: str) -> Sequence[Claim]:
        """The next row; or, after an outage, the late rows that are next, together and in their order."""
        first = self.outbox.claim(channel, self.now(), self.policy.lease_s)
        if not first or not self._late_by(first[0]) or first[0].progress:
            return first
        more = self.outbox.claim(channel, self.now(), self.policy.lease_s, self.policy.collapse_size - 1)
        late = self._late_ones(more)
        enough = 1 + len(late) >= self.policy.collapse_from
        together = sorted((*first, *late), key=lambda claim: claim.row) if enough else [*first]
        for claim in more:
            if claim not in together:
                self.outbox.put_back([claim.row], "", claim.progress, counted=False)
        return together

    def _late_ones(self, claims: Sequence[Claim]) -> list[Claim]:
        """Those that may go together; what stays behind keeps back what follows it."""
        late: list[Claim] = []
        staying: set[str] = set()
        for claim in claims:
            if self._late_by(claim) and not claim.progress and claim.message.thread not in staying:
                late.append(claim)
            else:
                staying.add(claim.message.thread)
        return late

    def _late_by(self, claim: Claim) -> int:
        late = self.now() - claim.created_wall
        return int(late) if late >= self.policy.late_after_s else 0

    def _dispatch(self, channel: Channel, claims: Sequence[Claim]) -> Dispatch:
        first, name = claims[0], channel.name
        if len(claims) > 1:
            return Dispatch(collapse([claim.message for claim in claims], name))
        message = first.message
        return Dispatch(
            message,
            late_by_s=self._late_by(first),
            carried_for=first.carried_for,
            draw=partial(self._picture, message.chart, self._patience(message))
            if message.chart
            else no_picture,
            original=self.outbox.original(name, message.corrects) if message.corrects else None,
            thread_receipt=self.outbox.thread_receipt(name, message.thread, first.row),
            progress=first.progress,
        )

    def _illustrate(self, claims: Sequence[Claim], outcome: Outcome) -> None:
        request, illustrate = claims[0].message.chart, outcome.illustrate
        if request is None or illustrate is None or len(claims) > 1:
            return

        def job(outbox: Outbox) -> None:
            picture = self._picture(request, self.policy.picture_follows_s)
            gained: Mapping[str, str] = illustrate(picture) if picture is not None else {}
            if gained:
                outbox.amend(claims[0].row, gained)

        self.aside(job)

    def _patience(self, message: Message) -> float:
        critical = message.severity is Severity.CRITICAL
        return self.policy.critical_picture_wait_s if critical else self.policy.picture_wait_s

    def _picture(self, request: ChartRequest, within_s: float) -> bytes | None:
        try:
            return self.chart(request, within_s) if self.chart else None
        except Exception:  # noqa: BLE001  no fault of a picture may hold a message back
            return None

    def _record(self, health: ChannelHealth, claims: Sequence[Claim], outcome: Outcome) -> None:
        rows = [claim.row for claim in claims]
        match outcome.verdict, outcome.scope:
            case Verdict.SENT, _:
                shared = {"collapsed": "1"} if len(rows) > 1 else {}
                self.outbox.delivered(rows, self.now(), {**outcome.receipt, **shared}, outcome.cause)
                self._works(health)
            case Verdict.RETRY, Scope.PACING:
                self.outbox.put_back(rows, "", claims[0].progress, counted=False)
                wait = outcome.retry_after_s or 0.1
                self.outbox.set_health(replace(health, not_before=self.now() + wait))
            case Verdict.RETRY, Scope.MESSAGE:
                attempts = 1 + max(claim.attempts for claim in claims)
                self._again(claims, outcome, not_before=self.now() + self._backoff(attempts, outcome))
                self._works(health)
            case Verdict.RETRY, _:
                self._wait(health, claims, outcome)
            case _, Scope.CHANNEL:
                self.outbox.put_back(rows, outcome.cause, claims[0].progress, counted=False)
                failed = _failed(health, self.now(), outcome.cause, disabled=True)
                self.outbox.set_health(replace(failed, not_before=self.now() + self.policy.disabled_s))
            case _ if len(claims) > 1:
                # One of them is at fault: each goes alone, and only that one is refused.
                self.outbox.put_back(rows, outcome.cause, {ALONE: "1"}, counted=True)
            case _:
                self.outbox.bury(rows, self.now(), outcome.cause)
                self._hand_over(health.name, claims)

    def _hand_over(self, channel: str, claims: Sequence[Claim]) -> None:
        """What one channel refuses for good, the others carry; those that had it anyway keep their row."""
        others = [name for name in self.names if name != channel]
        for claim in claims:
            if others and claim.message.severity > Severity.INFO and not claim.carried_for:
                self.outbox.enqueue(claim.message, others, self.now(), carried_for=channel)

    def _works(self, health: ChannelHealth) -> None:
        if health != ChannelHealth(health.name):
            self.outbox.set_health(ChannelHealth(health.name))

    def _wait(self, health: ChannelHealth, claims: Sequence[Claim], outcome: Outcome) -> None:
        self._again(claims, outcome)
        failed = _failed(health, self.now(), outcome.cause, disabled=False)
        wait = self._backoff(failed.failures, outcome)
        self.outbox.set_health(replace(failed, not_before=self.now() + wait))

    def _again(self, claims: Sequence[Claim], outcome: Outcome, not_before: float | None = None) -> None:
        """What was tried for days is given up."""
        now = self.now()
        old = [claim.row for claim in claims if now - claim.created_wall >= self.policy.give_up_s]
        young = [claim.row for claim in claims if claim.row not in old]
        if old:
            self.outbox.bury(old, now, f"given up: {outcome.cause}")
        if young:
            self.outbox.put_back(young, outcome.cause, outcome.receipt, counted=True, not_before=not_before)

    def _backoff(self, failures: int, outcome: Outcome) -> float:
        if outcome.retry_after_s is not None:
            # The other side said when; a little later, so that not everybody returns at once.
            asked = min(max(outcome.retry_after_s, 0.0), self.policy.longest_pause_s - 1)
            return asked + random.uniform(0.0, 0.5)
        longest = min(self.policy.first_wait_s * 2.0 ** min(failures - 1, 20), self.policy.longest_wait_s)
        return longest * random.uniform(0.5, 1.0)


def _is_sent(outcome: Outcome) -> bool:
    return outcome.verdict is Verdict.SENT


def _attempt(channel: Channel, dispatch: Dispatch) -> Outcome:
    try:
        return channel.send(dispatch)
    except Exception as error:  # noqa: BLE001  a fault of one channel must stop neither it nor the others
        # Only the type: the text of an unexpected error may hold anything, a token for instance.
        return Outcome.retry(f"fault in the channel ({type(error).__name__})")


def _failed(health: ChannelHealth, now: float, cause: str, *, disabled: bool) -> ChannelHealth:
    return replace(
        health,
        failing_since=now if health.failing_since is None else health.failing_since,
        failures=health.failures + 1,
        cause=cause,
        disabled=cause if disabled else "",
    )
