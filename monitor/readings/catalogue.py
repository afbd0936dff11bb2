"""Every reading that a rule may name, every entry of the watchlist, and the rules that hold by default.

Data only: the modules beside this one emit readings under these keys, and only these.
"""

from __future__ import annotations

from typing import Any

from alerts.model import Direction, Kind, ReadingSpec, Severity, Unit
from alerts.rules import Catalogue, EntryTable, Shorthand

_BELOW, _ABOVE = Direction.BELOW, Direction.ABOVE
_CRITICAL, _INFO = Severity.CRITICAL, Severity.INFO
_POSITION = ("wallet", "protocol")
_FEED = ("feed",)
_TOKEN = ("token", "kind")
_GROUP = ("kind", "denomination")
_DAY_S = 86_400


def _spec(key: str, unit: Unit, worse: Direction, phrase: str, what: str, **more: Any) -> ReadingSpec:
    return ReadingSpec(key, unit, what, phrase, worse, **more)


_MONEY = (
    _spec(
        "position.distance", Unit.PERCENT, _BELOW, "{value} from liquidation",
        "how far the protocol's own ETH price is from liquidating the position",
        at_zero="liquidatable now", labels=_POSITION, severity=_CRITICAL,
    ),
    _spec(
        "position.health_factor", Unit.RATIO, _BELOW, "health factor {value}",
        "the protocol's own health factor; liquidatable below 1",
        labels=_POSITION, severity=_CRITICAL,
    ),
    _spec(
        "position.liquidation_price_move", Unit.PERCENT, _ABOVE, "liquidation price moved by {value}",
        "how far the liquidation price moved within the window, in either direction",
        labels=_POSITION, windowed=True,
    ),
    _spec(
        "position.changed", Unit.USD, _ABOVE, "changed by {value}",
        "the owner supplied, withdrew, borrowed or repaid",
        labels=_POSITION, kind=Kind.EVENT, severity=_INFO,
    ),
    _spec(
        "position.liquidated", Unit.USD, _ABOVE, "liquidated, {value} of debt repaid",
        "a liquidation was executed on the position",
        labels=_POSITION, kind=Kind.EVENT, severity=_CRITICAL,
    ),
    _spec(
        "level.distance", Unit.PERCENT, _BELOW, "{value} away",
        "how far the ETH price is from a published level", at_zero="reached", labels=("level",),
    ),
    _spec("wallet.balance", Unit.ETH, _BELOW, "holds {value}", "ETH held by the wallet", labels=("wallet",)),
    _spec(
        "wallet.transfer", Unit.ETH, _ABOVE, "moved {value}", "ETH sent or received by the wallet",
        labels=("wallet",), kind=Kind.EVENT,
    ),
    _spec(
        "holding.loss", Unit.USD, _ABOVE, "unrealised loss {value}",
        "how far the holding is under water at its lowest reported cost", labels=("holding",),
    ),
    _spec(
        "holding.profit", Unit.USD, _ABOVE, "unrealised profit {value}",
        "how far the holding is above water at its highest reported cost",
        labels=("holding",), severity=_INFO,
    ),
    _spec("price.usd", Unit.USD, _BELOW, "at {value}", "a feed's answer", labels=_FEED),
    _spec(
        "price.correlation", Unit.RATIO, _BELOW, "correlation {value}",
        "Pearson's r of daily log returns of ETH and another series over the window (14d or more), an estimate",
        labels=("with",), windowed=True, window_s=30 * _DAY_S, least_window_s=14 * _DAY_S, severity=_INFO,
    ),
    _spec(
        "price.correlation_change", Unit.RATIO, _BELOW, "correlation changed by {value}",
        "the same less that of the window before: below -0.5 is decoupling",
        labels=("with",), windowed=True, window_s=30 * _DAY_S, least_window_s=14 * _DAY_S, severity=_INFO,
    ),
    _spec(
        "oracle.overdue", Unit.SECONDS, _ABOVE, "overdue by {value}",
        "how long a feed has missed its heartbeat; 0 when on time", labels=_FEED,
    ),
    _spec(
        "oracle.divergence", Unit.PERCENT, _ABOVE, "{value} apart from the market",
        "distance of a feed from the median of the others", labels=_FEED,
    ),
)  # fmt: skip

_TOKENS = (
    _spec(
        "token.supply", Unit.COUNT, _BELOW, "{value} in existence", "tokens in existence, as the contract says",
        labels=_TOKEN, severity=_INFO,
    ),
    _spec(
        "token.supply_change", Unit.PERCENT, _ABOVE, "supply changed by {value}",
        "change of a token's supply within the window; negative is burned", labels=_TOKEN, windowed=True,
    ),
    _spec(
        "token.supply_move", Unit.PERCENT, _ABOVE, "supply moved by {value}",
        "how far a token's supply moved within the window, in either direction", labels=_TOKEN, windowed=True,
    ),
    _spec(
        "money.supply", Unit.COUNT, _BELOW, "{value} in existence",
        "all listed tokens of a kind and denomination together", labels=_GROUP, severity=_INFO,
    ),
    _spec(
        "money.supply_change", Unit.PERCENT, _ABOVE, "changed by {value}",
        "change of that sum within the window; negative is burned", labels=_GROUP, windowed=True,
    ),
)  # fmt: skip

