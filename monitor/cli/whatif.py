"""`ethmon positions --if-eth PRICE`: the same positions at prices that are only supposed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from monitor.cli.output import Cell, as_json, console, emit
from monitor.cli.when import utc
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.lending.position import Seen
    from monitor.reports.whatif import Then
    from monitor.units import Address, Tick
    from monitor.watch.snapshot import Snapshot

COLUMNS = (
    "name", "protocol", "market", "account", "position_id", "health_factor",
    "if_eth_usd", "if_liquidatable", "if_health_factor", "if_cause",
)  # fmt: skip
"""Of --csv: a row per position and supposed price."""
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")
_LABEL = "Hypothetical: every protocol's ETH price as supposed, all else as it is at this block."


def ticks_of(prices: Sequence[str]) -> list[Tick]:
    """Supposed prices as ticks of a feed. Raises UsageError."""
    from monitor.lending.solver import DEFAULT_RANGE
    from monitor.units import TICKS_PER_USD, Tick

    found: list[Tick] = []
    for text in prices:
        try:
            tick = Decimal(_usd_text(text)) * TICKS_PER_USD
        except ArithmeticError:
            raise UsageError(f"--if-eth {text!r}: is no price. Write USD, e.g. 1800 or 1779.55.") from None
        if tick.is_nan() or not DEFAULT_RANGE.low <= tick <= DEFAULT_RANGE.high or tick != int(tick):
            raise UsageError(
                f"--if-eth {text!r}: must lie between 0.01 and 1,000,000 USD, with 8 decimals at most."
            )
        found.append(Tick(int(tick)))
    return list(dict.fromkeys(found))


def _usd_text(text: str) -> str:
    """Without what people write around a number: a comma parts thousands, and nothing else."""
    found = text.strip().removeprefix("$")
    return found.replace(",", "") if _THOUSANDS.fullmatch(found) else found


def show(snapshot: Snapshot, names: dict[Address, str], ticks: Sequence[Tick], shape: str) -> None:
    """Print what would be at each price."""
    from monitor.domain import FeedPrice
    from monitor.reports.whatif import suppositions

    feed = snapshot.feeds.get("ETH/USD")
    table = suppositions(snapshot.seen, ticks, feed if isinstance(feed, FeedPrice) else None)
    pairs = list(zip(snapshot.seen, table, strict=True))
    if shape == "json":
        click.echo(as_json(_record(snapshot, pairs, names, ticks)))
    elif shape == "csv":
        rows = [
            _row(one, names, tick, then)
            for one, thens in pairs
            for tick, then in zip(ticks, thens, strict=True)
        ]
        emit(COLUMNS, rows, shape)
    else:
        _print(snapshot, pairs, names, ticks)


def _print(
    snapshot: Snapshot,
    pairs: Sequence[tuple[Seen, Sequence[Then]]],
    names: dict[Address, str],
    ticks: Sequence[Tick],
) -> None:
    if not pairs:
        click.echo("No positions.")
        return
    from monitor.readings.positions import title_of

    at = snapshot.at
    head = f"Block {at.number:,}  {at.hash}  {utc(at.timestamp)}\n{_LABEL}\n"
    console().print(head, highlight=False, markup=False)
    headings = ("position", "health now", *(f"with ETH at ${_usd(tick)}" for tick in ticks))
    rows = [
        (title_of(one.key, _name(one, names)), _health(_now(one)), *(_words(then) for then in thens))
        for one, thens in pairs
    ]
    emit(headings, rows, "table")


def _words(then: Then) -> str:
    if then.liquidatable is None:
        return f"cannot say: {then.cause}"
    health = "" if then.health_factor is None else f"  {_health(then.health_factor)}"
    return ("LIQUIDATABLE" if then.liquidatable else "safe") + health


def _record(
    snapshot: Snapshot,
    pairs: Sequence[tuple[Seen, Sequence[Then]]],
    names: dict[Address, str],
    ticks: Sequence[Tick],
) -> dict[str, object]:
    at = snapshot.at
    return {
        "hypothetical": _LABEL,
        "block": {"number": at.number, "hash": at.hash, "time": utc(at.timestamp)},
        "positions": [
            {
                **dict(zip(COLUMNS[:6], _place(one, names), strict=True)),
                "if": [
                    dict(zip(("eth_usd", *_FIELDS), _figures(tick, then), strict=True))
                    for tick, then in zip(ticks, thens, strict=True)
                ],
            }
            for one, thens in pairs
        ],
    }


_FIELDS = ("liquidatable", "health_factor", "cause")


def _row(one: Seen, names: dict[Address, str], tick: Tick, then: Then) -> tuple[Cell, ...]:
    return (*_place(one, names), *_figures(tick, then))


def _place(one: Seen, names: dict[Address, str]) -> tuple[Cell, ...]:
    key, now = one.key, _now(one)
    return (
        *(_name(one, names), key.protocol, key.market, key.account, key.id),
        None if now is None else str(now),
    )


def _figures(tick: Tick, then: Then) -> tuple[Cell, ...]:
    health = None if then.health_factor is None else str(then.health_factor)
    return _usd(tick).replace(",", ""), then.liquidatable, health, then.cause


def _now(one: Seen) -> int | None:
    from monitor.lending.position import Position

    return one.health_factor if isinstance(one, Position) else None


def _name(one: Seen, names: dict[Address, str]) -> str:
    return names.get(one.key.account) or one.key.account


def _health(health: int | None) -> str:
    from monitor.reports.positions import health_text

    return "-" if health is None else health_text(health)


def _usd(tick: Tick) -> str:
    from monitor.units import format_fixed

    return format_fixed(tick, 8, 2 if tick % 10**6 == 0 else None)
