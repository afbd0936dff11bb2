"""`ethmon ladder`: tables from the database, and a file of addresses read from a real market."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.support.commands import ethmon
from tests.support.databases import new_database
from tests.support.localnet import AaveNet
from tests.support.position_rows import LIMIT, save_track, whale


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ethmon.db"
    with new_database(path) as db:
        save_track(db, name="Whale", prices=[2_000, 1_990])
    return path


def test_every_shape_has_the_exact_amounts(path: Path) -> None:
    told = json.loads(ethmon(path.parent, "ladder", "--step", "10", "--json").stdout)
    collateral = f"{(whale(1_990).collateral_value or 0) / 10**8:.0f}"
    below = [rung for rung in told["rungs"] if rung["long"]]
    assert max(float(rung["price_usd"]) for rung in below) == LIMIT // 10**9 * 10
    assert {rung["long"]["Aave v3"]["collateral_usd"] for rung in below} == {collateral}
    assert told["price_usd"] == "1990"
    rows = list(csv.DictReader(io.StringIO(ethmon(path.parent, "ladder", "--step", "10", "--csv").stdout)))
    assert len(rows) == len(below)
    assert {row["collateral_usd"] for row in rows} == {collateral}
    table = ethmon(path.parent, "ladder").stdout
    assert "ETH now: $1,990.00" in table
    assert table.count("Aave v3") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--step", "nan"], "is no number of USD"),
        (["--step", "inf"], "is no number of USD"),
        (["--step", "0.01"], "makes more than 10,000 rungs"),
        (["--file", "bad.txt"], "--file bad.txt, line 2: is not an Ethereum address."),
        (["--live"], "Nothing is watched"),
    ],
)
def test_wrong_use_is_one_line(path: Path, arguments: list[str], words: str) -> None:
    (path.parent / "bad.txt").write_text("# accounts\n0x12\n")
    done = ethmon(path.parent, "ladder", *arguments, ETH_RPC_URLS="http://127.0.0.1:1")
    assert done.returncode in {1, 2}
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.localnet
def test_a_file_of_addresses_is_read_from_the_node(aave_v30_net: AaveNet, tmp_path: Path) -> None:
    """The whale of the local market falls at $1,780, the short at $3,100; the loop is not on the ladder."""
    cast = aave_v30_net.cast
    (tmp_path / "who.txt").write_text(f"{cast.whale}  # long\n\n{cast.short}\n{cast.loop}\n{cast.whale}\n")
    done = ethmon(
        tmp_path, "ladder", "--file", "who.txt", "--step", "40", "--json", ETH_RPC_URLS=aave_v30_net.anvil.url
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    longs = [float(rung["price_usd"]) for rung in told["rungs"] if rung["long"]]
    shorts = [float(rung["price_usd"]) for rung in told["rungs"] if rung["short"]]
    assert max(longs) == 1_760
    assert min(shorts) == 3_120
    assert {pile["positions"] for rung in told["rungs"] for pile in rung["long"].values()} == {1}
    assert told["left_out"] == {"collateral and debt both follow ETH": 1}
