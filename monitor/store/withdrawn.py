"""Messages that waited when a backup was made: not sent again, and not lost in silence.

They may have left since, and an alarm of days ago at three in the morning is a false one. One quiet
message names them all; what they told of and nobody answered counts as not told, so that it is told
anew where it is still so.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from alerts.compose import collapse
from alerts.model import Incident, Message, Severity, Transition
from alerts.telling import digest
from monitor.store import incidents, outbox
from monitor.store.database import Database
from monitor.units import UnixTime

WHY = "it waited in the backup that was restored"

_message = msgspec.json.Decoder(Message)


def withdraw(db: Database, at: UnixTime) -> int:
    """Drop what waits, forget that it was told and how the channels were, queue the message about it; how many went."""
    with db.transaction() as connection:
        connection.execute("DELETE FROM channel")
        rows = connection.execute(
            "UPDATE outbox SET state = 'dropped', done_at = ?, last_error = ?, lease_until = NULL"
            " WHERE state IN ('pending', 'sending') RETURNING id, channel, message_key, message",
            (at, WHY),
        ).fetchall()
        waited = {key: text for _, _, key, text in sorted(rows)}
        messages = [one for text in waited.values() if (one := _readable(text)) is not None]
        if messages:
            channels = sorted({channel for _, channel, _, _ in rows})
            outbox.enqueue(db, _notice(messages, at), channels, at)
        _forget_told(db, list(waited))
    return len(rows)


def _forget_told(db: Database, keys: list[str]) -> None:
    """Events stay: they happened once, and are over."""
    concerned = {
        (rule, subject)
        for key in keys
        for rule, subject in db.rows("SELECT rule, subject FROM alert WHERE message_key = ?", key)
    }
    for key, incident in incidents.states(db).items():
        if key in concerned and incident.phase in {"open", "blind"}:
            incidents.add_state(db, *key, None, Incident(*key))


def _readable(text: str) -> Message | None:
    try:
        return _message.decode(text)
    except msgspec.DecodeError:
        return None  # of another version


def _notice(messages: list[Message], at: UnixTime) -> Message:
    key = digest("withdrawn", at, *(message.key for message in messages))
    count = len(messages)
    which = "1 message that waited in it is" if count == 1 else f"{count} messages that waited in it are"
    return replace(
        collapse(messages, ""),
        key=key,
        thread=key,
        severity=Severity.INFO,
        transition=Transition.HAPPENED,
        title=f"A backup was restored: {which} not sent",
        topic="A backup was restored",
        lead="They may have been sent after it was made. What is still so is told anew; times are UTC.",
        incidents=(),
        time=at,
    )
