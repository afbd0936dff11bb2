"""Positions, liquidations and alerts in the words of the demo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.reports import positions as words
from monitor.store import position_events, positions, told
from monitor.store.database import Database
from monitor.store.positions import StoredPosition
from monitor.store.told import ToldAlert
from monitor.units import BlockNumber, format_fixed

SHOWN_ALERTS = 6


@dataclass(frozen=True, slots=True)
class Liquidation:
    """One that was executed."""

    block: BlockNumber
    transaction: str
    name: str
    repaid: str
    """Amount and token of the debt."""


@dataclass(frozen=True, slots=True)
class Danger:
    """Everything about lending at one moment."""

    positions: tuple[StoredPosition, ...]
    """Nearest to liquidation first."""
    liquidations: tuple[Liquidation, ...]
    """Oldest first."""
    alerts: tuple[ToldAlert, ...]
    """Newest first."""
    alert_count: int


def look(db: Database) -> Danger:
    """What is stored now, inside the caller's snapshot."""
    current = positions.current(db)
    return Danger(
        positions=current,
        liquidations=_liquidations(db, current),
        alerts=told.newest(db, SHOWN_ALERTS),
        alert_count=told.count(db),
    )


def _liquidations(db: Database, current: Sequence[StoredPosition]) -> tuple[Liquidation, ...]:
    names = {row.account: row.name for row in current}
    tokens = {
        leg["token"]: leg
        for row in current
        for side in ("collaterals", "debts")
        for leg in row.detail.get(side, ())
    }
    found: list[Liquidation] = []
    for block, _, transaction, _, _, account, _, kind, token, amount, _ in reversed(
        position_events.of_account(db, None)
    ):
        if kind == "liquidation":
            repaid = _amount_words(tokens.get(token), amount)
            found.append(Liquidation(block, transaction, names.get(account, str(account)), repaid))
    return tuple(found)


def _amount_words(leg: dict[str, Any] | None, amount: str) -> str:
    if leg is None:
        return f"{amount} units"
    return f"{format_fixed(int(amount), int(leg['decimals']), 2)} {leg['symbol']}"


def price_words(rows: Sequence[StoredPosition]) -> str:
    """`ETH $2,310.15   Whale: ≤ $1,780.00, 22.95% away   Loop: not by ETH: ratio -4.39%`."""
    return "   ".join([f"  {eth_words(rows)}", *(f"{_short(row.name)}: {_answer(row)}" for row in rows)])


def eth_words(rows: Sequence[StoredPosition]) -> str:
    """The price that the protocol itself uses."""
    prices = [row.price_usd for row in rows if row.price_usd is not None]
    return f"ETH ${prices[0]:,.2f}" if prices else "ETH price not seen"


def _answer(row: StoredPosition) -> str:
    away = "" if row.distance is None or row.outcome == "already" else f", {row.distance:.2%} away"
    return words.liquidation_words(row) + away


def liquidation_words(one: Liquidation) -> str:
    """A liquidation in a line."""
    return (
        f"LIQUIDATION: block {one.block:,}, {_short(one.name)}: {one.repaid} of debt repaid by the liquidator"
    )


def alert_words(alert: ToldAlert) -> str:
    """An alert in a line."""
    return f"ALERT ({alert.severity.name.lower()}): {alert.title}"


def cells(row: StoredPosition) -> tuple[str, ...]:
    """A position for a table: name, health factor, liquidation price, distance, proof."""
    return (
        row.name,
        words.health_words(row),
        words.liquidation_words(row),
        words.distance_words(row),
        words.proof_words(row),
    )


def table_lines(rows: Sequence[StoredPosition]) -> Iterator[str]:
    """A plain table of positions."""
    table = [("position", "health", "liquidated", "distance", "proof"), *map(cells, rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _short(name: str) -> str:
    """The part of a name before its colon."""
    return name.partition(":")[0]
