"""A published level: near, reached, and gone through."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.model import BlockStamp
from monitor.domain import FeedPrice
from monitor.errors import ConfigError
from monitor.readings.reported import level_reading
from monitor.units import Address, UnixTime
from monitor.watchlist import parse_watchlist

AT = BlockStamp(1, "0x1", 1_000)
LEVEL = 1_780 * 10**8


def distance(price_usd: int, side: str) -> Decimal:
    feed = FeedPrice("ETH/USD", Address("0x" + "1" * 40), price_usd * 10**8, 8, UnixTime(990))
    value = level_reading("press", LEVEL, "", feed, AT, side).value
    assert isinstance(value, Decimal)
    return value


@pytest.mark.parametrize(
    ("side", "price", "expected"),
    [
        ("below", 1_978, "10.0"), ("below", 1_780, "0"), ("below", 1_424, "0"),
        ("above", 1_424, "25"), ("above", 1_780, "0"), ("above", 1_978, "0"),
        ("", 1_424, "25"), ("", 1_780, "0"),
    ],
)  # fmt: skip
def test_a_level_that_was_gone_through_is_not_left_behind(side: str, price: int, expected: str) -> None:
    """A price far below a long's level must not read as a recovery."""
    assert round(distance(price, side), 1) == Decimal(expected)


def test_the_message_says_on_which_side_the_level_is() -> None:
    for price, where in ((1_978, "$198.00 below the price"), (1_424, "$356.00 above the price")):
        feed = FeedPrice("ETH/USD", Address("0x" + "1" * 40), price * 10**8, 8, UnixTime(990))
        assert where in level_reading("press", LEVEL, "", feed, AT, "below").facts[0].text


def test_a_side_is_one_of_two() -> None:
    level = {"name": "a", "price_usd": 1780, "alert_at": "10%"}
    (found,) = parse_watchlist({"level": [{**level, "side": "below"}]}).levels
    assert found.side == "below"
    with pytest.raises(ConfigError, match="side"):
        parse_watchlist({"level": [{**level, "side": "long"}]})
