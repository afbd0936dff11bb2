"""Messages that waited when a backup was made: not sent again, and not lost in silence.

They may have left since, and an alarm of days ago at three in the morning is a false one. What was
told counts as told, so nobody would hear of the others: one quiet message names them all.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from alerts.compose import collapse
from alerts.model import Message, Severity, Transition
from alerts.telling import digest
from monitor.store import outbox
from monitor.store.database import Database
from monitor.units import UnixTime

WHY = "it waited in the backup that was restored"

_message = msgspec.json.Decoder(Message)


def withdraw(db: Database, at: UnixTime) -> int:
    """Drop what waits, forget how the channels were, and queue the message about it; how many went."""
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
    return len(rows)


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
        lead="They may have been sent after it was made. What they told of is judged anew; times are UTC.",
        incidents=(),
        time=at,
    )
