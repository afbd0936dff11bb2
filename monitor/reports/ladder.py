"""How much collateral becomes liquidatable at each ETH price, over many positions; long and short apart.

Amounts are exact integers at the protocols' own present prices: USD with 8 decimals. A price here is the
ETH price of every protocol at once. A position read just now answers with its protocol's own test; a
stored one by the liquidation price that this test gave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Any, NamedTuple

from monitor.domain import BlockRef
from monitor.lending.outcome import (
    AlreadyLiquidatable,
    LiquidatableAbove,
    LiquidatableBelow,
    Range,
)
from monitor.lending.position import Position, Seen, Unseen
from monitor.readings.positions import PROTOCOLS
from monitor.reports.whatif import TICK_DECIMALS, liquidatable_at, outside, scaled
from monitor.store import ledger, positions
from monitor.store.database import Database
from monitor.store.positions import StoredPosition
from monitor.units import TICKS_PER_USD, Tick

WIDTH = (40, 200)
"""Of the price now, in per cent: what a ladder covers."""
STEPS = 40
"""A rung is about this part of the price."""


class Entry(NamedTuple):
    """One position that some ETH price liquidates."""

    protocol: str
    short: bool
    """Liquidated by a rising price."""
    collateral: int | None
    """None where the protocol has no USD price."""
    debt: int | None
    liquidatable: Callable[[int], bool]
    """At an ETH price, as a tick (8 decimals)."""


class Pile(NamedTuple):
    """What is liquidatable together."""

    positions: int = 0
    unpriced: int = 0
    """Of these, how many have no value in USD and are missing from the sums."""
    collateral: int = 0
    debt: int = 0

    def plus(self, entry: Entry) -> Pile:
        """With one more."""
        unpriced = entry.collateral is None or entry.debt is None
        return Pile(
            self.positions + 1,
            self.unpriced + unpriced,
            self.collateral + (entry.collateral or 0),
            self.debt + (entry.debt or 0),
        )


@dataclass(frozen=True, slots=True)
class Rung:
    """What is liquidatable with ETH at `tick`, by protocol."""

    tick: Tick
    longs: Mapping[str, Pile]
    shorts: Mapping[str, Pile]


@dataclass(frozen=True, slots=True)
class LadderView:
    """All positions of one block, ready to be asked at any price."""

    at: BlockRef | None
    """None where its hash is no longer kept."""
    block: int
    price: Tick
    """The ETH price now: the middle one of the protocols' own."""
    entries: Sequence[Entry]
    left_out: Mapping[str, int]
    """Positions that are not on the ladder, by cause."""

    @property
    def protocols(self) -> list[str]:
        """Names, largest collateral first."""
        size = Counter[str]()
        for entry in self.entries:
            size[entry.protocol] += entry.collateral or 0
        return [name for name, _ in size.most_common()]

    def rung(self, tick: int) -> Rung:
        """The ladder at one price."""
        sides: tuple[dict[str, Pile], dict[str, Pile]] = ({}, {})
        for entry in self.entries:
            if entry.liquidatable(tick):
                side = sides[entry.short]
                side[entry.protocol] = side.get(entry.protocol, Pile()).plus(entry)
        return Rung(Tick(tick), *sides)

    def rungs(self, step: int | None = None) -> list[Rung]:
        """Over `WIDTH` of the price, at round prices `step` apart (in ticks)."""
        step = step or nice_step(self.price)
        first, last = -(-self.price * WIDTH[0] // 100 // step), self.price * WIDTH[1] // 100 // step
        return [self.rung(index * step) for index in range(max(1, first), last + 1)]


def stored_ladder(db: Database) -> LadderView:
    """Over what the daemon saw last."""
    with db.snapshot():
        rows = positions.current(db)
        at = ledger.recent_ref(db, rows[0].block_number) if rows else None
    left = Counter[str]()
    entries = [entry for row in rows for entry in _stored_entry(row, left)]
    prices = [
        _to_tick(int(row.price), row.price_decimals) for row in rows if row.price and row.price_decimals
    ]
    return _view(at, rows[0].block_number if rows else 0, prices, entries, left)


def live_ladder(at: BlockRef, seen: Iterable[Seen]) -> LadderView:
    """Over positions that were just read."""
    listed, left = list(seen), Counter[str]()
    entries = [entry for one in listed for entry in _live_entry(one, left)]
    prices = [
        _to_tick(one.price.answer, one.price.decimals)
        for one in listed
        if isinstance(one, Position) and not one.price.of_token
    ]
    return _view(at, at.number, prices, entries, left)


def nice_step(price: int) -> int:
    """1, 2 or 5 times a power of ten, in ticks, near a part of `STEPS` of the price; at least a cent."""
    wanted = max(TICKS_PER_USD // 100, price // STEPS)
    power = 10 ** (len(str(wanted)) - 1)
    return next(times * power for times in (1, 2, 5, 10) if times * power >= wanted)


def _view(
    at: BlockRef | None, block: int, prices: Sequence[int], entries: Sequence[Entry], left: Counter[str]
) -> LadderView:
    known = [price for price in prices if price > 0]
    return LadderView(at, block, Tick(median_low(known) if known else 0), entries, dict(left))


def _to_tick(price: int, decimals: int) -> int:
    return price * 10**TICK_DECIMALS // 10**decimals


def _stored_entry(row: StoredPosition, left: Counter[str]) -> Iterator[Entry]:
    outcome: dict[str, Any] = row.detail.get("outcome", {})
    test = _stored_test(row.outcome, outcome)
    if test is None:
        left[_why_not(row.outcome, row.cause or str(outcome.get("reason", "")))] += 1
        return
    legs = row.detail.get("collaterals", [])
    short = row.outcome == "above" or (
        row.outcome == "already" and not any(leg["follows_eth"] for leg in legs)
    )
    yield Entry(
        PROTOCOLS.get(row.protocol, row.protocol),
        short,
        _number(row.collateral_value),
        _number(row.debt_value),
        test,
    )


def _stored_test(kind: str, outcome: Mapping[str, Any]) -> Callable[[int], bool] | None:
    numbers = {
        name: int(outcome[name])
        for name in ("tick", "other_side", "lowest", "highest", "upper")
        if outcome.get(name) is not None
    }
    unit = int(outcome.get("decimals", TICK_DECIMALS))
    match kind:
        case "below":
            test = outside(numbers["tick"], numbers.get("other_side"))
        case "above":
            test = outside(numbers.get("other_side"), numbers["tick"])
        case "already":
            low, high = numbers["lowest"], numbers["highest"]
            return lambda tick: low <= scaled(tick, unit) <= high
        case "range":
            test = outside(numbers["upper"], None)
        case _:
            return None
    return lambda tick: test(scaled(tick, unit))


def _live_entry(one: Seen, left: Counter[str]) -> Iterator[Entry]:
    if isinstance(one, Unseen):
        left[_why_not("unseen", one.cause)] += 1
        return
    outcome = one.outcome
    if not isinstance(outcome, LiquidatableBelow | LiquidatableAbove | AlreadyLiquidatable | Range):
        kind = "insensitive" if type(outcome).__name__ == "Insensitive" else "never"
        left[_why_not(kind, str(getattr(outcome, "reason", "")))] += 1
        return
    follows = any(leg.follows_eth for leg in one.collaterals)
    short = isinstance(outcome, LiquidatableAbove) or (
        isinstance(outcome, AlreadyLiquidatable) and not follows
    )
    name, test, decimals = (
        PROTOCOLS.get(one.key.protocol, one.key.protocol),
        liquidatable_at(one),
        one.price.decimals,
    )

    def at(tick: int) -> bool:
        return test(scaled(tick, decimals))

    yield Entry(name, short, one.collateral_value, one.debt_value, at)


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _why_not(kind: str, cause: str) -> str:
    if kind == "insensitive":
        return "collateral and debt both follow ETH"
    return f"cannot see: {cause}" if kind == "unseen" else f"no ETH price liquidates: {cause}"
