"""Lending positions ready to print, stored or just read; one path for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from monitor.domain import BlockRef
from monitor.lending.position import Cause, Seen
from monitor.readings.positions import PROTOCOLS
from monitor.readings.words import age, amount, days
from monitor.store import ledger, positions
from monitor.store.database import Database
from monitor.store.positions import StoredPosition
from monitor.units import SECONDS_PER_DAY, Address, UnixTime


@dataclass(frozen=True, slots=True)
class PositionLine:
    """One position with how its liquidation price moved in the last day, by cause, in its own decimals."""

    row: StoredPosition
    moves: dict[str, int]
    day_ago: int | None
    """The liquidation price then, or at the first sight since; None where nothing is known."""

    @property
    def moved_usd(self) -> float | None:
        """Change of the liquidation price since then."""
        now, decimals = self.row.liquidation_price, self.row.price_decimals
        if self.day_ago is None or now is None or decimals is None:
            return None
        return (int(now) - self.day_ago) / 10**decimals

    @property
    def main_cause(self) -> str:
        """The cause that moved it most; a liquidation before anything else."""
        if Cause.LIQUIDATION.value in self.moves:
            return Cause.LIQUIDATION.value
        return max(self.moves, key=lambda cause: abs(self.moves[cause]), default="")


@dataclass(frozen=True, slots=True)
class PositionView:
    """All positions of one block."""

    at: BlockRef | None
    lines: Sequence[PositionLine]


def stored_view(db: Database) -> PositionView:
    """What the daemon saw last."""
    with db.snapshot():
        rows = positions.current(db)
        at = ledger.recent_ref(db, rows[0].block_number) if rows else None
        return PositionView(at, [_line(db, row) for row in rows])


def _line(db: Database, row: StoredPosition) -> PositionLine:
    since = UnixTime(row.block_time - SECONDS_PER_DAY)
    return PositionLine(
        row, positions.moves_since(db, row.key, since), positions.price_at(db, row.key, since)
    )


def live_view(at: BlockRef, seen: Sequence[Seen], names: dict[Address, str]) -> PositionView:
    """What was just read, nearest to liquidation first."""
    rows = [positions.stored(positions.row_of(at, one, names.get(one.key.account, ""))) for one in seen]
    rows.sort(key=lambda row: (row.distance is None, row.distance or 0.0, row.name))
    return PositionView(at, [PositionLine(row, {}, None) for row in rows])


def protocol_name(row: StoredPosition) -> str:
    """`Aave v3 Core`."""
    tail = (
        f" {row.position_id[:10]}…"
        if len(row.position_id) > 12
        else f" {row.position_id}"
        if row.position_id
        else ""
    )
    return f"{PROTOCOLS.get(row.protocol, row.protocol)} {row.market}{tail}"


def legs_words(legs: Sequence[dict[str, Any]]) -> str:
    """`60,000.00 WETH + 1.20 wstETH`."""
    parts = [f"{amount(int(leg['amount']), int(leg['decimals']))} {leg['symbol']}" for leg in legs]
    return " + ".join(parts[:3]) + (f" + {len(parts) - 3} more" if len(parts) > 3 else "")


def liquidation_words(row: StoredPosition) -> str:
    """The price, or the honest other answer."""
    outcome = row.detail.get("outcome", {})
    words = {
        "below": lambda: f"≤ {_usd(row.liquidation_usd)}",
        "above": lambda: f"≥ {_usd(row.liquidation_usd)}",
        "already": lambda: "LIQUIDATABLE NOW",
        "range": lambda: _range_words(outcome),
        "insensitive": lambda: _insensitive_words(outcome),
        "never": lambda: f"never: {outcome.get('reason', '')}",
        "unseen": lambda: "cannot see",
    }
    return words[row.outcome]()


def _range_words(outcome: dict[str, Any]) -> str:
    unit = 10 ** int(outcome["decimals"])
    return f"{_usd(int(outcome['upper']) / unit)} to {_usd(int(outcome['lower']) / unit)}"


def _insensitive_words(outcome: dict[str, Any]) -> str:
    carry = outcome.get("carry_days")
    rates = "" if carry is None else f", {days(carry)} of carry"
    return f"not by ETH: ratio -{outcome['ratio_drop']:.2%}{rates}"


def proof_words(row: StoredPosition) -> str:
    """`proved`, `not proved`, `refuted`, or nothing where there is no price to prove."""
    return "-" if row.liquidation_price is None else row.proof


def distance_words(row: StoredPosition) -> str:
    """`4.1 %  $75.30`."""
    if row.distance is None or row.price_usd is None or row.liquidation_usd is None:
        return "now" if row.outcome == "already" else "-"
    return f"{row.distance:.2%}  {_usd(row.distance * row.price_usd)}"


def price_with_age(row: StoredPosition) -> str:
    """`$1,855.10 (38 s)`."""
    if row.price_usd is None:
        return "-"
    told = "" if row.price_updated_at is None else f" ({age(row.block_time - row.price_updated_at)})"
    return f"{_usd(row.price_usd)}{told}"


def health_words(row: StoredPosition) -> str:
    """Four decimals, cut."""
    return "-" if row.health_factor is None else health_text(int(row.health_factor))


def health_text(health: int) -> str:
    """The same, of the number itself."""
    return "∞" if health > 10**24 else f"{health // 10**18}.{health % 10**18 // 10**14:04d}"


def _usd(value: float | None) -> str:
    return "-" if value is None else f"${value:,.2f}"
