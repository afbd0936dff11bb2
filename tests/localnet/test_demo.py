"""`ethmon demo` as a user starts it: a child process, its output, the database that it leaves."""

from __future__ import annotations

import html
import itertools
import json
import os
import re
import signal
import subprocess
import sys
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

import pytest

from monitor.localnet.actors import SHORT_USDC
from monitor.localnet.scenario import MIN_BLOCKS, REORG_DEPTH
from monitor.store import history
from monitor.store.database import open_reader
from monitor.store.lock import FileLock

pytestmark = pytest.mark.localnet

ETHMON = [sys.executable, "-m", "monitor"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who has set nothing, in an empty folder."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    for name in [name for name in os.environ if name.startswith(("ETHMON_", "ETH_", "TELEGRAM_", "SMTP_"))]:
        if name != "ETHMON_CACHE":
            monkeypatch.delenv(name)


def _ethmon(*args: str, folder: str = ".") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ETHMON, *args], capture_output=True, text=True, timeout=120, check=False, cwd=folder
    )


def test_the_story_is_told_stored_and_proved_to_the_wei() -> None:
    done = _ethmon("demo", "--fast")
    assert done.returncode == 0, done.stderr
    out = done.stdout
    assert re.findall(r"^block +(\d+) ", out, re.M)[-1] == str(MIN_BLOCKS)
    assert f"REORG: {REORG_DEPTH} blocks" in out
    assert "The ledger counted exactly that as burned, to the wei." in out
    _the_whale_is_told_of(out)
    with open_reader(Path("ethmon-demo/ethmon.db")) as db:
        frame, (reorg,) = history.frame(db), history.reorgs(db)
        rows = db.rows("SELECT outcome, proof FROM position WHERE name LIKE 'Whale%' ORDER BY id")
    assert frame.totals.blocks == MIN_BLOCKS + 1
    assert frame.coverage.missing == 0
    assert reorg.reorg.depth == REORG_DEPTH
    assert [row for row, _ in itertools.groupby(rows)] == [
        ("below", "proved"),
        ("already", "proved"),
        ("below", "proved"),
    ]
    dollars = json.loads(_ethmon("--db", "ethmon-demo/ethmon.db", "tokens", "--json").stdout)["tokens"]
    assert [(one["name"], one["supply"]) for one in dollars] == [
        ("USDC", str((10**9 + SHORT_USDC) * 10**6)),
        ("USDT", str(2 * 10**9 * 10**6)),
    ]
    assert reorg.burn_wei > 0
    assert frame.totals.blob_gas_used > 0
    assert not list(Path("tmp").iterdir())
    _commands_work(out)
    _the_alerts_can_be_opened(out)


def _the_alerts_can_be_opened(out: str) -> None:
    """Every message reached every channel, and stands in the pages, the .eml files and the console's text."""
    sent = re.findall(r"^  [\d:]{8}  (?:info|warning|critical) +(.+)$", out, re.M)
    assert len(sent) > 5
    assert "\n  each to Telegram, mail, console\n" in out
    assert "not to" not in out
    chat, inbox = (Path("ethmon-demo", name).read_text() for name in ("telegram.html", "inbox.html"))
    letters = [
        BytesParser(policy=default).parsebytes(path.read_bytes())
        for path in sorted(Path("ethmon-demo/mail").glob("*.eml"))
    ]
    told = Path("ethmon-demo/console.txt").read_text()
    assert len({letter["Message-ID"] for letter in letters}) == len(letters) == len(sent)
    texts = [letter.get_body(("plain",)).get_content() for letter in letters]
    for title in sent:
        assert any(title in text for text in texts), title
        assert all(title in page for page in (html.unescape(chat), html.unescape(inbox), told)), title
    assert 'src="data:image/png' in chat, "the pictures were waited for"
    assert "etherscan" not in chat, "no explorer knows this chain"


def _the_whale_is_told_of(out: str) -> None:
    """From its liquidation price, proved on the node, over the alerts to the liquidation itself."""
    assert "Whale: ≤ $1,780.00, " in out
    assert "ALERT (critical): Whale" in out
    assert re.search(r"LIQUIDATION: block \d+, Whale: 44,322,001\.\d\d USDT of debt repaid", out)
    positions = dict(re.findall(r"^  (Whale|Short|Loop): .*?  (not by ETH|[≤≥] \$[\d,.]+).*$", out, re.M))
    assert positions["Short"] == "≥ $3,100.00"
    assert positions["Loop"] == "not by ETH"
    assert len(re.findall(r" proved$", out, re.M)) == 2


def _commands_work(out: str) -> None:
    """What the last page says to go on with does go on, in the demo's folder, on the stored history."""
    (folder,) = re.findall(r"^  cd (\S+)  +\(", out, re.M)
    commands = re.findall(r"^  \S.* (supply|positions|tokens|status)(?: --watch)?$", out, re.M)
    assert len(commands) == 4
    for command in commands:
        done = _ethmon(command, folder=folder)
        assert done.returncode == 0, done.stderr
    (ask,) = re.findall(r" query \"(.+)\"$", out, re.M)
    fees = [row["base_fee_wei"] for row in json.loads(_ethmon("query", ask, "--json", folder=folder).stdout)]
    assert len(fees) == 5
    assert fees == sorted(fees, reverse=True)
    assert Path(folder, "config.env").stat().st_mode & 0o777 == 0o600


def test_ctrl_c_ends_it_in_order() -> None:
    demo = subprocess.Popen([*ETHMON, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        for line in demo.stdout:
            if line.startswith("block    2"):
                break
        demo.send_signal(signal.SIGINT)
        rest = demo.stdout.read()
        errors = demo.stderr.read()
    assert demo.returncode == 0, errors
    assert errors == ""
    assert "The ledger counted exactly that as burned, to the wei." in rest
    assert not list(Path("tmp").iterdir())


def test_a_second_demo_in_the_same_folder_is_refused() -> None:
    Path("ethmon-demo").mkdir()
    lock = FileLock(Path("ethmon-demo/ethmon.db"))
    done = _ethmon("demo", "--fast")
    lock.release()
    assert done.returncode == 1
    assert re.fullmatch(r"ethmon: .*ethmon-demo/ethmon\.db is in use by .*\n", done.stderr)
