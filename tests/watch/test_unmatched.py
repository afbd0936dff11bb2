"""A rule that found nothing to look at is named once, and never one that found something."""

from __future__ import annotations

from decimal import Decimal

from alerts.model import BlockStamp, Reading
from monitor.watch.unmatched import PATIENCE_S, Unmatched
from monitor.watchlist import parse_watchlist

RULES = parse_watchlist(
    {
        "rule": [
            {"name": "typo", "reading": "price.usd", "feed": "ETH-USD", "below": 2000},
            {"name": "right", "reading": "price.usd", "feed": "ETH/USD", "below": 2000},
            {"name": "events come when they come", "reading": "wallet.transfer", "above": 1},
        ]
    }
).rules
AT = BlockStamp(1, "0x1", 1_000)
PRICE = Reading("price.usd", "feed:ETH/USD", "ETH/USD", Decimal(2100), AT, {"feed": "ETH/USD"})


def test_what_was_never_seen_is_told_once_when_the_patience_is_over() -> None:
    unmatched = Unmatched()
    assert unmatched.look(RULES, [PRICE], 1_000) is None
    assert unmatched.look(RULES, [], 1_000 + PATIENCE_S - 1) is None
    message = unmatched.look(RULES, [], 1_000 + PATIENCE_S)
    assert message is not None
    assert message.title == "1 rule has nothing to look at"
    assert message.lead.startswith("typo. ")
    assert unmatched.look(RULES, [], 10**9) is None
    unmatched.restart()
    assert unmatched.look(RULES, [], 10**9) is None, "another list has time of its own"


def test_nothing_is_told_where_every_rule_found_something() -> None:
    unmatched = Unmatched()
    both = (PRICE, Reading("price.usd", "x", "x", Decimal(1), AT, {"feed": "ETH-USD"}))
    assert unmatched.look(RULES, both, 0) is None
    assert unmatched.look(RULES, [], PATIENCE_S) is None
