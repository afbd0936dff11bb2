"""The outbox: messages commit with the state that caused them and leave at their own pace.

    pending --claim--> sending --accepted--> delivered
       ^                  |  |
       +---- put back ----+  +--- refused for good ---> dead --retry--> pending
       +---- lease over --+
    pending --correction came first, or a person--> dropped

A row that was claimed by a process that died is claimed again when its lease is over, or at the
next start (`release_leases`): nothing is lost, and at most the one message that was in flight on a
channel is sent twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from alerts.model import Message, Severity
from alerts.ports import ChannelHealth, Claim, Original
from monitor.store import claims
from monitor.store.database import Database

_encode = msgspec.json.encode
_message = msgspec.json.Decoder(Message)
_receipt = msgspec.json.Decoder(dict[str, str])
_health = msgspec.json.Decoder(ChannelHealth)


def enqueue(
    db: Database, message: Message, channels: Sequence[str], now_wall: float, carried_for: str = ""
) -> None:
    """Add one row per channel, in the caller's transaction; rows that exist are left as they are."""
    with db.transaction() as connection:
        connection.executemany(
            "INSERT INTO outbox (message_key, channel, severity, thread, message, carried_for, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (message_key, channel) DO NOTHING",
            [
                (
                    message.key,
                    channel,
                    int(message.severity),
                    message.thread,
                    _encode(message).decode(),
                    carried_for,
                    now_wall,
                )
                for channel in channels
            ],
        )


def retract(db: Database, key: str, now_wall: float) -> tuple[str, ...]:
    """Drop the rows of a message that nobody has seen yet; the channels that were spared it."""
    with db.transaction() as connection:
        rows = connection.execute(
            "UPDATE outbox SET state = 'dropped', done_at = ?, last_error = 'its block was replaced'"
            " WHERE message_key = ? AND state = 'pending' AND attempts = 0 RETURNING channel",
            (now_wall, key),
        ).fetchall()
    return tuple(channel for (channel,) in rows)


