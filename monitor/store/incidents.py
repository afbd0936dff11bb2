"""Incidents and the history of alerts, written in the transaction of the tick that caused them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from alerts import engine
from alerts.compose import compose, title
from alerts.model import (
    Alert,
    BlockStamp,
    Incident,
    IncidentKey,
    Message,
    Orphan,
    Reading,
    Rule,
    Severity,
    Transition,
)
from monitor.store import outbox
from monitor.store.database import Database

_LATEST = "SELECT max(id) FROM alert_state GROUP BY rule, subject"

_incident = msgspec.json.Decoder(Incident)


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """An incident that is not fine, for people: `ethmon alerts list`."""

    id: str
    rule: str
    name: str
    phase: str
    severity: Severity
    title: str
    """What was told last, with the value of then."""
    told_at: float
    message_key: str
    better: bool = False
    """It is at a milder level now than the title says, or at none and the end is not told yet."""


def decide(
    db: Database,
    rules: Sequence[Rule],
    readings: Sequence[Reading],
    *,
    at: BlockStamp,
    channels: Sequence[str],
    now_wall: float,
    of_chain: bool = True,
) -> tuple[Message, ...]:
    """Evaluate, and store the outcome: states, alerts and outbox rows, in the caller's transaction.

    `channels` are all that are configured. A rollback since the last call is noticed by itself:
    what was told about blocks that are gone is corrected, unless `of_chain` says that `readings`
    are not those of a block, so that nothing can be concluded from what is missing among them.
    Returns the messages queued.
    """
    with db.transaction():
        orphans = _orphans(db) if of_chain else []
        before = states(db)
        _retire(db, rules, before)
        evaluation = engine.evaluate(rules, readings, before, at, orphans)
        _save_states(db, rules, evaluation.changed, at)
        corrected = _message_keys(db, evaluation.alerts)
        queued = tuple(
            _queue(db, group, corrected, channels, now_wall) for group in engine.group(evaluation.alerts)
        )
        _settle(db, orphans, evaluation.alerts, at)
    return queued


def states(db: Database) -> dict[IncidentKey, Incident]:
    """The newest state of every incident."""
    found = (
        _incident.decode(row[0]) for row in db.rows(f"SELECT state FROM alert_state WHERE id IN ({_LATEST})")
    )
    return {(incident.rule, incident.subject): incident for incident in found}


def _retire(db: Database, rules: Sequence[Rule], before: Mapping[IncidentKey, Incident]) -> None:
    """Incidents of rules that were edited away are nobody's business any more."""
    known = {rule.name for rule in rules}
    for (rule, subject), incident in before.items():
        if rule not in known and incident.phase != "fine":
            add_state(db, rule, subject, None, Incident(rule, subject))


def _save_states(
    db: Database, rules: Sequence[Rule], changed: Mapping[IncidentKey, Incident], at: BlockStamp
) -> None:
    on_chain = {rule.name: rule.spec.on_chain for rule in rules}
    for (rule, subject), incident in changed.items():
        add_state(db, rule, subject, at.number if on_chain[rule] else None, incident)


def add_state(db: Database, rule: str, subject: str, block: int | None, incident: Incident) -> None:
    """A newer version of a state; `block` is what it follows from, None where that is not the chain."""
    db.connection.execute(
        "INSERT INTO alert_state (rule, subject, block_number, state) VALUES (?, ?, ?, ?)",
        (rule, subject, block, msgspec.json.encode(incident).decode()),
    )


def _queue(
    db: Database,
    group: Sequence[Alert],
    corrected: Mapping[str, str],
    channels: Sequence[str],
    now_wall: float,
) -> Message:
    message = compose(group, corrected)
    audience = [name for name in channels if not group[0].rule.channels or name in group[0].rule.channels]
    if message.corrects:
        spared = _retract(db, message.corrects, now_wall)
        if message.transition is Transition.CORRECTED:
            # Who never got the wrong message needs no correction of it.
            audience = [name for name in audience if name not in spared]
    outbox.enqueue(db, message, audience, now_wall)
    for alert in group:
        _add_alert(db, alert, message.key, now_wall)
    return message


def _retract(db: Database, key: str, now_wall: float) -> tuple[str, ...]:
    """Channels on which the wrong message had not left; one that tells of other alerts too must leave."""
    (told,) = db.row("SELECT count(*) FROM alert WHERE message_key = ?", key)
    return outbox.retract(db, key, now_wall) if told == 1 else ()


def _add_alert(db: Database, alert: Alert, key: str, now_wall: float) -> None:
    value = alert.reason.value
    db.connection.execute(
        "INSERT INTO alert (id, incident, rule, subject, name, transition, severity, level, value, reason,"
        " title, occurrence, corrects, message_key, at_block, at_hash, at_time, on_chain, told_at)"
        f" VALUES ({', '.join('?' * 19)}) ON CONFLICT (id) DO NOTHING",
        (
            alert.id,
            alert.incident,
            alert.rule.name,
            alert.subject,
            alert.name,
            str(alert.transition),
            int(alert.severity),
            alert.level,
            None if value is None else str(value),
            msgspec.json.encode(alert.reason).decode(),
            title(alert),
            alert.reading.occurrence if alert.reading else "",
            alert.corrects,
            key,
            alert.at.number,
            alert.at.hash,
            alert.at.time,
            int(alert.rule.spec.on_chain),
            now_wall,
        ),
    )


