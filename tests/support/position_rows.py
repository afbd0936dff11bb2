"""Rows of a position's history in a real database, without a chain to read them from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitor.lending.outcome import AlreadyLiquidatable, Cluster, LiquidatableBelow, Outcome
from monitor.lending.position import Leg, Position, PositionKey, ProtocolPrice, Seen
from monitor.store import positions
from monitor.store.database import Database
from monitor.units import TICKS_PER_USD, WAD, Address, Wad
from tests.support.databases import ref

ACCOUNT = Address("0x" + "ab" * 20)
KEY = PositionKey("aave_v3", "Core", ACCOUNT)
LIMIT = 1_780 * TICKS_PER_USD + 3
"""Where the made-up whale is liquidated."""


def whale(price_usd: int, key: PositionKey = KEY, limit: int = LIMIT, eth: int = 60_000) -> Position:
    """60,000 WETH against 88 M USDT."""
    price = price_usd * TICKS_PER_USD
    weth = Leg(Address("0x" + "01" * 20), "WETH", eth * WAD, 18, eth * price, follows_eth=True)
    usdt = Leg(
        Address("0x" + "02" * 20), "USDT", 88_644_000 * 10**6, 6, 88_644_000 * 10**8, follows_eth=False
    )
    return Position(
        key,
        (weth,),
        (usdt,),
        weth.value,
        usdt.value,
        Wad(price * WAD // limit),
        ProtocolPrice(price),
        below(price, limit),
    )


def below(price: int, limit: int) -> Outcome:
    """What a long is at a price."""
    if price <= limit:
        return AlreadyLiquidatable(1, limit)
    return LiquidatableBelow(limit, Cluster(limit, limit, single=True))


def save_track(
    db: Database,
    *,
    name: str,
    prices: Iterable[int],
    every: int = 25,
    key: PositionKey = KEY,
    skip: Sequence[int] = (),
) -> None:
    """A row each `every` blocks of 12 s from block 1 on; `skip` are rows that are left out. The last is also "now"."""
    names, last = {key.account: name}, None
    for index, price in enumerate(prices):
        at = ref(1 + every * index)
        seen: list[Seen] = [whale(price, key)]
        last = (at, seen)
        if index not in skip:
            positions.save_history(db, at, seen, names)
    if last is not None:
        positions.save_now(db, *last, names)
