"""The outbox as people look at it: what has not arrived, how many of which kind, and the rows themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from alerts.model import Severity
from alerts.ports import ChannelHealth
from monitor.store.database import Database

_health = msgspec.json.Decoder(ChannelHealth)

RECENT_ROWS = 2_000
"""Rows that `backlog` looks through for undeliverable ones: no index holds them."""


class Backlog(NamedTuple):
    """What has not arrived."""

    waiting: int
    oldest_at: float | None
    """When the oldest of those that wait was queued, wall clock."""
    dead: int
    """Undeliverable ones among the newest `RECENT_ROWS` rows."""
    disabled: tuple[tuple[str, str], ...]
    """Channels that gave up until the settings change, and why."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One row for people: `ethmon outbox list`."""

    id: int
    channel: str
    state: str
    severity: Severity
    title: str
    created_at: float
    attempts: int
    last_error: str
    done_at: float | None


def list_rows(db: Database, states: Sequence[str] = (), limit: int = 100) -> list[OutboxRow]:
    """Newest first; all states when none are named."""
    chosen = tuple(states) or ("pending", "sending", "delivered", "dead", "dropped")
    rows = db.rows(
        "SELECT id, channel, state, severity, json_extract(message, '$.title'), created_at, attempts,"
        f" last_error, done_at FROM outbox WHERE state IN ({', '.join('?' * len(chosen))})"
        " ORDER BY id DESC LIMIT ?",
        *chosen,
        limit,
    )
    return [OutboxRow(row[0], row[1], row[2], Severity(row[3]), *row[4:]) for row in rows]


def counts(db: Database, since: float = 0.0) -> dict[tuple[str, str], int]:
    """Rows by (channel, state): those that still wait, and those that were done at `since` or later."""
    return {
        (channel, state): count
        for channel, state, count in db.rows(
            "SELECT channel, state, count(*) FROM outbox WHERE coalesce(done_at, ?1) >= ?1 GROUP BY channel, state",
            since,
        )
    }


def stuck(db: Database, before: float) -> frozenset[str]:
    """Channels on which a message has reached nobody since before that moment, wall clock."""
    found = db.rows(
        "SELECT DISTINCT channel FROM outbox WHERE state IN ('pending', 'sending') AND created_at < ?"
        " AND (state = 'sending' OR lease_until IS NULL)",
        before,
    )
    return frozenset(channel for (channel,) in found)


def backlog(db: Database) -> Backlog:
    """What has not arrived, for a look every second: it reads no message."""
    waiting, oldest = db.row(
        "SELECT count(*), min(created_at) FROM outbox WHERE state IN ('pending', 'sending')"
    )
    (dead,) = db.row(
        "SELECT count(*) FROM outbox WHERE id > (SELECT max(id) FROM outbox) - ? AND state = 'dead'",
        RECENT_ROWS,
    )
    health = (_health.decode(row[0]) for row in db.rows("SELECT health FROM channel ORDER BY name"))
    disabled = tuple((one.name, one.disabled) for one in health if one.disabled)
    return Backlog(waiting, oldest, dead, disabled)
