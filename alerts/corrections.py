"""What was told about blocks that have left the chain: does it stand on the new branch?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from alerts.incidents import threshold_of
from alerts.model import (
    Alert,
    Because,
    BlockStamp,
    CannotSee,
    Incident,
    IncidentKey,
    Kind,
    Orphan,
    Reading,
    Reason,
    Rule,
    Transition,
)
from alerts.telling import digest

AlertKey = tuple[str, str, str]
"""(rule name, subject, occurrence)"""


def last_words(orphans: Sequence[Orphan]) -> list[Orphan]:
    """Per incident, and per happening of events, what the user heard last about it."""
    heard: dict[AlertKey, Orphan] = {}
    for orphan in orphans:
        key = (orphan.rule, orphan.subject, orphan.occurrence)
        heard.pop(key, None)
        heard[key] = orphan
    return list(heard.values())


def makes_claim(orphan: Orphan, rule: Rule) -> bool:
    """Whether a branch can prove it wrong; a word about an event is over once its event was judged."""
    return rule.spec.kind is Kind.GAUGE or orphan.transition is Transition.HAPPENED


def settle(
    orphan: Orphan,
    state: Incident,
    alert: Alert | None,
    *,
    rule: Rule,
    reading: Reading | None,
    at: BlockStamp,
) -> tuple[Incident, Alert | None]:
    """The state and the alert of this tick, given what was told on the branch that is gone.

    `state` and `alert` are what the new branch made of the common ancestor's state.
    """
    if _stands(orphan, state):
        # What the user heard last is true here too; only new blindness is news beside it.
        fresh = alert is not None and alert.transition is Transition.BLIND is not orphan.transition
        return _adopted(state, orphan), alert if fresh else None
    if alert is not None:
        followed = replace(state, id=orphan.incident if state.id else "")
        return followed, replace(alert, incident=orphan.incident, corrects=orphan.id)
    return replace(state, told_at=at.time), _correction(orphan, state, rule, reading, at)


def _stands(orphan: Orphan, state: Incident) -> bool:
    match orphan.transition:
        case Transition.HAPPENED:
            return any(known == orphan.occurrence for known, _ in state.occurrences)
        case Transition.BLIND:
            return state.blind_since is not None
        case _:
            return state.told == orphan.level


def _adopted(state: Incident, orphan: Orphan) -> Incident:
    if orphan.transition is Transition.BLIND:
        return replace(state, id=orphan.incident, blind_told=True)
    if state.told == 0:
        return state
    return replace(state, id=orphan.incident, told_at=orphan.at.time, told_value=orphan.value)


def _correction(
    orphan: Orphan, state: Incident, rule: Rule, reading: Reading | None, at: BlockStamp
) -> Alert:
    now = reading.value if reading is not None else None
    value = now if isinstance(now, Decimal) else None
    unseen = f"; it cannot be read now: {now.cause}" if isinstance(now, CannotSee) else ""
    reason = Reason(
        Because.REPLACED,
        value=value,
        threshold=threshold_of(rule, orphan.level),
        before=orphan.value,
        before_time=orphan.at.time,
        cause=f"block {orphan.at.number:,} was replaced by another{unseen}",
    )
    return Alert(
        id=digest(orphan.id, Transition.CORRECTED, state.told, at.hash, at.time),
        incident=orphan.incident,
        rule=rule,
        subject=orphan.subject,
        name=orphan.name,
        transition=Transition.CORRECTED,
        reason=reason,
        severity=orphan.severity,
        level=state.told,
        at=at,
        reading=reading,
        corrects=orphan.id,
    )


def reading_of(orphan: Orphan, readings: Sequence[Reading]) -> Reading | None:
    """The orphan's subject as it is now; None for events and for what is no longer read."""
    same = (one for one in readings if one.subject == orphan.subject and not one.occurrence)
    return next(same, None)


def key_of(key: IncidentKey, occurrence: str) -> AlertKey:
    """Several events of one subject in one block are several alerts."""
    return (*key, occurrence)


def by_name(rules: Sequence[Rule]) -> Mapping[str, Rule]:
    """Rules whose alerts a reorg can make wrong."""
    return {rule.name: rule for rule in rules if rule.spec.on_chain}
