"""Tables of on-chain money: what each token is, and its supply over time. One migration of `monitor.store.schema`.

Supplies are decimal TEXT (a uint256 does not fit a column) with the decimals that they were read with;
the REAL `tokens` is for display. A row without a supply says why there is none.
"""

from __future__ import annotations

from typing import Any

KEPT = {"token": "what a list says of a token, and what its contract called itself when it was read last"}

_TABLES = (
    """CREATE TABLE token (
        id INTEGER PRIMARY KEY,
        address TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        denomination TEXT NOT NULL,
        source TEXT NOT NULL,
        symbol TEXT,
        listed INTEGER NOT NULL DEFAULT 1 CHECK (listed IN (0, 1))
    ) STRICT""",
    """CREATE TABLE token_supply (
        id INTEGER PRIMARY KEY,
        block_number INTEGER NOT NULL,
        block_time INTEGER NOT NULL,
        token_id INTEGER NOT NULL REFERENCES token,
        supply TEXT,
        decimals INTEGER,
        tokens REAL,
        cause TEXT NOT NULL DEFAULT '',
        CHECK ((supply IS NULL) = (decimals IS NULL)),
        CHECK ((supply IS NULL) = (tokens IS NULL)),
        CHECK ((supply IS NULL) = (cause <> ''))
    ) STRICT""",
    "CREATE INDEX token_supply_block_number ON token_supply (block_number)",
    "CREATE INDEX token_supply_token ON token_supply (token_id, block_time)",
)


def tokens(db: Any) -> None:
    """Tokens and their supplies."""
    for statement in _TABLES:
        db.execute(statement)
