"""Deployments of the user's own: what the file may say, and the whole way from a node to the command line."""

from __future__ import annotations

import json
import tomllib

import pytest

from monitor.adapters import adapters_for
from monitor.errors import ConfigError
from monitor.localnet.control import ControlError
from monitor.protocols.feed_stub import constant_feed
from monitor.protocols.own import parse_own
from monitor.units import Address
from tests.support.commands import ethmon
from tests.support.morpho_books import MARKETS, random_accounts

A, B = "0x" + "Aa" * 20, "0x" + "bB" * 20
SKY = "\n".join(
    f'{part} = "{A}"'
    for part in (
        "vat", "spot", "jug", "dog", "cdp_manager", "get_cdps", "proxy_registry", "ilk_registry", "stablecoin", "eth_osm",
    )
)  # fmt: skip
FULL = f"""
[[aave_v2]]
chain_id = 5
market = "Old"
pool = "{A}"
[[aave_v3]]
chain_id = 5
market = "Fork"
pool = "{A}"
weth = "{B}"
[[aave_v4]]
chain_id = 5
name = "Main"
address = "{A}"
[[morpho_blue]]
chain_id = 5
morpho = "{A}"
first_block = 7
eth_tokens = ["{B}"]
markets = ["0x{"12" * 32}"]
pre_liquidation_factory = "{B}"
eth_feeds = ["{A}"]
[[sky]]
chain_id = 5
{SKY}
ratio_osms = {{ "{A}" = "{B}" }}
ilks = ["ETH-A"]
[[compound_v3]]
chain_id = 5
name = "cUSDCv3"
comet = "{A}"
[[liquity_v1]]
chain_id = 5
trove_manager = "{A}"
lusd = "{B}"
[[liquity_v2]]
chain_id = 5
name = "WETH"
registry = "{A}"
bold = "{B}"
[[crvusd]]
chain_id = 5
name = "wstETH"
controller = "{A}"
stablecoin = "{B}"
ratio_token = "{A}"
[[euler_v2]]
chain_id = 5
evc = "{A}"
[[eth_feeds]]
chain_id = 5
addresses = ["{A}"]
[[eth_tokens]]
chain_id = 5
addresses = ["{B}"]
"""


def test_every_protocol_can_be_named(tmp_path):
    own = parse_own(tomllib.loads(FULL), 5)
    assert own.morpho_blue[0].markets == (bytes.fromhex("12" * 32),)
    assert own.sky[0].ratio_osms == {Address(A.lower()): Address(B.lower())}
    assert own.eth_feeds == {Address(A.lower())}
    path = tmp_path / "deployments.toml"
    path.write_text(FULL)
    keys = [adapter.key for adapter in adapters_for(5, path)]
    assert sorted(keys) == sorted(
        [
            "aave_v2",
            "aave_v3",
            "aave_v4",
            "morpho_blue",
            "sky",
            "compound_v3",
            "liquity_v1",
            "liquity_v2",
            "crvusd",
            "euler_v2",
        ]
    )
    assert adapters_for(6, path) == []


def test_mainnet_knows_all_protocols_without_a_file():
    keys = {adapter.key for adapter in adapters_for(1)}
    assert len(keys) == len(adapters_for(1)) == 11


def test_the_users_own_stand_beside_ours_or_replace_them(tmp_path):
    path = tmp_path / "deployments.toml"
    path.write_text(FULL.replace("chain_id = 5", "chain_id = 1"))
    assert len({adapter.key for adapter in adapters_for(1, path)}) == len(adapters_for(1, path)) == 11


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[[aave_v9]]\nchain_id = 1", "aave_v9"),
        (f'[[crvusd]]\nchain_id = 1\nname = "x"\ncontroler = "{A}"', "controler"),
        (f'[[euler_v2]]\nevc = "{A}"', "chain_id"),
        ("[[euler_v2]]\nchain_id = 1", "evc"),
        ('[[euler_v2]]\nchain_id = 1\nevc = "0x12"', "evc"),
        (f'[euler_v2]\nchain_id = 1\nevc = "{A}"', "euler_v2"),
        (f'[[compound_v3]]\nchain_id = -1\nname = "x"\ncomet = "{A}"', "chain_id"),
        (f'[[compound_v3]]\nchain_id = 1\nname = "\\u001b[31m"\ncomet = "{A}"', "name"),
    ],
)
def test_what_is_wrong_is_named(text, named):
    with pytest.raises(ConfigError, match=named):
        parse_own(tomllib.loads(text), 1)


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"[[aave_v3"])
def test_a_file_that_cannot_be_read_names_the_setting(tmp_path, content):
    path = tmp_path / "deployments.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="ETHMON_DEPLOYMENTS"):
        adapters_for(1, path)


@pytest.mark.localnet
def test_the_command_line_gives_what_morphos_bytecode_confirms(morpho_net, tmp_path):
    """210 random accounts of a deployment that only the user's file names: node, adapter, JSON, contract."""
    accounts = random_accounts(morpho_net, 210, seed=23)
    morpho_net.set_price(2_345_67890123)
    ids = ", ".join(f'"{getattr(morpho_net, name).id}"' for name in MARKETS)
    (tmp_path / "own.toml").write_text(
        f'''[[morpho_blue]]
chain_id = 1337
morpho = "{morpho_net.morpho.address}"
first_block = 0
eth_tokens = ["{morpho_net.tokens["WETH"].address}"]
markets = [{ids}]
'''
    )
    done = ethmon(
        tmp_path,
        "positions",
        *accounts,
        "--json",
        ETH_RPC_URLS=morpho_net.anvil.url,
        ETHMON_DEPLOYMENTS="own.toml",
    )
    assert done.returncode == 0, done.stderr
    rows = [row for row in json.loads(done.stdout)["positions"] if row["protocol"] == "morpho_blue"]
    assert len(rows) == len(accounts)
    priced = [row for row in rows if row["outcome"] in ("below", "above")]
    assert len(priced) > 60
    for row in priced:
        assert row["proof"] == "proved", row
        confirm(morpho_net, row)


def confirm(net, row):
    """Asked by the test itself: `liquidate` at the tick and one tick on the safe side."""
    tick = int(row["liquidation_price"])
    safe = tick + (1 if row["outcome"] == "below" else -1)
    market = next(getattr(net, name) for name in MARKETS if getattr(net, name).id == row["position_id"])
    data = net.morpho.data("liquidate", market.params, row["account"], 0, 1, b"")
    for price, healthy in ((tick, False), (safe, True)):
        stub = {net.feeds["ETH"].address: {"code": "0x" + constant_feed(price).hex()}}
        with pytest.raises(ControlError) as refused:
            net.anvil.control.call("eth_call", {"to": net.morpho.address, "data": data}, "latest", stub)
        assert ("position is healthy" in str(refused.value)) == healthy
