"""Tables of alerting. One migration; applied by `monitor.store.schema`.

`alert_state` keeps versions, one row a change, so that the rollback of any table above a block
is also the rollback of incidents; what is not about the chain has no block and stays.
"""

from __future__ import annotations

from typing import Any

KEPT = {
    "alert": "history of what was told; what a reorg makes wrong is corrected, not forgotten",
    "outbox": "messages on their way and their fate",
    "channel": "health of the ways to reach a person",
}

_TABLES = (
    """CREATE TABLE alert_state (
        id INTEGER PRIMARY KEY,
        rule TEXT NOT NULL,
        subject TEXT NOT NULL,
        block_number INTEGER,
        state TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX alert_state_incident ON alert_state (rule, subject, id)",
    "CREATE INDEX alert_state_block_number ON alert_state (block_number)",
    """CREATE TABLE alert (
        serial INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        incident TEXT NOT NULL,
        rule TEXT NOT NULL,
        subject TEXT NOT NULL,
        name TEXT NOT NULL,
        transition TEXT NOT NULL,
        severity INTEGER NOT NULL,
        level INTEGER NOT NULL,
        value TEXT,
        reason TEXT NOT NULL,
        title TEXT NOT NULL,
        occurrence TEXT NOT NULL,
        corrects TEXT NOT NULL,
        message_key TEXT NOT NULL,
        at_block INTEGER NOT NULL,
        at_hash TEXT NOT NULL,
        at_time INTEGER NOT NULL,
        on_chain INTEGER NOT NULL,
        standing INTEGER NOT NULL DEFAULT 1,
        told_at REAL NOT NULL
    ) STRICT""",
    "CREATE INDEX alert_incident ON alert (incident)",
    "CREATE INDEX alert_message_key ON alert (message_key)",
    "CREATE INDEX alert_standing ON alert (at_block) WHERE standing = 1 AND on_chain = 1",
    """CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        message_key TEXT NOT NULL,
        channel TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'pending'
            CHECK (state IN ('pending', 'sending', 'delivered', 'dead', 'dropped')),
        severity INTEGER NOT NULL,
        thread TEXT NOT NULL,
        message TEXT NOT NULL,
        carried_for TEXT NOT NULL DEFAULT '',
        created_at REAL NOT NULL,
        lease_until REAL,
        attempts INTEGER NOT NULL DEFAULT 0,
        last_error TEXT NOT NULL DEFAULT '',
        receipt TEXT NOT NULL DEFAULT '{}',
        done_at REAL,
        UNIQUE (message_key, channel)
    ) STRICT""",
    "CREATE INDEX outbox_waiting ON outbox (channel, id) WHERE state IN ('pending', 'sending')",
    "CREATE INDEX outbox_thread ON outbox (channel, thread, id)",
    """CREATE TABLE channel (
        name TEXT PRIMARY KEY,
        health TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
)


def alerting(db: Any) -> None:
    """Incidents, the history of alerts, the outbox, and the health of channels."""
    for statement in _TABLES:
        db.execute(statement)
