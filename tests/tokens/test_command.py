"""docs/tokens.md as a user follows it: table, JSON, CSV, chart, SQL and Python say what is stored."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from monitor import History
from monitor.domain import ListedToken, TokenSupply
from monitor.protocols.token_list import SHIPPED
from monitor.reports.charts.money import money
from monitor.reports.charts.style import Look
from monitor.reports.token_series import token_track
from monitor.store import ledger, query, tokens
from monitor.units import Address, UnixTime
from monitor.watchlist import parse_watchlist
from tests.support.commands import ROOT, ethmon
from tests.support.databases import chain, new_database, ref

PAGE = (ROOT / "docs" / "tokens.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
LISTED = SHIPPED[1][:4]
"""USDT, USDC, DAI and USDS."""
DAY = 7_200
HEAD = DAY + 600
LARGE = 2**200 + 1


def supply(number: int) -> dict[str, TokenSupply | str]:
    """USDT grows by a tenth of a per cent an hour, USDC shrinks at last, DAI is not seen, USDS is huge."""
    usdt, usdc, dai, usds = (one.address for one in LISTED)
    return {
        usdt: TokenSupply(10**17 + number // 300 * 10**14, 6, "USDT"),
        usdc: TokenSupply(5 * 10**16 - (10**16 if number > DAY else 0), 6, "USD Coin \u202e"),
        dai: "supply of token: it reverts",
        usds: TokenSupply(LARGE, 18, "USDS"),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day and two hours of blocks, an answer every ten minutes."""
    folder = tmp_path_factory.mktemp("tokens")
    with new_database(folder / "ethmon.db") as db:
        ledger.append(db, chain(0, HEAD), UnixTime(1_800_000_000))
        for number in range(0, HEAD + 1, 50):
            tokens.save(db, ref(number), LISTED, supply(number))  # type: ignore[arg-type]
    return folder


def test_json_is_exact_and_says_what_is_not_known(folder: Path) -> None:
    found = json.loads(ethmon(folder, "tokens", "--json").stdout)
    by_name = {one["name"]: one for one in found["tokens"]}
    grown = 10**17 + HEAD // 300 * 10**14
    before = 10**17 + (HEAD - DAY) // 300 * 10**14
    assert by_name["USDT"]["supply"] == str(grown)
    assert by_name["USDT"]["change_24h_percent"] == pytest.approx((grown - before) / before * 100, abs=1e-6)
    assert by_name["USDT"]["change_7d_percent"] is None
    assert by_name["USDC"]["change_24h_percent"] == pytest.approx(-20)
    assert by_name["USDS"]["supply"] == str(LARGE)
    assert (by_name["DAI"]["supply"], by_name["DAI"]["cause"]) == (None, "supply of token: it reverts")
    (total,) = found["totals"]
    assert (total["supply_tokens"], total["cause"]) == (None, "DAI: supply of token: it reverts")
    assert found["block"]["number"] == HEAD


