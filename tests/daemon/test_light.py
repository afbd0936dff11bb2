"""What reports need is never loaded into the daemon: not by its imports, not by its threads."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from monitor.localnet.anvil import ChainSpec
from monitor.units import UnixTime
from tests.support.commands import eventually, rows, started, stop
from tests.support.localnet import StartAnvil

ROOT = Path(__file__).parents[2]
HEAVY = ("pandas", "matplotlib", "datasette", "numpy", "PIL", "pyarrow", "sqlite_utils", "web3")
NATIVE = ("pandas", "matplotlib", "numpy", "PIL", "pyarrow")
"""Of these a running process shows the libraries that it has mapped."""


def test_no_module_of_the_daemon_imports_what_reports_need() -> None:
    code = (
        "import sys, monitor.daemon, monitor.digest, monitor.jobs, monitor.metrics, monitor.notify, monitor.tick,"
        " monitor.watch, monitor.reports.alert_chart\n"
        f"print(*[name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == ""


@pytest.mark.localnet
@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the libraries of a process are in /proc")
def test_a_running_daemon_has_mapped_none_of_it(start_anvil: StartAnvil, tmp_path: Path) -> None:
    node = start_anvil(ChainSpec(timestamp=UnixTime(int(time.time()) - 1_800)))
    node.control.mine(20)
    settings = {
        "ETH_RPC_URLS": node.url,
        "ETHMON_POLL_SECONDS": "0.05",
        "METRICS_LISTEN": "127.0.0.1:0",
    }
    with started(tmp_path, "run", **settings) as daemon:
        eventually(lambda: rows(tmp_path / "ethmon.db", "SELECT 1 FROM cursor WHERE number >= 20"))
        maps = Path(f"/proc/{daemon.pid}/maps").read_text()
        assert stop(daemon) == 0
    assert "_sqlite3" in maps  # the list does name what is loaded
    assert [name for name in NATIVE if f"/{name}/" in maps or f"/{name}." in maps] == []
