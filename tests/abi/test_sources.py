"""Every interface file says where it is from, is used, and says what it says only once."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import contracts_abi
from contracts_abi.interface import interface

FOLDER = Path(contracts_abi.__file__).parent
FILES = sorted(FOLDER.glob("*.json"))


def test_every_file_is_listed_in_the_sources() -> None:
    listed = set(re.findall(r"`([a-z0-9_]+\.json)`", (FOLDER / "SOURCES.md").read_text()))
    missing = {file.name for file in FILES} - listed
    assert missing == set()


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_a_file_is_an_interface_without_doubles(file: Path) -> None:
    entries = json.loads(file.read_text())
    names = [(entry["type"], entry["name"]) for entry in entries]
    assert len(set(names)) == len(names)
    known = interface(file.stem)
    for function in known:
        assert len(function.selector) == 4
    for event in known.events.values():
        assert len(event.topic) == 32


@pytest.mark.parametrize(
    ("name", "function", "selector"),
    [
        ("aave_v3", "getUserAccountData", "bf92857c"),
        ("chainlink", "latestRoundData", "feaf968c"),
        ("chainlink", "latestAnswer", "50d25bcd"),
        ("chainlink", "getRoundData", "9a6fc8f5"),
        ("chainlink", "latestRound", "668a0f02"),
        ("chainlink", "phaseAggregators", "c1597304"),
        ("multicall3", "aggregate3", "82ad56cb"),
        ("erc20", "balanceOf", "70a08231"),
    ],
)
def test_selectors_known_from_elsewhere(name: str, function: str, selector: str) -> None:
    assert interface(name)[function].selector.hex() == selector


def test_the_topic_of_a_liquidation_known_from_elsewhere() -> None:
    topic = interface("aave_v3").events["LiquidationCall"].topic
    assert topic.hex() == "e413a321e8681d831f4dbccbca790d2952b56f977908e45be37335533e005286"
