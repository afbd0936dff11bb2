"""Tables of lending positions and prices. One migration; applied by `monitor.store.schema`.

`position_now` holds what the newest block shows, one row a position; `position` is the history,
a row when something that matters changed and at least every few minutes. Rows of drift go after some weeks
but for one an hour (`monitor.watch.thinning`). Exact integers are
decimal TEXT (a uint256 does not fit a column); the `*_usd` and `distance` REALs are for display.
"""

from __future__ import annotations

from typing import Any

_COLUMNS = """
        block_number INTEGER NOT NULL,
        block_time INTEGER NOT NULL,
        protocol TEXT NOT NULL,
        market TEXT NOT NULL,
        account TEXT NOT NULL,
        position_id TEXT NOT NULL,
        name TEXT NOT NULL,
        outcome TEXT NOT NULL CHECK (outcome IN
            ('below', 'above', 'never', 'already', 'insensitive', 'range', 'unseen')),
        liquidation_price TEXT,
        price TEXT,
        price_decimals INTEGER,
        price_updated_at INTEGER,
        health_factor TEXT,
        collateral_value TEXT,
        debt_value TEXT,
        liquidation_usd REAL,
        price_usd REAL,
        distance REAL,
        collateral_usd REAL,
        debt_usd REAL,
        drift_usd_per_day REAL,
        proof TEXT NOT NULL,
        proof_cause TEXT NOT NULL,
        rule TEXT NOT NULL,
        cause TEXT NOT NULL,
        detail TEXT NOT NULL"""

_TABLES = (
    f"""CREATE TABLE position_now ({_COLUMNS},
        PRIMARY KEY (protocol, market, account, position_id)
    ) STRICT""",
    "CREATE INDEX position_now_block_number ON position_now (block_number)",
    f"CREATE TABLE position (id INTEGER PRIMARY KEY, {_COLUMNS}) STRICT",
    "CREATE INDEX position_block_number ON position (block_number)",
    "CREATE INDEX position_key ON position (account, protocol, market, position_id, block_number)",
    """CREATE TABLE position_move (
        id INTEGER PRIMARY KEY,
        block_number INTEGER NOT NULL,
        block_time INTEGER NOT NULL,
        protocol TEXT NOT NULL,
        market TEXT NOT NULL,
        account TEXT NOT NULL,
        position_id TEXT NOT NULL,
        cause TEXT NOT NULL,
        before TEXT,
        after TEXT
    ) STRICT""",
    "CREATE INDEX position_move_block_number ON position_move (block_number)",
    "CREATE INDEX position_move_key ON position_move (account, protocol, market, position_id, block_time)",
    """CREATE TABLE position_event (
        id INTEGER PRIMARY KEY,
        block_number INTEGER NOT NULL,
        block_time INTEGER NOT NULL,
        log_index INTEGER NOT NULL,
        transaction_hash TEXT NOT NULL,
        protocol TEXT NOT NULL,
        market TEXT NOT NULL,
        account TEXT NOT NULL,
        position_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        token TEXT,
        amount TEXT,
        detail TEXT NOT NULL,
        UNIQUE (block_number, log_index, account, kind)
    ) STRICT""",
    "CREATE INDEX position_event_account ON position_event (account, block_number)",
    """CREATE TABLE price (
        id INTEGER PRIMARY KEY,
        block_number INTEGER NOT NULL,
        block_time INTEGER NOT NULL,
        feed TEXT NOT NULL,
        address TEXT NOT NULL,
        answer TEXT NOT NULL,
        decimals INTEGER NOT NULL,
        updated_at INTEGER,
        usd REAL NOT NULL
    ) STRICT""",
    "CREATE INDEX price_block_number ON price (block_number)",
    "CREATE INDEX price_feed ON price (feed, block_number)",
)


def positions(db: Any) -> None:
    """Positions, why their liquidation prices moved, what their owners did, and feed answers."""
    for statement in _TABLES:
        db.execute(statement)


def positions_by_time(db: Any) -> None:
    """One position since a moment, and the outline of its history, without reading the wide rows before it."""
    db.execute("DROP INDEX position_key")
    db.execute(
        "CREATE INDEX position_by_time ON position"
        " (account, protocol, market, position_id, block_time, outcome, price_usd, liquidation_usd)"
    )


def positions_seen_until(db: Any) -> None:
    """How long a row stands for those behind it that were thinned away; the outline reads it from the index."""
    db.execute("ALTER TABLE position ADD COLUMN seen_until INTEGER")
    db.execute("DROP INDEX position_by_time")
    db.execute(
        "CREATE INDEX position_by_time ON position"
        " (account, protocol, market, position_id, block_time, outcome, price_usd, liquidation_usd, seen_until)"
    )