class SqliteOutbox:
    """`alerts.ports.Outbox` on a connection of its own; belongs to one thread.

    Open the database with `Synchronous.FULL`: a message that was sent stays sent after a power cut.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def release_leases(self) -> int:
        """At the start of the only sender: what a dead one had claimed is pending again."""
        with self._db.transaction() as connection:
            return connection.execute(
                "UPDATE outbox SET state = 'pending', lease_until = NULL WHERE state = 'sending'"
            ).rowcount

    def claim(self, channel: str, now_wall: float, lease_s: float, limit: int = 1) -> Sequence[Claim]:
        """See `alerts.ports.Outbox`."""
        rows = claims.take(self._db, channel, now_wall, lease_s, limit)
        found = [claim for row in rows if (claim := self._readable(row, now_wall)) is not None]
        # A row that cannot be read must not stand in the way of those behind it.
        return tuple(found) or (self.claim(channel, now_wall, lease_s, limit) if rows else ())

    def _readable(self, row: Any, now_wall: float) -> Claim | None:
        try:
            return _claim(row)
        except msgspec.DecodeError as error:
            self.bury([row[0]], now_wall, f"this version cannot read it ({type(error).__name__})")
            return None

    def delivered(
        self, rows: Sequence[int], now_wall: float, receipt: Mapping[str, str], note: str = ""
    ) -> None:
        """See `alerts.ports.Outbox`."""
        self._finish(rows, "delivered", now_wall, note, _encode(dict(receipt)).decode())

    def amend(self, row: int, gained: Mapping[str, str]) -> None:
        """See `alerts.ports.Outbox`."""
        with self._db.transaction() as connection:
            connection.execute(
                "UPDATE outbox SET receipt = json_patch(receipt, ?) WHERE id = ? AND state = 'delivered'",
                (_encode(dict(gained)).decode(), row),
            )

    def bury(self, rows: Sequence[int], now_wall: float, cause: str) -> None:
        """See `alerts.ports.Outbox`."""
        self._finish(rows, "dead", now_wall, cause, "{}")

    def _finish(self, rows: Sequence[int], state: str, now_wall: float, error: str, receipt: str) -> None:
        with self._db.transaction() as connection:
            connection.executemany(
                "UPDATE outbox SET state = ?, done_at = ?, last_error = ?, receipt = ?, lease_until = NULL,"
                " attempts = attempts + 1 WHERE id = ?",
                [(state, now_wall, error, receipt, row) for row in rows],
            )

    def put_back(
        self,
        rows: Sequence[int],
        cause: str,
        progress: Mapping[str, str],
        *,
        counted: bool,
        not_before: float | None = None,
    ) -> None:
        """See `alerts.ports.Outbox`."""
        with self._db.transaction() as connection:
            connection.executemany(
                "UPDATE outbox SET state = 'pending', lease_until = ?, attempts = attempts + ?,"
                " last_error = ?, receipt = ? WHERE id = ? AND state = 'sending'",
                [(not_before, int(counted), cause, _encode(dict(progress)).decode(), row) for row in rows],
            )

    def enqueue(
        self, message: Message, channels: Sequence[str], now_wall: float, carried_for: str = ""
    ) -> None:
        """See `alerts.ports.Outbox`."""
        enqueue(self._db, message, channels, now_wall, carried_for)

    def original(self, channel: str, key: str) -> Original | None:
        """See `alerts.ports.Outbox`."""
        row = self._db.row(
            "SELECT message, receipt FROM outbox WHERE channel = ? AND message_key = ? AND state = 'delivered'",
            channel,
            key,
        )
        return Original(_message.decode(row[0]), _receipt.decode(row[1])) if row else None

    def thread_receipt(self, channel: str, thread: str, before_row: int) -> Mapping[str, str] | None:
        """See `alerts.ports.Outbox`."""
        row = self._db.row(
            "SELECT receipt FROM outbox WHERE channel = ? AND thread = ? AND id < ? AND state = 'delivered'"
            " ORDER BY id LIMIT 1",
            channel,
            thread,
            before_row,
        )
        return _receipt.decode(row[0]) if row else None

    def waiting(self, channel: str, at_least: Severity) -> Sequence[Claim]:
        """See `alerts.ports.Outbox`."""
        rows = self._db.rows(
            f"SELECT {claims.COLUMNS} FROM outbox WHERE channel = ? AND severity >= ?"
            " AND state IN ('pending', 'sending') ORDER BY id",
            channel,
            int(at_least),
        )
        return tuple(_claim(row) for row in rows)

    def health(self, channel: str) -> ChannelHealth:
        """See `alerts.ports.Outbox`."""
        row = self._db.row("SELECT health FROM channel WHERE name = ?", channel)
        return _health.decode(row[0]) if row else ChannelHealth(channel)

    def set_health(self, health: ChannelHealth) -> None:
        """See `alerts.ports.Outbox`."""
        with self._db.transaction() as connection:
            connection.execute(
                "INSERT INTO channel (name, health) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET health = excluded.health",
                (health.name, _encode(health).decode()),
            )


def _claim(row: Any) -> Claim:
    number, channel, message, created_at, attempts, carried_for, receipt = row
    return Claim(
        row=number,
        channel=channel,
        message=_message.decode(message),
        created_wall=created_at,
        attempts=attempts,
        carried_for=carried_for,
        progress=_receipt.decode(receipt),
    )


def retry(db: Database, row: int | None = None) -> int:
    """Dead rows (one, or all) are pending again, and every channel is tried at once; how many rows."""
    with db.transaction() as connection:
        connection.execute("DELETE FROM channel")
        connection.execute("UPDATE outbox SET lease_until = NULL WHERE state = 'pending'")
        return connection.execute(
            "UPDATE outbox SET state = 'pending', done_at = NULL"
            " WHERE state = 'dead' AND (:row IS NULL OR id = :row)",
            {"row": row},
        ).rowcount


def drop(db: Database, row: int, now_wall: float) -> bool:
    """Never send this row; False when there is none that still waits or is dead."""
    with db.transaction() as connection:
        changed = connection.execute(
            "UPDATE outbox SET state = 'dropped', done_at = ?, last_error = 'dropped by hand'"
            " WHERE id = ? AND state IN ('pending', 'dead')",
            (now_wall, row),
        ).rowcount
    return changed == 1


def enable_channels(db: Database) -> None:
    """Forget permanent errors: at start, when the settings may have been mended."""
    with db.transaction() as connection:
        connection.execute("DELETE FROM channel WHERE json_extract(health, '$.disabled') != ''")
