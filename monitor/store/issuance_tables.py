"""What issuance is made of. Migrations; applied by `monitor.store.schema`."""

from __future__ import annotations

from typing import Any

_SAMPLE = """
    CREATE TABLE issuance_sample (
        slot INTEGER PRIMARY KEY,
        block_number INTEGER NOT NULL,
        block_hash TEXT NOT NULL,
        timestamp INTEGER NOT NULL,
        deposits_block INTEGER NOT NULL,
        validators_gwei INTEGER NOT NULL,
        pending_deposits_gwei INTEGER NOT NULL,
        builders_gwei INTEGER NOT NULL,
        finalized INTEGER NOT NULL,
        issued_gwei INTEGER,
        unknown TEXT NOT NULL,
        next_deposit INTEGER,
        CHECK (issued_gwei IS NULL OR unknown = '')
    ) STRICT"""


def issuance(db: Any) -> None:
    """One row a sample: all balances, and what was issued since the sample before (NULL: `unknown` says why)."""
    db.execute(_SAMPLE)
    db.execute("CREATE INDEX issuance_sample_block_number ON issuance_sample (block_number)")
    db.execute("CREATE INDEX issuance_sample_timestamp ON issuance_sample (timestamp)")


def rewards_and_deposits(db: Any) -> None:
    """Issuance of proof-of-work blocks, uncles included; deposits of ranges of blocks that follow each other."""
    db.execute(
        """CREATE TABLE pow_reward (
            block_number INTEGER PRIMARY KEY,
            uncles INTEGER NOT NULL,
            issued_gwei INTEGER NOT NULL
        ) STRICT"""
    )
    db.execute(
        """CREATE TABLE deposit_range (
            last_block INTEGER PRIMARY KEY,
            first_block INTEGER NOT NULL CHECK (first_block <= last_block),
            deposits_gwei INTEGER NOT NULL,
            next_deposit INTEGER
        ) STRICT"""
    )


def payouts(db: Any) -> None:
    """Payouts of the withdrawal sweep, of one in 64 validators, in the blocks of `deposit_range`."""
    db.execute(
        """CREATE TABLE payout (
            block_number INTEGER NOT NULL,
            validator_index INTEGER NOT NULL,
            amount_gwei INTEGER NOT NULL,
            timestamp INTEGER NOT NULL,
            PRIMARY KEY (block_number, validator_index)
        ) STRICT, WITHOUT ROWID"""
    )
