"""Views for people: `SELECT * FROM v_burn_day` in any SQLite shell. ISO times in UTC, exact amounts as text.

Views hold no data: every migration drops all of them and makes them anew from here.
Text amounts do not add up in SQL; sum the `_gwei` and `_rem_wei` columns of the tables instead.
"""

from __future__ import annotations

from typing import Any


def _utc(column: str) -> str:
    return f"strftime('%Y-%m-%dT%H:%M:%SZ', {column}, 'unixepoch')"


def _eth(gwei: str, rest: str) -> str:
    """Exact ETH, 18 decimals; `rest` may exceed a gwei. NULL where an operand is NULL."""
    whole = f"({gwei} + {rest} / 1000000000)"
    return (
        f"CASE WHEN {whole} IS NOT NULL THEN printf('%d.%09d%09d', "
        f"{whole} / 1000000000, {whole} % 1000000000, {rest} % 1000000000) END"
    )


def _gwei(wei: str) -> str:
    return f"CASE WHEN {wei} IS NOT NULL THEN printf('%d.%09d', {wei} / 1000000000, {wei} % 1000000000) END"


def _mean(fee: str) -> str:
    """The mean fee in wei, rounded down, from the sum kept as gwei and rest."""
    count = f"{fee}_blocks"
    return (
        f"{fee}_sum_gwei / {count} * 1000000000"
        f" + ({fee}_sum_gwei % {count} * 1000000000 + {fee}_sum_rem_wei) / {count}"
    )


_BLOCK = f"""
    SELECT number, {_utc("timestamp")} AS time_utc,
        {_gwei("base_fee_wei")} AS base_fee_gwei, gas_used, gas_limit,
        CASE burn_rule WHEN 0 THEN 'header' ELSE 'receipts' END AS burn_rule,
        {_eth("burn_gwei", "burn_rem_wei")} AS burn_eth,
        {_gwei("blob_base_fee_wei")} AS blob_base_fee_gwei, blob_gas_used / 131072 AS blobs,
        {_eth("blob_burn_gwei", "blob_burn_rem_wei")} AS blob_burn_eth,
        tx_count, withdrawal_count, {_eth("withdrawals_gwei", "0")} AS withdrawals_eth
    FROM block"""


def _burn(table: str) -> str:
    return f"""
    SELECT {_utc("start")} AS start_utc, first_block, last_block, blocks,
        last_block - first_block + 1 - blocks AS missing_between,
        {_eth("burn_gwei", "burn_rem_wei")} AS burn_eth,
        {_eth("blob_burn_gwei", "blob_burn_rem_wei")} AS blob_burn_eth,
        {_eth("burn_gwei + blob_burn_gwei", "(burn_rem_wei + blob_burn_rem_wei)")} AS total_burn_eth,
        burn_unknown, blob_burn_unknown,
        {_gwei("base_fee_min_wei")} AS base_fee_min_gwei, base_fee_min_block,
        {_gwei(f"({_mean('base_fee')})")} AS base_fee_mean_gwei,
        {_gwei("base_fee_max_wei")} AS base_fee_max_gwei, base_fee_max_block,
        {_gwei("blob_fee_min_wei")} AS blob_fee_min_gwei, blob_fee_min_block,
        {_gwei(f"({_mean('blob_fee')})")} AS blob_fee_mean_gwei,
        {_gwei("blob_fee_max_wei")} AS blob_fee_max_gwei, blob_fee_max_block,
        tx_count, {_eth("withdrawals_gwei", "0")} AS withdrawals_eth
    FROM {table}"""


_GAP = f"""
    SELECT id, kind, first, last, last - first + 1 AS blocks, cause,
        {_utc("opened_at")} AS opened_utc, attempts, {_utc("last_attempt_at")} AS last_attempt_utc,
        {_utc("closed_at")} AS closed_utc
    FROM gap"""

_REORG = f"""
    SELECT id, {_utc("at")} AS at_utc, ancestor, depth, old_number, old_hash, new_number, new_hash,
        {_eth("burn_gwei", "burn_rem_wei")} AS burn_taken_back_eth,
        {_eth("blob_burn_gwei", "blob_burn_rem_wei")} AS blob_burn_taken_back_eth
    FROM reorg"""

# Amounts keep every digit: the decimal point is set into the text.
_TOKENS = """
    CASE WHEN supply.supply IS NULL THEN NULL WHEN supply.decimals = 0 THEN supply.supply
    ELSE substr(padded, 1, length(padded) - supply.decimals) || '.' || substr(padded, -supply.decimals) END"""

_TOKEN_SUPPLY = f"""
    SELECT {_utc("block_time")} AS time_utc, supply.block_number, token.name, token.kind, token.denomination,
        {_TOKENS} AS supply_tokens, supply.tokens, supply.cause, token.address
    FROM (SELECT *, CASE WHEN length(supply) > decimals THEN supply
            ELSE substr(printf('%0' || (decimals + 1) || 'd', 0) || supply, -decimals - 1) END AS padded
        FROM token_supply) AS supply JOIN token ON token.id = supply.token_id"""

_PRICE_CLOSE = f"""
    SELECT date(day * 86400, 'unixepoch') AS day_utc, feed, usd, {_utc("updated_at")} AS updated_utc, round_id,
        updated_at / 86400 < day AS market_closed, block_number
    FROM price_close"""

_CORRELATION = """
    SELECT date(day * 86400, 'unixepoch') AS day_utc, series, window_days, r, low_95, high_95, returns, cause,
        block_number
    FROM correlation"""

VIEWS = {
    "v_block": _BLOCK,
    "v_burn_hour": _burn("rollup_hour"),
    "v_burn_day": _burn("rollup_day"),
    "v_gap": _GAP,
    "v_reorg": _REORG,
    "v_price_close": _PRICE_CLOSE,
    "v_correlation": _CORRELATION,
    "v_token_supply": _TOKEN_SUPPLY,
}


def recreate(db: Any) -> None:
    """Drop every view of ours, known or left by an older version, and make the present ones."""
    old = db.execute("SELECT name FROM sqlite_schema WHERE type = 'view' AND name LIKE 'v\\_%' ESCAPE '\\'")
    for (name,) in old.fetchall():
        db.execute(f'DROP VIEW "{name}"')
    for name, select in VIEWS.items():
        db.execute(f"CREATE VIEW {name} AS {select}")