_CHAIN = (
    _spec("gas.base_fee", Unit.GWEI, _ABOVE, "base fee {value}", "base fee of the next block"),
    _spec(
        "supply.burn_eth", Unit.ETH, _ABOVE, "{value} burnt",
        "base fee and blob fee burnt in the window", windowed=True,
    ),
    _spec(
        "supply.net_change_eth", Unit.ETH, _ABOVE, "supply changed by {value}",
        "issuance less burn in the window; negative is deflation", windowed=True, severity=_INFO,
    ),
    _spec(
        "supply.record_burn", Unit.ETH, _ABOVE, "{value} burnt, more than ever before",
        "a block, a whole hour or a whole day that burned more than any other in the ledger (of 7 days at least)",
        labels=("stretch",), kind=Kind.EVENT, severity=_INFO,
    ),
    _spec(
        "blob.fee_over_floor", Unit.RATIO, _ABOVE, "blob fee {value} times its floor",
        "blob base fee over its floor (EIP-7918)", severity=_INFO,
    ),
    _spec(
        "chain.reorg", Unit.BLOCKS, _ABOVE, "{value} replaced", "depth of a reorg that was followed",
        kind=Kind.EVENT, on_chain=False,
    ),
    _spec(
        "chain.gap", Unit.BLOCKS, _ABOVE, "{value} not read", "blocks that could not be read, not repaired yet",
        on_chain=False,
    ),
    _spec(
        "chain.head_age", Unit.SECONDS, _ABOVE, "last block {value} old",
        "age of the newest block by the wall clock", on_chain=False, severity=_CRITICAL,
    ),
    _spec(
        "node.disagreement", Unit.BLOCKS, _ABOVE, "endpoints {value} apart",
        "distance between the heads of the configured endpoints", on_chain=False,
    ),
    _spec(
        "fork.time_left", Unit.SECONDS, _BELOW, "in {value}", "time until a scheduled fork",
        labels=("fork",), severity=_INFO,
    ),
    _spec(
        "fork.schedule_mismatch", Unit.COUNT, _ABOVE, "blob schedules differ in {value} entries",
        "node's blob schedule against ours", on_chain=False, severity=_CRITICAL,
    ),
    _spec(
        "fork.gas_rule_mismatch", Unit.COUNT, _ABOVE, "headers and receipts tell different gas",
        "1 while base burn is in doubt: the header's gas is not that of the receipts", on_chain=False,
        severity=_CRITICAL,
    ),
)  # fmt: skip

_ENTRIES = {
    "wallet": EntryTable(
        ("name", "address", "source"), (Shorthand("alert_at", "position.distance", "wallet"),)
    ),
    "level": EntryTable(
        ("name", "price_usd", "side", "source"), (Shorthand("alert_at", "level.distance", "level"),)
    ),
    "holding": EntryTable(
        ("name", "eth", "cost_usd", "source"), (Shorthand("alert_at_loss_usd", "holding.loss", "holding"),)
    ),
    "token": EntryTable(
        ("name", "address", "kind", "denomination", "source", "window"),
        (Shorthand("alert_at_change", "token.supply_move", "token"),),
    ),
    "series": EntryTable(("name", "file", "column", "source")),
}

_DEFAULTS: tuple[dict[str, Any], ...] = (
    {"name": "liquidation executed", "reading": "position.liquidated", "above": 0},
    {"name": "position changed", "reading": "position.changed", "above": 100_000},
    {"name": "oracle overdue", "reading": "oracle.overdue", "above": "10m"},
    {"name": "oracle apart", "reading": "oracle.divergence", "above": ["2%", "5%"], "for": "2m"},
    {"name": "head stale", "reading": "chain.head_age", "above": "2m", "hysteresis": "50%"},
    {"name": "blocks missing", "reading": "chain.gap", "above": 0, "for": "1m"},
    {"name": "deep reorg", "reading": "chain.reorg", "above": 2},
    {"name": "endpoints disagree", "reading": "node.disagreement", "above": 3, "for": "1m"},
    {"name": "fork ahead", "reading": "fork.time_left", "below": ["14d", "1d"], "severity": "info"},
    {"name": "blob schedule", "reading": "fork.schedule_mismatch", "above": 0},
    {"name": "gas rule", "reading": "fork.gas_rule_mismatch", "above": 0},
)

CATALOGUE = Catalogue({spec.key: spec for spec in (*_MONEY, *_TOKENS, *_CHAIN)}, _ENTRIES, _DEFAULTS)
