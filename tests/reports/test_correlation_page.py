"""docs/correlation.md cannot drift: its commands, rules and Python run."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from monitor.store import ledger
from monitor.units import UnixTime
from monitor.watchlist import parse_watchlist
from tests.support.close_rows import save_closes
from tests.support.commands import ROOT, ethmon
from tests.support.databases import GENESIS_TIME, chain, new_database

PAGE = (ROOT / "docs" / "correlation.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("correlation")
    with new_database(folder / "ethmon.db") as db:
        ledger.append(db, chain(0, 100), UnixTime(1_800_000_000))
        save_closes(db)
    last = datetime.fromtimestamp(GENESIS_TIME, UTC).toordinal() - 1
    lines = (f"{date.fromordinal(last - back)},{100 + back % 7 + back / 10}\n" for back in range(120))
    (folder / "nasdaq.csv").write_text("date,close\n" + "".join(lines))
    return folder


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_page_runs(folder: Path, line: str) -> None:
    program, *arguments = shlex.split(line)
    assert program == "ethmon"
    done = ethmon(folder, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_examples_are_one_watchlist() -> None:
    text = "\n".join(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
    found = parse_watchlist(tomllib.loads(text))
    assert [one.name for one in found.series] == ["Nasdaq 100"]
    assert {rule.name for rule in found.rules if rule.spec.key.startswith("price.correlation")} == {
        "price.correlation XAU/USD below 0.2 over 2592000s",
        "decoupling",
    }


def test_the_python_of_the_page_runs(folder: Path) -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=folder, env={"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "high_95" in done.stdout


def test_check_reads_the_files_of_series(folder: Path) -> None:
    (folder / "own.toml").write_text(
        "".join(f'[[series]]\nname = "{name}"\nfile = "{name}.csv"\n' for name in ("nasdaq", "gone"))
    )
    done = ethmon(folder, "check", "--json", ETHMON_WATCHLIST="own.toml", ETH_RPC_URLS="http://127.0.0.1:9")
    told = {
        one["subject"]: (one["grade"], one["text"])
        for one in json.loads(done.stdout)
        if one["area"] == "series"
    }
    assert told["nasdaq"][0] == "warn"
    assert told["nasdaq"][1].startswith("120 daily closes, the newest ")
    assert told["gone"] == (
        "fail",
        "[[series]] 'gone': file gone.csv: cannot be read (No such file or directory).",
    )
