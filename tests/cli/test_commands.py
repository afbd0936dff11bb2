"""The command line without a node: help, errors of one line, exit codes, files that init writes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.cli import COMMANDS
from tests.support.commands import ROOT, ethmon, eventually, started
from tests.support.databases import new_database

NO_NODE = {"ETH_RPC_URLS": "http://127.0.0.1:1"}


def one_line(stderr: str) -> str:
    lines = stderr.strip().splitlines()
    assert len(lines) == 1, stderr
    return lines[0]


def test_help_lists_every_command(tmp_path: Path) -> None:
    shown = ethmon(tmp_path, "--help")
    assert shown.returncode == 0
    for name in COMMANDS:
        assert f"\n  {name} " in shown.stdout


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help_and_a_line_in_the_readme(name: str, tmp_path: Path) -> None:
    shown = ethmon(tmp_path, name, "--help")
    assert shown.returncode == 0, shown.stderr
    assert len(shown.stdout.splitlines()) > 4
    assert f"ethmon {name}" in (ROOT / "README.md").read_text()


def test_help_imports_no_heavy_library() -> None:
    heavy = ("web3", "pandas", "numpy", "matplotlib", "rich", "apscheduler", "sqlite3", "eth_abi", "urllib3")
    code = f"import sys, monitor.cli as c\ntry: c.run(['--help'])\nexcept SystemExit: print([m for m in {heavy} if m in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_without_a_network_run_names_the_setting_and_the_demo(tmp_path: Path) -> None:
    done = ethmon(tmp_path, "run", **NO_NODE)
    assert done.returncode == 1
    line = one_line(done.stderr)
    assert line.startswith("ethmon: ETH_RPC_URLS:")
    assert "make demo" in line


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["status"], 1, "ethmon.db does not exist"),
        (["supply"], 1, "ethmon.db does not exist"),
        (["query", "SELECT 1"], 1, "ethmon.db does not exist"),
        (["gaps"], 1, "ethmon.db does not exist"),
        (
            ["--config", "none.env", "status"],
            1,
            "--config: none.env does not exist. Write one with `ethmon init`.",
        ),
        (["suply"], 2, "Did you mean 'supply'?"),
        (["backfill"], 2, "Missing option '--from'. `ethmon backfill --help` explains."),
        (["supply", "--by", "week"], 2, "'week' is not one of 'hour', 'day', 'month'."),
        (["watch", "add"], 2, "Missing argument 'ADDRESS'. `ethmon watch add --help` explains."),
        (["watch", "add", "0x12", "--name", "x"], 2, "ADDRESS '0x12': is not an Ethereum address."),
        (["positions", "vitalik.eth"], 2, "ADDRESS 'vitalik.eth': is not an Ethereum address."),
        (["replay", "--from", "5", "--to", "2"], 2, "--from 5 is after --to 2"),
        (["backup", "--to", "copy.db"], 1, "ethmon.db does not exist."),
        (["--db", "no/such/folder/x.db", "run"], 1, "the folder no/such/folder does not exist"),
    ],
)
def test_an_error_is_one_line_that_names_the_fix(
    arguments: list[str], code: int, words: str, tmp_path: Path
) -> None:
    done = ethmon(tmp_path, *arguments, **NO_NODE)
    assert done.returncode == code
    assert words in done.stderr
    assert one_line(done.stderr).startswith("ethmon: ")


@pytest.mark.parametrize("family", ["alerts", "outbox", "watch"])
def test_a_family_lists_without_a_command_and_its_help_is_whole(family: str, tmp_path: Path) -> None:
    short, long = ethmon(tmp_path, family, "--json"), ethmon(tmp_path, family, "list", "--json")
    assert (short.returncode, short.stdout, short.stderr) == (long.returncode, long.stdout, long.stderr)
    explained = ethmon(tmp_path, family, "--help")
    assert explained.returncode == 0
    assert not re.search(r"\w\.\.\.$", explained.stdout, re.M)


def test_a_misspelt_setting_is_refused(tmp_path: Path) -> None:
    done = ethmon(tmp_path, "status", ETHMON_DATABASE="x.db")
    assert done.returncode == 1
    assert one_line(done.stderr).startswith("ethmon: ETHMON_DATABASE: is not a setting.")


def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "ethmon.db"
    file.write_bytes(b"somebody's precious notes" * 500)
    before = file.read_bytes()
    for command in ("run", "status", "supply"):
        done = ethmon(tmp_path, command, **NO_NODE)
        assert done.returncode == 1
        one_line(done.stderr)
    assert file.read_bytes() == before


def test_debug_adds_the_traceback(tmp_path: Path) -> None:
    assert "Traceback" in ethmon(tmp_path, "--debug", "status").stderr


def test_init_writes_private_files_that_work(tmp_path: Path) -> None:
    done = ethmon(tmp_path, "init", "--yes")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "config.env").stat().st_mode & 0o777 == 0o600
    assert "[[wallet]]" in (tmp_path / "watchlist.toml").read_text()
    again = ethmon(tmp_path, "init", "--yes")
    assert again.returncode == 2
    assert "--force" in again.stderr
    assert "ethmon.db does not exist" in ethmon(tmp_path, "status").stderr


def test_init_asks_and_asks_again(tmp_path: Path) -> None:
    answers = "ftp://wrong\nhttp://127.0.0.1:8545\n\n\n\n"
    done = subprocess.run(
        [sys.executable, "-m", "monitor", "init"], cwd=tmp_path, input=answers, capture_output=True, text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "http:// or https://" in done.stdout
    assert "ETH_RPC_URLS=http://127.0.0.1:8545" in (tmp_path / "config.env").read_text()


def _stored(folder: Path) -> Path:
    """A database in which nothing is stored yet."""
    with new_database(folder / "ethmon.db"):
        return folder


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["query", "SELECT 1 AS a, 2 AS a", "--json"],
            "Two columns have the same name: name them apart with AS.",
        ),
        (["outbox", "retry", "7"], "Message 7 is not dead."),
        (["chart", "burn", "--out", "x.gif"], "x.gif: the name must end in .png or .svg."),
    ],
)
def test_what_cannot_be_done_is_wrong_use(arguments: list[str], words: str, tmp_path: Path) -> None:
    done = ethmon(_stored(tmp_path), *arguments)
    assert done.returncode == 2
    assert one_line(done.stderr).startswith(f"ethmon: {words}")


@pytest.mark.parametrize("command", ["supply", "report", "tokens", "replay --history", "chart burn"])
def test_nothing_stored_yet_is_not_fine_and_not_wrong_use(command: str, tmp_path: Path) -> None:
    done = ethmon(_stored(tmp_path), *command.split())
    assert (done.returncode, done.stdout) == (1, "")
    assert re.search("no block yet|stored yet", one_line(done.stderr))


@pytest.mark.parametrize("command", ["query", "alerts readings", "outbox", "ladder"])
def test_a_reader_that_has_enough_is_no_failure(command: str, tmp_path: Path) -> None:
    """As `ethmon ... | head -0` does it: the pipe is closed before the first line."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "monitor", *command.split()],
            cwd=_stored(tmp_path), stdout=gone, stderr=subprocess.PIPE, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads the processor time from /proc")
def test_ctrl_c_ends_a_query_at_once_and_says_so(tmp_path: Path) -> None:
    """It runs for certain once it has used more processor time than any start takes."""
    endless = "WITH RECURSIVE a (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM a) SELECT count(*) FROM a"
    with started(_stored(tmp_path), "query", endless, "--timeout", "3600") as running:
        eventually(lambda: _cpu_seconds(running.pid) > 1.5)
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=30) == 130
    assert one_line((tmp_path / "stderr.log").read_text()) == "Interrupted."


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_ladder_of_nobody_has_neither_block_nor_price(tmp_path: Path) -> None:
    found = json.loads(ethmon(_stored(tmp_path), "ladder", "--json").stdout)
    assert found == {"block": None, "hash": None, "price_usd": None, "rungs": [], "left_out": {}}
