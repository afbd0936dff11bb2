"""Tables of daily closes and what follows from them. A migration; applied by `monitor.store.schema`.

A close is a fact of a finalized block, whose number stands in the row: rollback finds it as any
other, and the price job reads again what it took.
"""

from __future__ import annotations

from typing import Any

_TABLES = (
    """CREATE TABLE price_close (
        feed TEXT NOT NULL,
        day INTEGER NOT NULL,
        round_id TEXT NOT NULL,
        answer TEXT NOT NULL,
        decimals INTEGER NOT NULL,
        updated_at INTEGER NOT NULL CHECK (updated_at < (day + 1) * 86400),
        usd REAL NOT NULL,
        address TEXT NOT NULL,
        block_number INTEGER NOT NULL,
        PRIMARY KEY (feed, day)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX price_close_block_number ON price_close (block_number)",
    """CREATE TABLE correlation (
        series TEXT NOT NULL,
        window_days INTEGER NOT NULL,
        day INTEGER NOT NULL,
        r REAL CHECK (r BETWEEN -1 AND 1),
        low_95 REAL,
        high_95 REAL,
        returns INTEGER NOT NULL,
        cause TEXT NOT NULL,
        block_number INTEGER NOT NULL,
        PRIMARY KEY (series, window_days, day),
        CHECK ((r IS NULL) = (cause <> ''))
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX correlation_block_number ON correlation (block_number)",
)


def closes_and_correlations(db: Any) -> None:
    """The last round of a feed before each UTC midnight, and how ETH moved with other series up to each day."""
    for statement in _TABLES:
        db.execute(statement)
