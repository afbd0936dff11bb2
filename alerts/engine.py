"""Readings against rules: which incidents change, and what is worth telling.

Pure: time is the block's, the same input gives the same output. `alerts.incidents` decides
about one incident, `alerts.corrections` about what a reorg made wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from alerts import corrections
from alerts.incidents import flush, step
from alerts.model import (
    Alert,
    BlockStamp,
    Incident,
    IncidentKey,
    Kind,
    Orphan,
    Reading,
    Rule,
    Transition,
)
from alerts.telling import Look

States = Mapping[IncidentKey, Incident]
Place = tuple[str, str, str]
"""Key of a reading, a label and its value; both empty for all of the key."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one tick decided. `changed` are the states to store, `states` all of them."""

    states: dict[IncidentKey, Incident]
    changed: dict[IncidentKey, Incident]
    alerts: tuple[Alert, ...]
    """Loudest first."""


def evaluate(
    rules: Sequence[Rule],
    readings: Iterable[Reading],
    states: States,
    at: BlockStamp,
    orphans: Sequence[Orphan] = (),
) -> Evaluation:
    """Apply every rule to every reading it selects, at `at.time`.

    A subject without a reading in this tick stays as it is. After a rollback, `states` are those
    of the common ancestor and `orphans` the alerts told about blocks above it, oldest first:
    those that the new branch confirms stand, the others are corrected.
    """
    tick = _Tick(at, _placed(readings), dict(states), {}, {})
    for rule in rules:
        tick.apply(rule)
    tick.settle(corrections.by_name(rules), orphans)
    alerts = sorted(tick.alerts.values(), key=lambda alert: -alert.severity)
    return Evaluation(tick.states, tick.changed, tuple(alerts))


@dataclass(slots=True)
class _Tick:
    """The work of one evaluation; never leaves it."""

    at: BlockStamp
    readings: dict[Place, list[Reading]]
    states: dict[IncidentKey, Incident]
    changed: dict[IncidentKey, Incident]
    alerts: dict[corrections.AlertKey, Alert]

    def apply(self, rule: Rule) -> None:
        for reading in self._selected(rule):
            key = (rule.name, reading.subject)
            before = self.states.get(key, Incident(*key))
            after, alert = step(Look(rule, reading, self.at), before)
            self._keep(key, before, after, alert, reading.occurrence)
        if rule.spec.kind is Kind.EVENT:
            self._flush(rule)

    def _selected(self, rule: Rule) -> list[Reading]:
        label, value = next(iter(rule.select.items()), ("", ""))
        found = self.readings.get((rule.spec.key, label, value), [])
        return [reading for reading in found if selects(rule, reading)]

    def _flush(self, rule: Rule) -> None:
        waiting = [key for key, state in self.states.items() if key[0] == rule.name and state.held_back]
        for key in waiting:
            before = self.states[key]
            after, alert = flush(rule, before, self.at)
            self._keep(key, before, after, alert, "")

    def settle(self, rules: Mapping[str, Rule], orphans: Sequence[Orphan]) -> None:
        for orphan in corrections.last_words(orphans):
            rule = rules.get(orphan.rule)
            if rule is None or not corrections.makes_claim(orphan, rule):
                continue
            key = (orphan.rule, orphan.subject)
            state = self.states.get(key, Incident(*key))
            alert = self.alerts.pop(corrections.key_of(key, orphan.occurrence), None)
            reading = corrections.reading_of(orphan, self._selected(rule))
            after, told = corrections.settle(orphan, state, alert, rule=rule, reading=reading, at=self.at)
            self._keep(key, state, after, told, orphan.occurrence)

    def _keep(
        self, key: IncidentKey, before: Incident, after: Incident, alert: Alert | None, occurrence: str
    ) -> None:
        if after != before:
            self.states[key] = self.changed[key] = after
        if alert is not None:
            self.alerts[corrections.key_of(key, occurrence)] = alert


def _placed(readings: Iterable[Reading]) -> dict[Place, list[Reading]]:
    """Where rules find them: a thousand wallets with a rule each must not be a million comparisons."""
    placed: dict[Place, list[Reading]] = {}
    for reading in readings:
        for label in (("", ""), *reading.labels.items()):
            placed.setdefault((reading.key, *label), []).append(reading)
    return placed


def selects(rule: Rule, reading: Reading) -> bool:
    """Does the rule look at this reading?"""
    return (
        rule.spec.key == reading.key
        and rule.window_s == reading.window_s
        and all(reading.labels.get(label) == wanted for label, wanted in rule.select.items())
    )


def group(alerts: Sequence[Alert]) -> list[tuple[Alert, ...]]:
    """Alerts of one tick that make one message, in the order given.

    Together go those of one area and one audience; everything blind for the same cause, whatever
    its area, is told once; a correction goes alone, as an answer to the message it corrects.
    """
    groups: dict[tuple[object, ...], list[Alert]] = {}
    for alert in alerts:
        groups.setdefault(_group_key(alert), []).append(alert)
    return [tuple(members) for members in groups.values()]


def _group_key(alert: Alert) -> tuple[object, ...]:
    if alert.corrects:
        return (alert.rule.channels, alert.corrects)
    if alert.transition is Transition.BLIND:
        return (alert.rule.channels, Transition.BLIND, alert.reason.cause)
    good = alert.transition in {Transition.RECOVERED, Transition.SIGHTED}
    return (alert.rule.channels, alert.rule.spec.key.partition(".")[0], good)


def acknowledge(state: Incident) -> Incident:
    """No reminders and no repeats until it gets worse; ends on recovery. Events are over already."""
    over = bool(state.occurrences) or not (state.told or state.blind_told)
    return state if over else replace(state, acked=True)


def snooze(state: Incident, until: int) -> Incident:
    """Silence until `until` (block time) or recovery; worse news waits until then too."""
    return replace(state, snoozed_until=until)