def test_csv_has_the_same_rows(folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(ethmon(folder, "tokens", "--csv").stdout)))
    assert {row["name"]: row["supply"] for row in rows} == {
        "USDT": str(10**17 + HEAD // 300 * 10**14), "USDC": str(4 * 10**16), "DAI": "", "USDS": str(LARGE),
    }  # fmt: skip


def test_the_table_names_what_cannot_be_seen(folder: Path) -> None:
    shown = ethmon(folder, "tokens").stdout
    assert "-20.00%" in shown
    assert "DAI: cannot see: supply of token: it reverts" in shown
    assert "all stablecoin, USD: no sum, DAI: supply of token: it reverts" in shown
    assert "USDC: its contract calls itself" in shown


def test_cents_are_shown_where_they_matter_and_cut(tmp_path: Path) -> None:
    with new_database(tmp_path / "ethmon.db") as db:
        usdt, usdc = LISTED[:2]
        ledger.append(db, chain(0, 1), UnixTime(1_800_000_000))
        small = {
            usdt.address: TokenSupply(9_999_999_999, 6, ""),
            usdc.address: TokenSupply(10_000_999_999, 6, ""),
        }
        tokens.save(db, ref(1), [usdt, usdc], dict(small))
    table = ethmon(tmp_path, "tokens").stdout
    assert "  9,999.99  " in table
    assert "  10,000  " in table
    assert "  20,000  " in table


def test_an_empty_database_says_what_to_do(tmp_path: Path) -> None:
    new_database(tmp_path / "ethmon.db").close()
    done = ethmon(tmp_path, "tokens")
    assert (done.returncode, done.stdout) == (1, "")
    assert "ETHMON_TOKENS" in done.stderr


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_page_runs(folder: Path, line: str) -> None:
    program, *arguments = shlex.split(line)
    assert program == "ethmon"
    done = ethmon(folder, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_every_example_of_the_page_is_understood() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(parse_watchlist(tomllib.loads(example)).tokens) == 2


def test_the_sql_and_the_python_of_the_page_run(folder: Path) -> None:
    (sql,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    assert query.run(folder / "ethmon.db", sql).rows
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "USDT" in done.stdout


def test_every_shipped_token_is_named_on_the_page() -> None:
    assert [one.name for one in SHIPPED[1] if one.name not in PAGE] == []


def test_the_frame_is_exact(folder: Path) -> None:
    frame = History(folder / "ethmon.db").tokens("USDS")
    assert set(frame["supply_units"]) == {LARGE}
    assert str(frame.index.tz) == "UTC"
    assert History(folder / "ethmon.db").tokens("DAI")["supply_units"].isna().all()


def test_a_chart_leaves_out_what_was_not_seen_at_the_start_and_names_it(folder: Path) -> None:
    out = folder / "all.svg"
    assert ethmon(folder, "chart", "tokens", "--since", "24h", "--out", str(out)).returncode == 0
    assert b"left out, not seen at the start: DAI" in out.read_bytes()
    done = ethmon(folder, "chart", "tokens", "NOPE")
    assert done.returncode == 2
    assert "There are: " in done.stderr


HOSTILE = "$x^2$ _{1} </text><script>alert(1)</script> \u202e --> " + "W" * 60


@pytest.mark.parametrize("look", [Look(), Look(dark=True), Look(phone=True), Look(vector=True, inline=True)])
def test_a_picture_keeps_its_form_whatever_the_names_and_holes(tmp_path: Path, look: Look) -> None:
    listed = [
        ListedToken(f"{number} {HOSTILE}", Address(f"0x{number:040x}"), "stablecoin", "USD", "")
        for number in range(8)
    ]
    with new_database(tmp_path / "ethmon.db") as db:
        ledger.append(db, chain(0, 3_000), UnixTime(1_800_000_000))
        for number in (*range(0, 1_000, 25), *range(2_000, 3_001, 25)):
            found = {
                one.address: TokenSupply(10**12 + number * (place + 1), 6, "")
                for place, one in enumerate(listed)
            }
            tokens.save(db, ref(number), listed, {**found, listed[7].address: "it reverts"})
        track = token_track(db, "24h")
        assert [name[0] for name in track.left_out] == ["7"]
        step = track.times[1] - track.times[0]
        assert track.holes[0][0] - ref(975).timestamp in range(step + 1), "from the last row on"
        assert ref(2_000).timestamp - track.holes[-1][0] in range(step + 1)
        picture = money(track, look)
    if look.vector:
        assert b"<script" not in picture
        ET.fromstring(picture)
    else:
        assert picture.startswith(b"\x89PNG")


def test_a_replay_tells_what_the_daemon_would_have_told(folder: Path) -> None:
    rules = '[[rule]]\nname = "burn"\nreading = "token.supply_change"\ntoken = "USDC"\nwindow = "4h"\nbelow = "-5%"\n'
    (folder / "watchlist.toml").write_text(rules)
    found = json.loads(ethmon(folder, "replay", "--history", "--from", str(DAY - 600), "--json").stdout)
    (told,) = [one for one in found["alerts"] if one["rule"] == "burn" and "supply changed" in one["alert"]]
    assert told["alert"] == "USDC: supply changed by -20%"
    assert told["block"] in range(DAY + 50, DAY + 101)
