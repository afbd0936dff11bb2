"""Which message of a channel goes next: the worst first, then the oldest, but none before what it follows.

    waiting:  info A   info B   critical A        leaves:  info A   critical A   info B

An earlier message about the same subject under the same rule goes before a later one, whatever
their severities: a recovery is never told before its alert, nor an alert before the recovery of
the last one. A message that rests, because a recipient of several refuses it for now, holds back
nobody.
"""

from __future__ import annotations

from typing import Any

from monitor.store.database import Database

COLUMNS = "id, channel, message, created_at, attempts, carried_for, receipt"

LONGEST_S = 86_400
"""A row that is to rest for longer was written under a clock that was ahead."""

# A pending row with a lease rests: some of its recipients have it, and the others are tried again then.
_WAITS = (
    "channel = ?1 AND state IN ('pending', 'sending')"
    f" AND (lease_until IS NULL OR lease_until <= ?2 OR lease_until > ?2 + {LONGEST_S})"
)
WORST = f"SELECT id, message_key FROM outbox WHERE {_WAITS} ORDER BY severity DESC, id LIMIT 1"
FOLLOWED = (
    f"SELECT id, message_key FROM outbox AS earlier WHERE {_WAITS} AND id < ?3 AND EXISTS ("
    "SELECT 1 FROM alert WHERE alert.message_key = earlier.message_key AND (rule, subject) IN ("
    "SELECT rule, subject FROM alert WHERE message_key = ?4)) ORDER BY id LIMIT 1"
)


def take(db: Database, channel: str, now_wall: float, lease_s: float, limit: int) -> list[Any]:
    """Lease the next rows of a channel, at most `limit`; their `COLUMNS`, oldest first."""
    if db.row(WORST, channel, now_wall) is None:
        return []  # nothing to write: the usual case, without taking the write lock
    taken: list[Any] = []
    with db.transaction() as connection:
        while len(taken) < limit and (row := _next(db, channel, now_wall)) is not None:
            taken += connection.execute(
                f"UPDATE outbox SET state = 'sending', lease_until = ? WHERE id = ? RETURNING {COLUMNS}",
                (now_wall + lease_s, row),
            ).fetchall()
    return sorted(taken)


def _next(db: Database, channel: str, now_wall: float) -> int | None:
    found = earlier = db.row(WORST, channel, now_wall)
    while earlier is not None:
        found = earlier
        earlier = db.row(FOLLOWED, channel, now_wall, *found)
    return found[0] if found is not None else None