def _orphans(db: Database) -> list[Orphan]:
    """Alerts told about blocks that the chain no longer has, oldest first."""
    rows = db.rows(
        "SELECT id, incident, rule, subject, name, transition, level, severity, value, at_block, at_hash,"
        " at_time, occurrence FROM alert WHERE standing = 1 AND on_chain = 1"
        " AND at_block >= (SELECT min(number) FROM recent_block)"
        " AND NOT EXISTS (SELECT 1 FROM recent_block WHERE number = at_block AND hash = at_hash)"
        " ORDER BY serial"
    )
    return [_orphan(row) for row in rows]


def _orphan(row: Any) -> Orphan:
    value = None if row[8] is None else Decimal(row[8])
    return Orphan(
        id=row[0],
        incident=row[1],
        rule=row[2],
        subject=row[3],
        name=row[4],
        transition=Transition(row[5]),
        level=row[6],
        severity=Severity(row[7]),
        value=value,
        at=BlockStamp(row[9], row[10], row[11]),
        occurrence=row[12],
    )


def _message_keys(db: Database, alerts: Sequence[Alert]) -> dict[str, str]:
    """By the id of each alert that is corrected, the message that told it."""
    return {
        alert.corrects: db.row("SELECT message_key FROM alert WHERE id = ?", alert.corrects)[0]
        for alert in alerts
        if alert.corrects
    }


def _settle(db: Database, orphans: Sequence[Orphan], alerts: Sequence[Alert], at: BlockStamp) -> None:
    """Corrected alerts no longer stand; the others now stand on the block that confirmed them."""
    wrong = {alert.corrects for alert in alerts}
    # What was said earlier about the same subject on that branch is as wrong as the last word.
    keys = {_claim(orphan) for orphan in orphans if orphan.id in wrong}
    for orphan in orphans:
        if _claim(orphan) in keys:
            db.connection.execute("UPDATE alert SET standing = 0 WHERE id = ?", (orphan.id,))
        else:
            db.connection.execute(
                "UPDATE alert SET at_block = ?, at_hash = ? WHERE id = ?", (at.number, at.hash, orphan.id)
            )


def _claim(orphan: Orphan) -> tuple[str, str, str]:
    return orphan.rule, orphan.subject, orphan.occurrence


def prune(db: Database, finalized_number: int) -> int:
    """Drop versions of states that no rollback can need; how many went."""
    with db.transaction() as connection:
        return connection.execute(
            "DELETE FROM alert_state WHERE EXISTS (SELECT 1 FROM alert_state AS newer"
            " WHERE newer.rule = alert_state.rule AND newer.subject = alert_state.subject"
            " AND newer.id > alert_state.id AND coalesce(newer.block_number, 0) <= ?)",
            (finalized_number,),
        ).rowcount


def list_open(db: Database) -> list[IncidentRow]:
    """Every incident that is not fine, loudest first."""
    rows: list[IncidentRow] = []
    for incident in states(db).values():
        if incident.phase == "fine":
            continue
        told = db.row(
            "SELECT severity, title, told_at, message_key, level > ? FROM alert WHERE incident = ? ORDER BY serial DESC LIMIT 1",
            incident.level,
            incident.id,
        )
        if told:
            rows.append(
                IncidentRow(
                    incident.id,
                    incident.rule,
                    incident.name,
                    incident.phase,
                    Severity(told[0]),
                    *told[1:4],
                    better=bool(told[4]) and incident.phase != "blind",
                )
            )
    return sorted(rows, key=lambda row: (-row.severity, row.told_at))


def history(db: Database, limit: int) -> list[tuple[Any, ...]]:
    """What was told, newest first: time, block, severity, transition, title, rule, incident, standing."""
    return [
        (row[0], row[1], Severity(row[2]).name.lower(), *row[3:])
        for row in db.rows(
            "SELECT at_time, at_block, severity, transition, title, rule, incident, standing FROM alert"
            " ORDER BY serial DESC LIMIT ?",
            limit,
        )
    ]


def acknowledge(db: Database, target: str) -> int:
    """No more about these incidents until they get worse; how many. For `target` see `snooze`."""
    return _change(db, target, engine.acknowledge)


def snooze(db: Database, target: str, until: int) -> int:
    """Silence until `until` or recovery; how many incidents.

    `target` is an incident's id, the key of a message (all its incidents), the name of a rule, or
    `all`.
    """
    return _change(db, target, lambda incident: engine.snooze(incident, until))


def _change(db: Database, target: str, change: Callable[[Incident], Incident]) -> int:
    with db.transaction():
        incidents = {
            incident for (incident,) in db.rows("SELECT incident FROM alert WHERE message_key = ?", target)
        }
        changed = 0
        for (number, block), incident in _newest(db):
            meant = target in {"all", incident.rule, incident.id} or incident.id in incidents
            # An event is over, but more of its kind can be silenced, by name.
            concerned = incident.phase != "fine" or (target != "all" and bool(incident.occurrences))
            if not (number and meant and concerned):
                continue
            add_state(db, incident.rule, incident.subject, block, change(incident))
            changed += 1
    return changed


def _newest(db: Database) -> list[tuple[tuple[int, int | None], Incident]]:
    rows = db.rows(f"SELECT id, block_number, state FROM alert_state WHERE id IN ({_LATEST})")
    return [((number, block), _incident.decode(state)) for number, block, state in rows]
