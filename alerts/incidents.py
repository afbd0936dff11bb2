"""One reading's effect on one incident.

                 breach held for `for`          deeper level
    fine ------------------------------> open --------------> open, worse
     ^                                    |  ^                   |
     |  back past the hysteresis,         |  |  seen again       |
     +--  and cool-down over  ------------+  +--- blind <--------+  not readable for `blind_after`

Two facts are kept apart in an `Incident`: `level`, the truth now, and `told`, what the user
heard last. Worse than told is told at once. Better than told is told when it is fine again and
the cool-down is over: a value that swings around a threshold is two messages per cool-down at
most, and the last word is never a false all-clear. Better and not fine lowers `told` after the
cool-down, so that a second fall is news again. What cannot be seen changes neither.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from alerts.model import (
    Because,
    BlockStamp,
    CannotSee,
    Direction,
    Gone,
    Incident,
    Kind,
    Reason,
    Rule,
    Transition,
)
from alerts.telling import Look, Step, make_alert, tell

ACKNOWLEDGED_S = 86_400
"""How long an acknowledgement covers levels that were left since."""
REMEMBER_EVENTS_S = 7 * 86_400
"""How long an event stays known, so that a second sight of it (restart, reorg) is not news."""


def step(look: Look, before: Incident) -> Step:
    """The incident after this look, and what is to be told."""
    value = look.reading.value
    if look.rule.spec.kind is Kind.EVENT:
        return (before, None) if isinstance(value, Gone) else _happened(look, before, value)
    before = _of_this_rule(look.rule, before)
    if isinstance(value, CannotSee):
        return _unseen(look, before, value)
    if isinstance(value, Gone):
        return _gone(look, before, value)
    return _seen(look, before, value)


def _of_this_rule(rule: Rule, before: Incident) -> Incident:
    """What was told under other thresholds of the same name says nothing about these.

    Level 2 of `20%, 10%` is milder than level 1 of `5%, 2%`, which must not pass for told.
    """
    if before.meaning in {"", rule.meaning}:
        return before
    return replace(
        before, level=0, told=0, breached_since=(), told_at=None, told_value=None, acked=False, meaning=""
    )


def _seen(look: Look, before: Incident, value: Decimal) -> Step:
    rule, time = look.rule, look.at.time
    since = _breached_since(rule, before, value, time)
    level = _level_held(rule, since, time)
    now = replace(
        before,
        level=level,
        breached_since=since if any(moment is not None for moment in since) else (),
        blind_since=None,
        snoozed_until=before.snoozed_until if is_snoozed(before, time) else None,
    )
    decision = _worse_than_told(before, now) or _better_than_told(rule, before, now, time)
    decision = decision or _snooze_over(before, now) or _same_as_told(rule, before, now, time)
    if decision is None or (now.snoozed_until is not None and level > 0):
        return _eased(rule, now, time), None
    transition, because = decision
    reason = Reason(
        because,
        value=value,
        threshold=threshold_of(rule, level or before.told),
        before=before.told_value,
        before_time=before.told_at,
        since=since[level - 1] if level else before.blind_since,
    )
    return tell(look, now, transition, reason)


def _worse_than_told(before: Incident, now: Incident) -> tuple[Transition, Because] | None:
    """Due at once: no cool-down holds back what is worse than all that the user was told."""
    if now.level <= now.told:
        return None
    transition = Transition.WORSENED if now.told else Transition.OPENED
    if before.snoozed_until is not None:
        return transition, Because.SNOOZE_OVER
    return transition, Because.DEEPER if now.told else Because.CROSSED


def _better_than_told(
    rule: Rule, before: Incident, now: Incident, time: int
) -> tuple[Transition, Because] | None:
    """Due when fine again, or seen again, and a cool-down after the last word of that sort."""
    sight_due = before.blind_told and _cooled(rule, before.sighted_at, time)
    if now.level == 0 and now.told > 0 and (sight_due or _cooled(rule, before.told_at, time)):
        return Transition.RECOVERED, Because.CLEARED
    # The last word was "cannot see", and must not stay so.
    return (Transition.SIGHTED, Because.SEEN) if sight_due else None


def _eased(rule: Rule, now: Incident, time: int) -> Incident:
    """Without a word: who heard 2 % and has been at 14 % since must be told of 4 %; who acknowledged 2 %, after a day."""
    rest = max(rule.cool_down_s, ACKNOWLEDGED_S) if now.acked else rule.cool_down_s
    eased = 0 < now.level < now.told and now.told_at is not None and time - now.told_at >= rest
    return replace(now, told=now.level) if eased else now


def _snooze_over(before: Incident, now: Incident) -> tuple[Transition, Because] | None:
    """A snooze is an alarm clock: it rings again when its time is over and nothing is better."""
    over = before.snoozed_until is not None and now.snoozed_until is None
    return (Transition.REMINDED, Because.SNOOZE_OVER) if over and now.level and not now.acked else None


def _same_as_told(
    rule: Rule, before: Incident, now: Incident, time: int
) -> tuple[Transition, Because] | None:
    """Due when a level is reached again after a cool-down, or as a reminder; not when acknowledged."""
    if now.level == 0 or now.acked or not _cooled(rule, before.told_at, time):
        return None
    if now.level > before.level:
        return Transition.WORSENED, Because.AGAIN
    if rule.remind_s is not None and before.told_at is not None and time - before.told_at >= rule.remind_s:
        return Transition.REMINDED, Because.STILL
    return None


def _cooled(rule: Rule, last: int | None, time: int) -> bool:
    return last is None or time - last >= rule.cool_down_s


def is_snoozed(incident: Incident, time: int) -> bool:
    """Silence was asked for and is not over."""
    return incident.snoozed_until is not None and time < incident.snoozed_until


def _breached_since(rule: Rule, before: Incident, value: Decimal, time: int) -> tuple[int | None, ...]:
    """Per level, since when it is breached; one that was reached is left only past its hysteresis."""
    moments: list[int | None] = []
    for index, level in enumerate(rule.levels):
        # Fewer remembered than the rule has: nothing breached, or the rule was edited since.
        since = before.breached_since[index] if index < len(before.breached_since) else None
        reached = since is not None and before.level > index
        limit = rule.band.clear_of(level.threshold, rule.direction) if reached else level.threshold
        breached = is_beyond(value, limit, rule.direction)
        moments.append((time if since is None else since) if breached else None)
    return tuple(moments)


def is_beyond(value: Decimal, threshold: Decimal, direction: Direction) -> bool:
    """On the dangerous side; the threshold itself is not."""
    return value < threshold if direction is Direction.BELOW else value > threshold


def _level_held(rule: Rule, since: tuple[int | None, ...], time: int) -> int:
    """The deepest level breached for at least `for`; 0 for none."""
    held = (
        index for index, moment in enumerate(since, 1) if moment is not None and time - moment >= rule.for_s
    )
    return max(held, default=0)


def threshold_of(rule: Rule, level: int) -> Decimal | None:
    """The threshold of level 1, 2, …; None for 0."""
    return rule.levels[min(level, len(rule.levels)) - 1].threshold if level else None


def _unseen(look: Look, before: Incident, blindness: CannotSee) -> Step:
    """Level and told stay what they were: not seeing is neither better nor worse."""
    since = look.at.time if before.blind_since is None else before.blind_since
    now = replace(before, blind_since=since)
    too_short = look.at.time - since < look.rule.blind_after_s
    if now.blind_told or too_short or is_snoozed(now, look.at.time):
        return now, None
    reason = Reason(
        Because.UNSEEN,
        threshold=threshold_of(look.rule, before.told),
        before=before.told_value,
        before_time=before.told_at,
        since=since,
        cause=blindness.cause,
    )
    return tell(look, now, Transition.BLIND, reason)


def _gone(look: Look, before: Incident, gone: Gone) -> Step:
    if before.told == 0 and not before.blind_told:
        return Incident(before.rule, before.subject, told_at=before.told_at), None
    reason = Reason(Because.GONE, before=before.told_value, before_time=before.told_at, cause=gone.why)
    now = Incident(before.rule, before.subject, id=before.id)
    return tell(look, now, Transition.RECOVERED, reason)


def _happened(look: Look, before: Incident, value: Decimal | CannotSee) -> Step:
    """An event whose size cannot be read has happened all the same: it counts as one of the mildest level."""
    rule, occurrence, time = look.rule, look.reading.occurrence, look.at.time
    size = value if isinstance(value, Decimal) else None
    level = 1 if size is None else sum(is_beyond(size, one.threshold, rule.direction) for one in rule.levels)
    if level == 0 or any(known == occurrence for known, _ in before.occurrences):
        return before, None
    recent = tuple(one for one in before.occurrences if time - one[1] < REMEMBER_EVENTS_S)
    now = replace(before, name=look.reading.name, level=level, occurrences=(*recent, (occurrence, time)))
    # Several of one block are told together, whatever the cool-down.
    due = _cooled(rule, before.told_at, time) or level > before.told or before.told_at == time
    if is_snoozed(before, time) or not due:
        return replace(now, level=max(level, before.level), held_back=before.held_back + 1), None
    cause = value.cause if isinstance(value, CannotSee) else ""
    reason = Reason(
        Because.HAPPENED,
        value=size,
        threshold=threshold_of(rule, level),
        cause=cause,
        more=before.held_back,
    )
    return tell(look, replace(now, held_back=0, snoozed_until=None), Transition.HAPPENED, reason)


def flush(rule: Rule, before: Incident, at: BlockStamp) -> Step:
    """Tell of events that the cool-down or a snooze held back, once that is over."""
    if before.held_back == 0 or is_snoozed(before, at.time) or not _cooled(rule, before.told_at, at.time):
        return before, None
    reason = Reason(Because.HAPPENED, more=before.held_back, before_time=before.told_at)
    now = replace(before, held_back=0, told=before.level, told_at=at.time, snoozed_until=None)
    severity = rule.levels[min(before.level, len(rule.levels)) - 1].severity
    return now, make_alert(rule, now, Transition.HAPPENED, reason, severity=severity, at=at)
