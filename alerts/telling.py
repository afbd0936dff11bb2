"""What is said about an incident, and what it remembers of having said it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from alerts.model import Alert, BlockStamp, Incident, Reading, Reason, Rule, Severity, Transition


class Look(NamedTuple):
    """A rule looking at a reading at a moment."""

    rule: Rule
    reading: Reading
    at: BlockStamp


Step = tuple[Incident, Alert | None]


def tell(look: Look, now: Incident, transition: Transition, reason: Reason) -> Step:
    """The state after telling, and what is told."""
    rule, reading, at = look
    if not now.id or transition is Transition.HAPPENED:
        now = replace(now, id=digest(rule.name, now.subject, reading.occurrence, at.hash, at.time))
    now = replace(now, name=reading.name, meaning=rule.meaning)
    alert = make_alert(rule, now, transition, reason, severity=_severity(rule, now, transition), at=at)
    alert = replace(alert, reading=reading)
    return _after(now, transition, reason.value, at.time), alert


def make_alert(
    rule: Rule, now: Incident, transition: Transition, reason: Reason, *, severity: Severity, at: BlockStamp
) -> Alert:
    """The alert of a transition, its reading left out."""
    return Alert(
        id=digest(now.id, transition, now.level, at.hash, at.time),
        incident=now.id,
        rule=rule,
        subject=now.subject,
        name=now.name,
        transition=transition,
        reason=reason,
        severity=severity,
        level=now.told if transition is Transition.BLIND else now.level,
        at=at,
        reading=None,
    )


def _after(now: Incident, transition: Transition, value: Decimal | None, time: int) -> Incident:
    if transition is Transition.BLIND:
        return replace(now, blind_told=True)
    sighted_at = time if now.blind_told else now.sighted_at
    if now.level == 0:
        return Incident(
            now.rule, now.subject, told_at=time, breached_since=now.breached_since, sighted_at=sighted_at
        )
    worse = transition in {Transition.OPENED, Transition.WORSENED}
    return replace(
        now,
        told=now.level,
        told_at=time,
        told_value=value,
        blind_told=False,
        sighted_at=sighted_at,
        acked=now.acked and not worse,
    )


def _severity(rule: Rule, now: Incident, transition: Transition) -> Severity:
    if transition in {Transition.RECOVERED, Transition.SIGHTED}:
        return Severity.INFO
    level = now.level or now.told
    if level == 0:
        return Severity.WARNING  # blind about something that was fine
    known = rule.levels[min(level, len(rule.levels)) - 1].severity
    # Blind about something bad is as loud as the bad was, and never silent.
    return max(known, Severity.WARNING) if transition is Transition.BLIND else known


def digest(*parts: object) -> str:
    """A short deterministic id."""
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:16]
