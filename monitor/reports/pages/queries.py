"""Canned queries of the browser pages: name, title and SQL. Every one is run by a test."""

from __future__ import annotations

from typing import NamedTuple


class Canned(NamedTuple):
    """One query of the menu."""

    name: str
    title: str
    sql: str


QUERIES = (
    Canned("burn_by_day", "Burn by day, exact", "SELECT start_utc, burn_eth, blob_burn_eth, total_burn_eth, blocks, missing_between FROM v_burn_day ORDER BY first_block DESC"),
    Canned("burn_by_hour", "Burn by hour, exact", "SELECT start_utc, burn_eth, blob_burn_eth, total_burn_eth, blocks FROM v_burn_hour ORDER BY first_block DESC LIMIT 168"),
    Canned("fees_by_hour", "Base and blob fee by hour", "SELECT start_utc, base_fee_min_gwei, base_fee_mean_gwei, base_fee_max_gwei, base_fee_max_block, blob_fee_mean_gwei FROM v_burn_hour ORDER BY first_block DESC LIMIT 168"),
    Canned("latest_blocks", "The newest blocks", "SELECT * FROM v_block ORDER BY number DESC LIMIT 100"),
    Canned("positions", "Positions, nearest to liquidation first", "SELECT name, protocol, market, outcome, liquidation_usd, price_usd, round(distance * 100, 2) AS distance_percent, round(CAST(health_factor AS REAL) / 1e18, 4) AS health_factor, collateral_usd, debt_usd, proof, block_number, account FROM position_now ORDER BY distance IS NULL, distance"),
    Canned("position_history", "One position over time", "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', block_time, 'unixepoch') AS time_utc, name, price_usd, liquidation_usd, distance, collateral_usd, debt_usd, outcome FROM position WHERE name LIKE '%' || :name || '%' ORDER BY id DESC LIMIT 1000"),
    Canned("position_events", "What owners and liquidators did", "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', block_time, 'unixepoch') AS time_utc, account, market, kind, token, amount, detail, transaction_hash FROM position_event ORDER BY block_number DESC, log_index DESC LIMIT 500"),
    Canned("moves", "Why liquidation prices moved", "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', block_time, 'unixepoch') AS time_utc, account, market, cause, before, after FROM position_move ORDER BY id DESC LIMIT 500"),
    Canned("alerts", "Alerts, newest first", "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', at_time, 'unixepoch') AS time_utc, CASE severity WHEN 0 THEN 'info' WHEN 1 THEN 'warning' ELSE 'critical' END AS severity, title, transition, rule, at_block, standing FROM alert ORDER BY serial DESC LIMIT 500"),
    Canned("deliveries", "Messages and their fate", "SELECT id, channel, state, severity, attempts, last_error, strftime('%Y-%m-%dT%H:%M:%SZ', created_at, 'unixepoch') AS queued_utc, strftime('%Y-%m-%dT%H:%M:%SZ', done_at, 'unixepoch') AS done_utc FROM outbox ORDER BY id DESC LIMIT 500"),
    Canned("gaps", "What could not be read", "SELECT * FROM v_gap"),
    Canned("reorgs", "What the chain took back", "SELECT * FROM v_reorg"),
    Canned("issuance", "Samples of the consensus layer", "SELECT slot, strftime('%Y-%m-%dT%H:%M:%SZ', timestamp, 'unixepoch') AS time_utc, (validators_gwei + pending_deposits_gwei + builders_gwei) / 1e9 AS total_eth, issued_gwei / 1e9 AS issued_eth, unknown FROM issuance_sample ORDER BY slot DESC LIMIT 500"),
    Canned("prices", "Answers of price feeds", "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', block_time, 'unixepoch') AS time_utc, feed, usd, block_number FROM price ORDER BY id DESC LIMIT 500"),
)  # fmt: skip
