"""What the site says about each table and view: meaning, units, facets, order. Held to the schema by a test."""

from __future__ import annotations

from typing import Any, NamedTuple


class Table(NamedTuple):
    """One table or view."""

    what: str
    facets: tuple[str, ...] = ()
    newest_first: str = ""
    """The column that the page sorts by, descending."""
    columns: dict[str, str] = {}  # noqa: RUF012 (never written)
    hidden: bool = False
    label: str = ""
    time: str = ""
    """A column that rises with that of `newest_first`, which is sorted by in its stead."""


_POSITION = {
    "outcome": "below, above: an ETH price liquidates it; range: soft liquidation; already: liquidatable now;"
    " never, insensitive: no ETH price does; unseen: could not be read",
    "liquidation_price": "exact, with price_decimals; the *_usd columns are for display",
    "distance": "share of the protocol's price: 0.1 is 10 %",
    "health_factor": "18 decimals; below 10^18 is liquidatable",
    "drift_usd_per_day": "what interest and exchange ratios move the liquidation price by",
    "proof": "proved: the contract itself, asked on both sides of the price, agrees",
    "rule": "how the protocol rounds, as found by asking it",
}
_HISTORY = {
    "detail": "legs, terms and remedy; empty where the position only drifted since the last row that has them",
    "seen_until": "of old rows: until when it was seen and only drifted, in rows that were thinned away",
}
_SUMS = {
    "start": "first second of the period, UTC",
    "burn_gwei": "whole gwei; burn_rem_wei is the rest below 10^9 wei: sum both",
    "burn_unknown": "blocks whose burn is not known: the sums are then lower bounds",
    "base_fee_sum_gwei": "over base_fee_blocks blocks: sum / blocks is the mean",
    "gas_limit_giga": "10^9 gas; gas_limit_rem is the rest",
}

TABLES = {
    "v_burn_day": Table("Burn and fees by day, exact ETH as text, times in UTC.", newest_first="start_utc"),
    "v_burn_hour": Table("Burn and fees by hour, exact ETH as text, times in UTC.", newest_first="start_utc"),
    "v_block": Table("Blocks in human units, exact.", newest_first="number", time="time_utc"),
    "v_gap": Table("What could not be read, why, and when it was filled.", newest_first="id"),
    "v_reorg": Table("What the chain took back.", newest_first="id"),
    "block": Table(
        "A block as the chain gives it; burn_* and blob_burn_* are computed on reading, exact.",
        newest_first="number",
        columns={
            "timestamp": "seconds since 1970, shown as UTC",
            "base_fee_wei": "wei for a unit of gas",
            "burn_rule": "0: base fee x gas used; 1 (from Glamsterdam on): x gas of the receipts",
            "excess_blob_gas": "the chain's memory of past blobs, from which the blob base fee follows",
            "burn_gwei": "whole gwei; burn_rem_wei is the rest below 10^9 wei",
        },
        time="timestamp",
    ),
    "rollup_hour": Table("Sums over the stored blocks of an hour.", newest_first="start", columns=_SUMS),
    "rollup_day": Table("Sums over the stored blocks of a day.", newest_first="start", columns=_SUMS),
    "coverage": Table("Ranges of blocks that are all stored, linked by hash."),
    "gap": Table("What could not be read, and why.", ("kind",), "id"),
    "reorg": Table("Branches that were replaced.", newest_first="id"),
    "position_now": Table(
        "Positions as the newest block shows them.", ("protocol", "outcome", "proof"), "collateral_usd", _POSITION, label="name"
    ),
    "position": Table(
        "The history of positions: a row when something that matters changed, and every few minutes.",
        newest_first="id", columns=_POSITION | _HISTORY, label="name", time="block_time",
    ),
    "position_move": Table(
        "Why liquidation prices moved.", ("cause", "protocol"), "id",
        {"before": "liquidation price in the protocol's own decimals", "after": "the same, after the cause"},
    ),
    "position_event": Table(
        "What owners and liquidators did.", ("kind", "protocol"), "id", {"amount": "in the token's own smallest unit"}
    ),
    "price": Table("Answers of price feeds, a row when an answer is new.", ("feed",), "id"),
    "v_token_supply": Table("Supply of the listed tokens, or the cause why it could not be read."),
    "token": Table("Tokens whose supply is read, and where the list has them from.", ("kind", "denomination"), label="name"),
    "token_supply": Table(
        "Supply of tokens: a row when it changed, and every hour.", newest_first="id",
        columns={"supply": "exact, in the token's smallest unit", "tokens": "for display", "cause": "why there is no supply"},
    ),
    "v_price_close": Table("Daily closes of the feeds, with their round."),
    "price_close": Table("The last round of a feed before each UTC midnight.", ("feed",), columns={"day": "days since 1970"}),
    "v_correlation": Table("How ETH moved with other series up to a day: an estimate with its interval."),
    "correlation": Table(
        "How ETH moved with other series.", ("series", "window_days"),
        columns={"r": "Pearson's r of daily log returns", "low_95": "the 95 % interval begins", "cause": "why there is no r"},
    ),
    "alert": Table(
        "What was told, with its reason.", ("rule", "severity", "transition", "standing"), "serial",
        {"severity": "0 info, 1 warning, 2 critical", "standing": "0: a reorg made it wrong", "told_at": "wall clock"},
    ),
    "outbox": Table(
        "Messages and their fate.", ("channel", "state"), "id",
        {"state": "pending, sending, delivered, dead (given up), dropped (by the user)"},
    ),
    "issuance_sample": Table(
        "Balances of the consensus layer at finalized epochs; issued_gwei is since the sample before.",
        newest_first="slot", columns={"unknown": "why issued_gwei is not known"},
    ),
    "endpoint_event": Table("Endpoints that changed state.", ("state",), "id"),
    "event": Table("Starts, stops and warnings of the daemon.", ("kind",), "id"),
    "alert_state": Table("Versions of incidents: the memory of the alert engine.", hidden=True),
    "recent_block": Table("Hashes of the newest blocks, for reorgs.", newest_first="number", hidden=True),
    "cursor": Table("How far the chain was followed.", hidden=True),
    "chain": Table("Which chain the file holds.", hidden=True),
    "channel": Table("Health of the ways to reach a person.", hidden=True),
    "setting": Table("Choices that are kept with the data.", hidden=True),
    "pow_reward": Table("Issuance of proof-of-work blocks.", newest_first="block_number", hidden=True),
    "deposit_range": Table("Deposits, summed over ranges of blocks.", newest_first="last_block", hidden=True),
    "payout": Table("Payouts of the withdrawal sweep, of one in 64 validators.", hidden=True),
}  # fmt: skip


def described() -> dict[str, Any]:
    """The tables as Datasette's metadata has them."""
    return {name: _described(table) for name, table in TABLES.items()}


def _described(table: Table) -> dict[str, Any]:
    found: dict[str, Any] = {"description": table.what}
    parts = {
        "facets": list(table.facets), "sort_desc": table.newest_first, "columns": table.columns,
        "hidden": table.hidden, "label_column": table.label,
    }  # fmt: skip
    return found | {key: value for key, value in parts.items() if value}
