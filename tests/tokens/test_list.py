"""The shipped list and the user's own: addresses that pass their checksum, names that mean one token."""

from __future__ import annotations

import tomllib

import pytest
from eth_utils.address import to_checksum_address

from monitor.errors import ConfigError
from monitor.protocols.token_list import CHECKSUMMED, SHIPPED
from monitor.watchlist import Watchlist, parse_watchlist

USDT = "0xdAC17F958D2ee523a2206206994597C13D831ec7"


def watchlist(text: str) -> Watchlist:
    return parse_watchlist(tomllib.loads(text))


@pytest.mark.parametrize("address", CHECKSUMMED)
def test_a_shipped_address_passes_its_checksum(address: str) -> None:
    assert to_checksum_address(address) == address


def test_names_and_addresses_of_the_list_are_told_apart_and_have_a_source() -> None:
    for tokens in SHIPPED.values():
        assert len({one.name.lower() for one in tokens}) == len(tokens)
        assert len({one.address for one in tokens}) == len(tokens)
        assert all(one.source and one.kind for one in tokens)


def test_the_list_holds_on_its_own_chain_alone_and_can_be_left_out() -> None:
    assert len(Watchlist().tokens_on(1)) == len(SHIPPED[1])
    assert Watchlist().tokens_on(1337) == ()
    assert Watchlist().tokens_on(1, "listed") == ()


def test_the_setting_decides_which_are_read() -> None:
    found = watchlist('[[token]]\nname = "USDT"\n')
    counts = [len(found.tokens_on(1, which)) for which in ("all", "listed", "off")]
    assert counts == [len(SHIPPED[1]), 1, 0]


def test_a_shipped_token_needs_no_address_and_its_entry_wins() -> None:
    found = watchlist(
        '[[token]]\nname = "USDT"\nalert_at_change = ["1%", "3%"]\nwindow = "6h"\nkind = "mine"\n'
    )
    (one,) = [token for token in found.tokens_on(1) if token.name == "USDT"]
    assert (one.address, one.kind, one.denomination) == (USDT.lower(), "mine", "USD")
    assert len(found.tokens_on(1)) == len(SHIPPED[1])
    assert found.tokens_on(1337) == (), "its address is of mainnet"
    rule = next(rule for rule in found.rules if rule.spec.key == "token.supply_move")
    assert (rule.window_s, rule.select, [int(level.threshold) for level in rule.levels]) == (
        6 * 3_600,
        {"token": "USDT"},
        [1, 3],
    )


def test_an_address_of_the_users_own_replaces_name_and_address() -> None:
    found = watchlist(f'[[token]]\nname = "Tether"\naddress = "{USDT}"\n').tokens_on(1)
    assert [one.name for one in found if one.address == USDT.lower()] == ["Tether"]
    other = "0x" + "12" * 20
    found = watchlist(f'[[token]]\nname = "USDT"\naddress = "{other}"\n').tokens_on(1)
    assert [one.address for one in found if one.name == "USDT"] == [other]
    assert [one.denomination for one in found if one.name == "USDT"] == [""], (
        "nothing is taken from the other"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "NOPE"', "address"),
        (f'name = "X"\naddress = "{USDT[:-1]}8"', "address"),
        (f'name = "X"\naddress = "{USDT}"\nkind = ""', "kind"),
        (f'name = "X"\naddress = "{USDT}"\ndenomination = "a\\u0007"', "denomination"),
        (f'name = "X"\naddress = "{USDT}"\nalert_at = "1%"', "alert_at_change"),
        ('name = "USDT"\n[[token]]\nname = "USDT"', "twice"),
        (f'name = "USDT"\n[[token]]\nname = "X"\naddress = "{USDT}"', "twice"),
        ('name = "USDT"\nalert_at_change = "1%"\nwindow = "soon"', "window"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        watchlist(f"[[token]]\n{text}\n")
