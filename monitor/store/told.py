"""What was told: the history of alerts, for people."""

from __future__ import annotations

from typing import NamedTuple

from alerts.model import Severity
from monitor.store.database import Database
from monitor.units import BlockNumber, UnixTime


class ToldAlert(NamedTuple):
    """One alert as it was stored with its block."""

    serial: int
    at_block: BlockNumber
    at_time: UnixTime
    severity: Severity
    transition: str
    title: str
    standing: bool
    """False once its block is gone from the chain."""


def newest(db: Database, limit: int = 100) -> tuple[ToldAlert, ...]:
    """The newest alerts, newest first."""
    rows = db.rows(
        "SELECT serial, at_block, at_time, severity, transition, title, standing FROM alert"
        " ORDER BY serial DESC LIMIT ?",
        limit,
    )
    return tuple(
        ToldAlert(serial, at_block, at_time, Severity(severity), transition, title, bool(standing))
        for serial, at_block, at_time, severity, transition, title, standing in rows
    )


def count(db: Database) -> int:
    """How many alerts there are."""
    return db.row("SELECT count(*) FROM alert")[0]


def awaits_pictures(db: Database, channel: str) -> bool:
    """Whether a delivered message of the channel could still get its picture."""
    found = db.row(
        "SELECT 1 FROM outbox WHERE channel = ? AND state = 'delivered'"
        " AND json_extract(message, '$.chart.kind') IS NOT NULL AND json_extract(receipt, '$.photo') IS NULL LIMIT 1",
        channel,
    )
    return found is not None


class SentMessage(NamedTuple):
    """A message and where it went."""

    queued_at: float
    """Wall clock."""
    severity: Severity
    title: str
    delivered: tuple[str, ...]
    """Channels that accepted it."""
    missed: tuple[str, ...]
    """Channels that have it not, or not yet."""


def messages(db: Database) -> tuple[SentMessage, ...]:
    """Every message of the outbox, oldest first."""
    found: dict[str, SentMessage] = {}
    for key, queued_at, severity, title, channel, state in db.rows(
        "SELECT message_key, created_at, severity, json_extract(message, '$.title'), channel, state"
        " FROM outbox ORDER BY id"
    ):
        one = found.get(key) or SentMessage(queued_at, Severity(severity), title, (), ())
        got_it = state == "delivered"
        found[key] = (
            one._replace(delivered=(*one.delivered, channel))
            if got_it
            else one._replace(missed=(*one.missed, channel))
        )
    return tuple(found.values())
