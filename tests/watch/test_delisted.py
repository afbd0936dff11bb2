"""What was taken off the watchlist ends once, on real SQLite; what is still listed is left alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from alerts.model import BlockStamp, Reading
from monitor.domain import FeedPrice, ListedToken
from monitor.macro.correlation import Correlation
from monitor.readings.correlation import correlation_reading
from monitor.readings.happenings import balance_readings
from monitor.readings.money import supply_readings
from monitor.readings.reported import holding_readings, level_reading
from monitor.store import backlog, incidents
from monitor.store.database import Database
from monitor.units import Address
from monitor.watch.delisted import delisted_readings
from monitor.watchlist import parse_watchlist
from tests.support.databases import new_database

A, B = (Address("0x" + digit * 40) for digit in "ab")
USDX = ListedToken("USDX", A, "stablecoin", "USD", "")
EURX = ListedToken("EURX", B, "stablecoin", "EUR", "")
FEED = FeedPrice("ETH/USD", A, 2_000 * 10**8, 8, None)
AT = BlockStamp(7, "0x" + "7" * 64, 1_770_000_000)
NEXT = BlockStamp(8, "0x" + "8" * 64, 1_770_000_012)
RULES: list[dict[str, Any]] = [
    {"name": "level", "reading": "level.distance", "below": "200%"},
    {"name": "loss", "reading": "holding.loss", "above": 1},
    {"name": "balance", "reading": "wallet.balance", "below": 10},
    {"name": "token", "reading": "token.supply", "below": 10**9},
    {"name": "kind", "reading": "token.supply", "kind": "stablecoin", "below": 10**9},
    {"name": "money", "reading": "money.supply", "below": 10**9},
    {"name": "other", "reading": "price.correlation", "below": 0.9},
    {"name": "gold", "reading": "price.correlation", "below": 0.9, "with": "XAU/USD"},
    {"name": "fee", "reading": "price.usd", "below": 10**6},
]
WALLETS = [{"name": "one", "address": A}, {"name": "two", "address": B}]
LEVELS = [{"name": name, "price_usd": 1780, "source": "press"} for name in ("one", "two")]
HOLDINGS = [{"name": name, "eth": 100, "cost_usd": 3_000, "source": "press"} for name in ("one", "two")]


def readings(at: BlockStamp) -> Iterator[Reading]:
    for name in ("one", "two"):
        yield level_reading(name, 1780 * 10**8, "press", FEED, at)
        yield from holding_readings(name, 100 * 10**18, (3_000 * 10**8,) * 2, "press", FEED, at)
    yield from balance_readings({A: 10**18, B: 10**18}, {}, {A: "one", B: "two"}, at)
    yield from supply_readings([USDX, EURX], {A: Decimal(5), B: Decimal(5)}, at)
    for name in ("Nasdaq", "Mine: 2", "XAU/USD"):
        yield correlation_reading(name, 30 * 86_400, Correlation(1, 0.1, 0.0, 0.2, 30, ""), at, "")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """Everything of both names is open."""
    with new_database(tmp_path / "ethmon.db") as made:
        decide(made, readings(AT), AT)
        yield made


def decide(db: Database, found: Iterable[Reading], at: BlockStamp) -> list[str]:
    rules = parse_watchlist({"rule": RULES}).rules
    told = incidents.decide(db, rules, list(found), at=at, channels=["console"], now_wall=at.time)
    return [line for message in told for line in (message.title, *(item.title for item in message.items))]


def is_open(db: Database) -> set[tuple[str, str]]:
    return {(row.rule, row.name) for row in incidents.list_open(db)}


def ended(db: Database, number: int, tokens: Sequence[ListedToken], series: Iterable[str]) -> list[Reading]:
    """With the first `number` of everything still listed."""
    left = parse_watchlist(
        {"rule": RULES, "wallet": WALLETS[:number], "level": LEVELS[:number], "holding": HOLDINGS[:number]}
    )
    return list(delisted_readings(db, left, tokens, series, NEXT))


def test_nothing_ends_while_everything_is_listed(db: Database) -> None:
    assert len(is_open(db)) == 16
    assert ended(db, 2, [USDX, EURX], ["Nasdaq", "Mine: 2", "XAU/USD"]) == []


def test_what_was_taken_off_ends_once_and_the_others_stay(db: Database) -> None:
    before = is_open(db)
    told = decide(db, ended(db, 1, [USDX], ["Nasdaq"]), NEXT)
    assert before - is_open(db) == {
        ("level", "two"), ("loss", "two"), ("balance", "two"), ("token", "EURX"), ("kind", "EURX"),
        ("money", "All stablecoin supply in EUR"), ("other", "ETH with Mine: 2 over 30 days"),
        ("other", "ETH with XAU/USD over 30 days"),
    }  # fmt: skip
    assert ("gold", "ETH with XAU/USD over 30 days") in is_open(db), "its rule still names it"
    assert any(line == "EURX: over, it is not watched any more" for line in told)
    assert ended(db, 1, [USDX], ["Nasdaq"]) == [], "it is over, and is not said again"
    queued = sum(backlog.counts(db).values())
    assert decide(db, ended(db, 1, [USDX], ["Nasdaq"]), NEXT) == []
    assert sum(backlog.counts(db).values()) == queued


def test_what_nobody_lists_is_not_ended(db: Database) -> None:
    """A feed is there by itself."""
    decide(db, [Reading("price.usd", "feed:ETH/USD", "ETH/USD", Decimal(2_000), AT, {"feed": "ETH/USD"})], AT)
    decide(db, ended(db, 0, [], []), NEXT)
    assert is_open(db) == {("gold", "ETH with XAU/USD over 30 days"), ("fee", "ETH/USD")}
