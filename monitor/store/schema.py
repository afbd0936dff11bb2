"""All tables, as migrations: functions applied in order, each in one transaction.

To extend: append a function to `MIGRATIONS`; never edit one that was released. Each function gets
a `sqlite_utils.Database` and runs plain SQL. This module imports neither sqlite3 nor sqlite-utils:
the daemon reads `VERSION` from it at every start.

A table whose rows follow from blocks must say so by a column named as in `BLOCK_COLUMNS`, led by
the primary key or an index: rollback finds the table by it and empties it above the ancestor.
Every other table stands in `KEPT_ON_ROLLBACK` with the reason. A test holds both lists to the schema.

Amounts of wei are a pair of INTEGERs, whole gwei and 0 <= rest < 10**9: SUM() of wei overflows
at 9.2 ETH, and a product past 2**63 would silently become REAL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from monitor.store import alert_tables, issuance_tables, position_tables, price_tables, token_tables

APPLICATION_ID = 0x6574686D
"""'ethm' in the file header: told from any other SQLite file."""

BLOCK_COLUMNS = ("number", "block_number", "last_block")
"""The first of these that a table has is the block its rows follow from."""

KEPT_ON_ROLLBACK = {
    "chain": "which chain the file holds",
    "cursor": "one row, set to the ancestor",
    "coverage": "ranges, cut at the ancestor",
    "gap": "history of what could not be read; open ones are closed above the ancestor",
    "reorg": "history of rollbacks",
    "endpoint_event": "wall-clock history of endpoints",
    "event": "wall-clock history of the daemon",
    "setting": "choices, and up to where rules were checked: to the finalized block",
    **alert_tables.KEPT,
    **token_tables.KEPT,
}

# a * g / 10**9 and a * g % 10**9 with no intermediate above the result: each factor is split.
_PRODUCT_GWEI = (
    "({fee} / 1000000000) * {gas} + ({fee} % 1000000000) * ({gas} / 1000000000)"
    " + ({fee} % 1000000000) * ({gas} % 1000000000) / 1000000000"
)
_PRODUCT_REST = "({fee} % 1000000000) * ({gas} % 1000000000) % 1000000000"
_LARGEST_GWEI = 9 * 10**18


def _burn_columns(prefix: str, fee: str, gas: str) -> str:
    gwei = _PRODUCT_GWEI.format(fee=fee, gas=gas)
    rest = _PRODUCT_REST.format(fee=fee, gas=gas)
    return f"""{prefix}_gwei INTEGER AS ({gwei}) VIRTUAL,
        {prefix}_rem_wei INTEGER AS ({rest}) VIRTUAL"""


def _burn_check(prefix: str) -> str:
    """Refuse a product past int64: SQLite would make it REAL, and a REAL that large fails here too."""
    return f"CHECK ({prefix}_gwei < {_LARGEST_GWEI})"


_BLOCK = f"""
    CREATE TABLE block (
        number INTEGER PRIMARY KEY,
        timestamp INTEGER NOT NULL,
        gas_limit INTEGER NOT NULL,
        gas_used INTEGER NOT NULL,
        base_fee_wei INTEGER,
        burn_rule INTEGER NOT NULL CHECK (burn_rule IN (0, 1)),
        receipt_gas INTEGER,
        blob_gas_used INTEGER,
        excess_blob_gas INTEGER,
        blob_base_fee_wei INTEGER,
        tx_count INTEGER,
        withdrawal_count INTEGER,
        withdrawals_gwei INTEGER,
        fee_gas INTEGER AS (CASE burn_rule WHEN 0 THEN gas_used ELSE receipt_gas END) VIRTUAL,
        {_burn_columns("burn", "base_fee_wei", "fee_gas")},
        {_burn_columns("blob_burn", "blob_base_fee_wei", "blob_gas_used")},
        {_burn_check("burn")},
        {_burn_check("blob_burn")}
    ) STRICT"""

_FOLLOWER = (
    """CREATE TABLE recent_block (
        number INTEGER PRIMARY KEY,
        hash TEXT NOT NULL UNIQUE,
        parent_hash TEXT NOT NULL,
        timestamp INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE cursor (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        number INTEGER NOT NULL,
        hash TEXT NOT NULL,
        parent_hash TEXT NOT NULL,
        timestamp INTEGER NOT NULL,
        finalized_number INTEGER
    ) STRICT""",
    """CREATE TABLE coverage (
        first INTEGER PRIMARY KEY,
        last INTEGER NOT NULL CHECK (last >= first),
        first_parent_hash TEXT NOT NULL,
        last_hash TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE gap (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('blocks', 'receipts', 'blob_fee')),
        first INTEGER NOT NULL,
        last INTEGER NOT NULL CHECK (last >= first),
        cause TEXT NOT NULL,
        opened_at INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        last_attempt_at INTEGER,
        closed_at INTEGER
    ) STRICT""",
    "CREATE INDEX gap_open ON gap (kind, first) WHERE closed_at IS NULL",
    """CREATE TABLE reorg (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        ancestor INTEGER NOT NULL,
        depth INTEGER NOT NULL,
        old_number INTEGER NOT NULL,
        old_hash TEXT NOT NULL,
        old_parent_hash TEXT NOT NULL,
        old_timestamp INTEGER NOT NULL,
        new_number INTEGER NOT NULL,
        new_hash TEXT NOT NULL,
        new_parent_hash TEXT NOT NULL,
        new_timestamp INTEGER NOT NULL,
        burn_gwei INTEGER NOT NULL,
        burn_rem_wei INTEGER NOT NULL,
        burn_unknown INTEGER NOT NULL,
        blob_burn_gwei INTEGER NOT NULL,
        blob_burn_rem_wei INTEGER NOT NULL,
        blob_burn_unknown INTEGER NOT NULL
    ) STRICT""",
)

_ROLLUP = """
    CREATE TABLE rollup_{period} (
        start INTEGER PRIMARY KEY,
        first_block INTEGER NOT NULL,
        last_block INTEGER NOT NULL,
        blocks INTEGER NOT NULL,
        burn_gwei INTEGER NOT NULL,
        burn_rem_wei INTEGER NOT NULL,
        burn_unknown INTEGER NOT NULL,
        blob_burn_gwei INTEGER NOT NULL,
        blob_burn_rem_wei INTEGER NOT NULL,
        blob_burn_unknown INTEGER NOT NULL,
        fee_gas INTEGER NOT NULL,
        gas_used INTEGER NOT NULL,
        gas_limit_giga INTEGER NOT NULL,
        gas_limit_rem INTEGER NOT NULL,
        blob_gas_used INTEGER NOT NULL,
        base_fee_blocks INTEGER NOT NULL,
        base_fee_sum_gwei INTEGER NOT NULL,
        base_fee_sum_rem_wei INTEGER NOT NULL,
        blob_fee_blocks INTEGER NOT NULL,
        blob_fee_sum_gwei INTEGER NOT NULL,
        blob_fee_sum_rem_wei INTEGER NOT NULL,
        tx_count INTEGER NOT NULL,
        tx_unknown INTEGER NOT NULL,
        withdrawal_count INTEGER NOT NULL,
        withdrawals_gwei INTEGER NOT NULL,
        withdrawals_unknown INTEGER NOT NULL,
        base_fee_min_wei INTEGER,
        base_fee_min_block INTEGER,
        base_fee_max_wei INTEGER,
        base_fee_max_block INTEGER,
        blob_fee_min_wei INTEGER,
        blob_fee_min_block INTEGER,
        blob_fee_max_wei INTEGER,
        blob_fee_max_block INTEGER
    ) STRICT"""

_RECORDS = (
    """CREATE TABLE chain (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        chain_id INTEGER NOT NULL,
        genesis_hash TEXT,
        bound_at INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE endpoint_event (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        endpoint TEXT NOT NULL,
        state TEXT NOT NULL,
        detail TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX endpoint_event_endpoint ON endpoint_event (endpoint, id)",
    """CREATE TABLE event (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL
    ) STRICT""",
    "CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
)


def ledger(db: Any) -> None:
    """Blocks, what is covered, gaps, reorgs, hour and day rollups, records of the daemon."""
    for statement in (_BLOCK, *_FOLLOWER, *_RECORDS):
        db.execute(statement)
    for period in ("hour", "day"):
        db.execute(_ROLLUP.format(period=period))
        db.execute(f"CREATE INDEX rollup_{period}_last_block ON rollup_{period} (last_block)")


MIGRATIONS: tuple[Callable[[Any], None], ...] = (
    ledger,
    alert_tables.alerting,
    position_tables.positions,
    issuance_tables.issuance,
    issuance_tables.rewards_and_deposits,
    issuance_tables.payouts,
    token_tables.tokens,
    price_tables.closes_and_correlations,
    position_tables.positions_by_time,
    position_tables.positions_seen_until,
)
VERSION = len(MIGRATIONS)
"""Kept in `PRAGMA user_version`, set in the transaction of each migration."""
