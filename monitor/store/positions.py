"""Lending positions in the store: what is now, what was, why it moved.

Every writer joins the caller's transaction: positions land with the block that they were read at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

import msgspec

from monitor.domain import BlockRef
from monitor.lending.attribution import Contribution
from monitor.lending.outcome import (
    AlreadyLiquidatable,
    Insensitive,
    LiquidatableAbove,
    LiquidatableBelow,
    NeverByEth,
    Outcome,
    Range,
    distance,
    liquidation_tick,
)
from monitor.lending.position import (
    Leg,
    Position,
    PositionKey,
    ProofState,
    Seen,
    Unseen,
    measured_from,
)
from monitor.store.database import Database
from monitor.units import Address, BlockNumber, UnixTime

SAMPLE_EVERY_S = 300
"""A position that only drifts gets a row this often (block time)."""
UNSEEN_AFTER_S = 3 * SAMPLE_EVERY_S
"""A position that is seen has a row more often than this; a longer silence is a hole."""

COLUMNS = (
    "block_number", "block_time", "protocol", "market", "account", "position_id", "name", "outcome",
    "liquidation_price", "price", "price_decimals", "price_updated_at", "health_factor", "collateral_value",
    "debt_value", "liquidation_usd", "price_usd", "distance", "collateral_usd", "debt_usd", "drift_usd_per_day",
    "proof", "proof_cause", "rule", "cause", "detail",
)  # fmt: skip
"""Of `position_now` and `position`."""

_NOW = f"INSERT OR REPLACE INTO position_now ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_HISTORY = f"INSERT INTO position ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_OUTCOMES: dict[type[Any], str] = {
    LiquidatableBelow: "below",
    LiquidatableAbove: "above",
    NeverByEth: "never",
    AlreadyLiquidatable: "already",
    Insensitive: "insensitive",
    Range: "range",
}
_VALUE_UNIT = 10**8


class StoredPosition(NamedTuple):
    """One row of `position_now` or `position`; exact integers as decimal text, `detail` decoded."""

    block_number: BlockNumber
    block_time: UnixTime
    protocol: str
    market: str
    account: Address
    position_id: str
    name: str
    outcome: str
    liquidation_price: str | None
    price: str | None
    price_decimals: int | None
    price_updated_at: int | None
    health_factor: str | None
    collateral_value: str | None
    debt_value: str | None
    liquidation_usd: float | None
    price_usd: float | None
    distance: float | None
    collateral_usd: float | None
    debt_usd: float | None
    drift_usd_per_day: float | None
    proof: str
    proof_cause: str
    rule: str
    cause: str
    detail: dict[str, Any]

    @property
    def key(self) -> PositionKey:
        """Which position this is."""
        return PositionKey(self.protocol, self.market, self.account, self.position_id)

    @property
    def is_refuted(self) -> bool:
        """The contract itself says otherwise: `liquidation_price` is not to be believed, and there is no distance."""
        return self.proof == ProofState.REFUTED.value


def save_now(db: Database, at: BlockRef, seen: Sequence[Seen], names: dict[Address, str]) -> None:
    """What block `at` shows of every position that was looked for; positions that are gone go."""
    with db.transaction() as connection:
        connection.execute("DELETE FROM position_now")
        connection.executemany(_NOW, [row_of(at, one, names.get(one.key.account, "")) for one in seen])


def save_history(
    db: Database, at: BlockRef, seen: Iterable[Seen], names: dict[Address, str], *, drifted: bool = False
) -> None:
    """Add these to the history. Where they only `drifted`, their legs, terms and remedy are left out."""
    with db.transaction() as connection:
        rows = [row_of(at, one, names.get(one.key.account, ""), drifted=drifted) for one in seen]
        connection.executemany(_HISTORY, rows)


def save_moves(db: Database, at: BlockRef, key: PositionKey, moves: Sequence[Contribution]) -> None:
    """Why a liquidation price moved since the last row of the history."""
    with db.transaction() as connection:
        connection.executemany(
            "INSERT INTO position_move (block_number, block_time, protocol, market, account, position_id,"
            " cause, before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (at.number, at.timestamp, *_key(key), move.cause.value, _text(move.before), _text(move.after))
                for move in moves
            ],
        )


def current(db: Database) -> tuple[StoredPosition, ...]:
    """Every watched position as of the newest block that was read, nearest to liquidation first."""
    rows = db.rows(f"SELECT {', '.join(COLUMNS)} FROM position_now ORDER BY distance IS NULL, distance, name")
    return tuple(stored(row) for row in rows)


def history(db: Database, key: PositionKey, since: UnixTime) -> tuple[StoredPosition, ...]:
    """Rows of one position from `since` on, oldest first."""
    rows = db.rows(
        f"SELECT {', '.join(COLUMNS)} FROM position WHERE account = ? AND protocol = ? AND market = ?"
        " AND position_id = ? AND block_time >= ? ORDER BY block_time, id",
        *(key.account, key.protocol, key.market, key.id, since),
    )
    return tuple(stored(row) for row in rows)


def between(db: Database, first: BlockNumber, last: BlockNumber) -> dict[int, list[StoredPosition]]:
    """Rows of the history of a range of blocks, by block."""
    found: dict[int, list[StoredPosition]] = {}
    for row in db.rows(
        f"SELECT {', '.join(COLUMNS)} FROM position WHERE block_number BETWEEN ? AND ? ORDER BY block_number, id",
        *(first, last),
    ):
        one = stored(row)
        found.setdefault(one.block_number, []).append(one)
    return found


def moves_since(db: Database, key: PositionKey, since: UnixTime) -> dict[str, int]:
    """By cause, how far the liquidation price moved since then, in units of its own decimals.

    A cause that made the price appear or vanish is there with 0: it moved it by no number.
    """
    rows = db.rows(
        "SELECT cause, before, after FROM position_move WHERE account = ? AND protocol = ? AND market = ?"
        " AND position_id = ? AND block_time >= ?",
        *(key.account, key.protocol, key.market, key.id, since),
    )
    total: dict[str, int] = {}
    for cause, before, after in rows:
        change = 0 if before is None or after is None else int(after) - int(before)
        total[cause] = total.get(cause, 0) + change
    return total


def price_at(db: Database, key: PositionKey, since: UnixTime) -> int | None:
    """The first liquidation price of the history from `since` on; None where there is none."""
    row = db.row(
        "SELECT liquidation_price FROM position WHERE account = ? AND protocol = ? AND market = ?"
        " AND position_id = ? AND block_time >= ? AND liquidation_usd IS NOT NULL ORDER BY block_time, id LIMIT 1",
        *(key.account, key.protocol, key.market, key.id, since),
    )
    return int(row[0]) if row else None


def row_of(at: BlockRef, seen: Seen, name: str, *, drifted: bool = False) -> tuple[Any, ...]:
    """A row of `COLUMNS`; without what the last whole row says well enough where it only `drifted`."""
    place = (at.number, at.timestamp, *_key(seen.key), name)
    if isinstance(seen, Unseen):
        return (*place, "unseen", *[None] * 13, "not proved", "", "", seen.cause, "{}")
    price, tick = seen.price, liquidation_tick(seen.outcome)
    known = price.answer if price.answer > 0 else None
    return (
        *place,
        _OUTCOMES[type(seen.outcome)],
        *(_text(tick), _text(known), price.decimals, price.updated_at, _text(seen.health_factor)),
        *(_text(seen.collateral_value), _text(seen.debt_value)),
        *(_scaled(tick, price.decimals), _scaled(known, price.decimals)),
        _distance(seen),
        *(_scaled_value(seen.collateral_value), _scaled_value(seen.debt_value), seen.drift_per_day),
        *(seen.proof.state.value, seen.proof.cause, seen.rule, ""),
        _drift_of(seen) if drifted else detail_of(seen),
    )


def _distance(position: Position) -> float | None:
    """None too for a price that the contract refutes: nobody may rank, colour or judge by it."""
    if position.proof.state is ProofState.REFUTED:
        return None
    return distance(position.outcome, measured_from(position))


def detail_of(position: Position) -> str:
    """What has no column, as JSON: legs, outcome, terms, remedy, notes. Exact integers are strings."""
    return msgspec.json.encode(
        {
            "collaterals": [_leg(leg) for leg in position.collaterals],
            "debts": [_leg(leg) for leg in position.debts],
            "outcome": _outcome(position.outcome),
            "terms": _exact(msgspec.to_builtins(position.terms)),
            "remedy": _exact(msgspec.to_builtins(position.remedy)),
            "notes": list(position.notes),
        }
    ).decode()


def _drift_of(position: Position) -> str:
    """The lower end of a range moves like a price and has no column; everything else that moves has one."""
    kept = {"outcome": _outcome(position.outcome)} if isinstance(position.outcome, Range) else {}
    return msgspec.json.encode(kept).decode()


def _leg(leg: Leg) -> Any:
    return _exact(msgspec.to_builtins(leg))


def _outcome(outcome: Outcome) -> Any:
    return {"class": type(outcome).__name__, **_exact(msgspec.to_builtins(outcome))}


def _exact(value: Any) -> Any:
    """Amounts as text: no JSON reader rounds them. Small counts (decimals) stay numbers."""
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        return {name: item if name == "decimals" else _exact(item) for name, item in items.items()}
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    return str(value)


def _key(key: PositionKey) -> tuple[str, str, str, str]:
    return (key.protocol, key.market, key.account, key.id)


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


def _scaled(value: int | None, decimals: int) -> float | None:
    return None if value is None else value / 10**decimals


def _scaled_value(value: int | None) -> float | None:
    return None if value is None else value / _VALUE_UNIT


def stored(row: tuple[Any, ...]) -> StoredPosition:
    """A row of `COLUMNS` as a record."""
    return StoredPosition._make((*row[:-1], msgspec.json.decode(row[-1])))
