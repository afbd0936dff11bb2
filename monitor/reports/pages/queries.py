"""Canned queries of the browser pages: group, name, title, what for, SQL. Every one is run by a test."""

from __future__ import annotations

from typing import NamedTuple


class Canned(NamedTuple):
    """One query of the menu."""

    group: str
    name: str
    title: str
    what: str
    sql: str


def _utc(column: str) -> str:
    return f"strftime('%Y-%m-%d %H:%M:%S', {column}, 'unixepoch')"


_SEVERITY = "CASE severity WHEN 0 THEN 'info' WHEN 1 THEN 'warning' ELSE 'critical' END AS severity"
_SUPPLY, _POSITIONS, _TOLD, _SEEN = "Burn and supply", "Positions", "Alerts and messages", "What was seen"

QUERIES = (
    Canned(_SUPPLY, "burn_by_day", "Burn by day, exact", "Base and blob burn in ETH to the wei; missing_between counts absent blocks.",
        "SELECT start_utc, burn_eth, blob_burn_eth, total_burn_eth, blocks, missing_between\nFROM v_burn_day\nORDER BY first_block DESC\nLIMIT 1000"),
    Canned(_SUPPLY, "burn_by_hour", "Burn by hour, exact", "The last seven days.",
        "SELECT start_utc, burn_eth, blob_burn_eth, total_burn_eth, blocks\nFROM v_burn_hour\nORDER BY first_block DESC\nLIMIT 168"),
    Canned(_SUPPLY, "burn_by_month", "Burn by month", "Whole gwei, exact; not_known counts blocks whose burn is not known.",
        "SELECT strftime('%Y-%m', start, 'unixepoch') AS month, sum(blocks) AS blocks,\n"
        "    sum(burn_gwei) + sum(burn_rem_wei) / 1000000000 AS burn_gwei,\n"
        "    sum(blob_burn_gwei) + sum(blob_burn_rem_wei) / 1000000000 AS blob_burn_gwei,\n"
        "    sum(burn_unknown) + sum(blob_burn_unknown) AS not_known\nFROM rollup_day\nGROUP BY month\nORDER BY month DESC"),
    Canned(_SUPPLY, "fees_by_hour", "Base and blob fee by hour", "Lowest, mean and highest in gwei, with the block of the highest.",
        "SELECT start_utc, base_fee_min_gwei, base_fee_mean_gwei, base_fee_max_gwei, base_fee_max_block, blob_fee_mean_gwei\n"
        "FROM v_burn_hour\nORDER BY first_block DESC\nLIMIT 168"),
    Canned(_SUPPLY, "latest_blocks", "The newest blocks", "Fees, gas, blobs and burn of each.",
        "SELECT * FROM v_block ORDER BY number DESC LIMIT 100"),
    Canned(_SUPPLY, "issuance", "Samples of the consensus layer", "All balances, and what was issued since the sample before.",
        f"SELECT slot, {_utc('timestamp')} AS time_utc,\n    (validators_gwei + pending_deposits_gwei + builders_gwei) / 1e9 AS total_eth,\n"
        "    issued_gwei / 1e9 AS issued_eth, unknown\nFROM issuance_sample\nORDER BY slot DESC\nLIMIT 500"),
    Canned(_POSITIONS, "positions", "Positions, nearest to liquidation first", "Liquidation price, distance, health, size and proof of each.",
        "SELECT name, protocol, market, outcome, round(liquidation_usd, 2) AS liquidation_usd, round(price_usd, 2) AS price_usd,\n"
        "    round(distance * 100, 2) AS distance_percent, CAST(CAST(health_factor AS REAL) / 1e14 AS INTEGER) / 1e4 AS health_factor,\n"
        "    round(collateral_usd) AS collateral_usd, round(debt_usd) AS debt_usd, proof, block_number, account\n"
        "FROM position_now\nORDER BY distance IS NULL, distance"),
    Canned(_POSITIONS, "position_history", "One position over time", "Its last seven days. Type a wallet's name as the watch list has it.",
        f"SELECT {_utc('p.block_time')} AS time_utc, p.name, p.market, p.price_usd, p.liquidation_usd, p.distance,\n"
        "    p.collateral_usd, p.debt_usd, p.outcome\nFROM position_now AS n\nCROSS JOIN position AS p ON p.account = n.account AND p.protocol = n.protocol\n"
        "    AND p.market = n.market AND p.position_id = n.position_id\n"
        "WHERE n.name = :name AND p.block_time > n.block_time - 7 * 86400\nORDER BY p.block_time DESC\nLIMIT 1000"),
    Canned(_POSITIONS, "position_events", "What owners and liquidators did", "Supply, borrow, repay, withdraw, liquidation.",
        f"SELECT {_utc('block_time')} AS time_utc, account, market, kind, token, amount, detail, transaction_hash\n"
        "FROM position_event\nORDER BY block_number DESC, log_index DESC\nLIMIT 500"),
    Canned(_POSITIONS, "moves", "Why liquidation prices moved", "Interest, exchange ratio, owner, governance.",
        f"SELECT {_utc('block_time')} AS time_utc, account, market, cause, before, after\nFROM position_move\nORDER BY id DESC\nLIMIT 500"),
    Canned(_POSITIONS, "prices", "Answers of price feeds", "As the chain gave them.",
        f"SELECT {_utc('block_time')} AS time_utc, feed, usd, block_number\nFROM price\nORDER BY id DESC\nLIMIT 500"),
    Canned("On-chain money", "tokens", "Supply of stablecoins and tokenised assets", "Newest of each listed token; without a supply, the cause.",
        f"SELECT name, kind, denomination, tokens, cause, {_utc('block_time')} AS time_utc, block_number, address, source\n"
        "FROM token\nJOIN token_supply AS s ON s.id = (\n    SELECT id FROM token_supply WHERE token_id = token.id ORDER BY block_time DESC, id DESC LIMIT 1)\n"
        "WHERE listed = 1\nORDER BY kind, denomination, tokens DESC"),
    Canned("Other prices", "correlation", "ETH with other prices", "Pearson's r of daily log returns over 30 and 90 days: an estimate with its 95 % interval.",
        "SELECT day_utc, series, window_days, r, low_95, high_95, returns, cause\nFROM v_correlation\nORDER BY day_utc DESC, series, window_days\nLIMIT 1000"),
    Canned(_TOLD, "alerts", "Alerts, newest first", "What was told, and whether it still stands.",
        f"SELECT {_utc('at_time')} AS time_utc, {_SEVERITY}, title, transition, rule, at_block, standing\nFROM alert\nORDER BY serial DESC\nLIMIT 500"),
    Canned(_TOLD, "deliveries", "Messages and their fate", "Attempts, errors and when each arrived.",
        f"SELECT id, channel, state, {_SEVERITY}, attempts, last_error,\n    {_utc('created_at')} AS queued_utc, {_utc('done_at')} AS done_utc\n"
        "FROM outbox\nORDER BY id DESC\nLIMIT 500"),
    Canned(_SEEN, "gaps", "What could not be read", "Ranges of blocks with their cause; closed when filled.",
        "SELECT * FROM v_gap ORDER BY id DESC LIMIT 1000"),
    Canned(_SEEN, "reorgs", "What the chain took back", "Depth, both heads, and the burn that was undone.",
        "SELECT * FROM v_reorg ORDER BY id DESC LIMIT 500"),
    Canned(_SEEN, "endpoints", "Endpoints that changed state", "By their redacted names.",
        f"SELECT {_utc('at')} AS time_utc, endpoint, state, detail\nFROM endpoint_event\nORDER BY id DESC\nLIMIT 200"),
)  # fmt: skip
