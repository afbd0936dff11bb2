"""Which feed is ETH/USD, and what is shown of a token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts_abi import chainlink, erc20
from contracts_abi.interface import encode_values
from monitor.errors import CannotSee
from monitor.protocols.feeds import follows_eth, is_eth_usd, read_feeds
from monitor.protocols.tokens import LONGEST_SYMBOL, TokenBook, printable
from tests.support.contracts import Contracts, address_of


@pytest.mark.parametrize(
    ("description", "is_eth", "follows"),
    [
        ("ETH / USD", True, True),
        ("ETH/USD", True, True),
        ("Aave SVR: ETH / USD", True, True),
        ("ETH / USD SVR", True, True),
        ("STETH / USD", False, True),
        ("weETH/USD", False, True),
        ("Calculated wstETH / USD", False, True),
        ("ETH / USDC", False, False),
        ("STETH / ETH", False, False),
        ("BTC / USD", False, False),
        ("USDC / USD", False, False),
        ("wstETH/stETH exchange rate", False, False),
        ("", False, False),
    ],
)
def test_feeds_are_told_apart_by_their_own_names(description, is_eth, follows):
    assert is_eth_usd(description) == is_eth
    assert (is_eth_usd(description) or follows_eth(description)) == follows


def test_a_feed_that_refuses_one_thing_is_cannot_see():
    contracts, feed = Contracts(), address_of("feed")
    for call, values in ((chainlink.LATEST_ROUND_DATA, (1, 5, 0, 2**255, 1)), (chainlink.DECIMALS, (8,))):
        contracts.say(feed, call, *values)
    (answer,) = contracts.run(read_feeds([feed])).values()
    assert (answer.answer, answer.updated_at, answer.description) == (5, None, "")
    contracts.revert(feed, chainlink.DECIMALS)
    assert isinstance(contracts.run(read_feeds([feed]))[feed], CannotSee)
    contracts.said[feed, chainlink.DECIMALS.encode()] = (256).to_bytes(32)
    assert isinstance(contracts.run(read_feeds([feed]))[feed], CannotSee)


@pytest.mark.parametrize(
    ("symbol", "shown"),
    [
        (encode_values(["string"], ["WETH"]), "WETH"),
        (b"MKR".ljust(32, b"\0"), "MKR"),
        (encode_values(["string"], ["\u202eHTE\x1b[2J\n"]), "HTE[2J"),
        (encode_values(["string"], [""]), "?"),
        (b"\xff" * 96, "?"),
        (b"\xff" * 32, "?"),
    ],
)
def test_symbols_are_shown_safely(symbol, shown):
    contracts, token = Contracts(), address_of("token")
    contracts.say(token, erc20.DECIMALS, 18)
    contracts.said[token, erc20.SYMBOL.encode()] = symbol
    assert contracts.run(TokenBook().read([token]))[token].symbol == shown


@pytest.mark.parametrize(("decimals", "kept"), [(0, True), (36, True), (77, True), (78, False), (255, False)])
def test_odd_decimals(decimals, kept):
    contracts, token = Contracts(), address_of("token")
    contracts.say(token, erc20.DECIMALS, decimals)
    found = contracts.run(TokenBook().read([token]))[token]
    assert isinstance(found, CannotSee) != kept
    if kept:
        assert (found.symbol, found.decimals) == ("?", decimals)


def test_a_token_is_read_once():
    contracts, token, book = Contracts(), address_of("token"), TokenBook()
    contracts.say(token, erc20.DECIMALS, 6)
    for _ in range(3):
        contracts.run(book.read([token, token]))
    assert contracts.rounds == 1


@given(st.text())
def test_whatever_a_symbol_is_it_prints_on_one_short_line(text):
    shown = printable(text)
    assert 1 <= len(shown) <= LONGEST_SYMBOL
    assert shown.isascii()
    assert shown.isprintable()
