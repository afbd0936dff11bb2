"""How long the command takes to answer, how much memory the idle daemon holds."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median

from bench.fakenode import NoNodeError, fake_node
from bench.measure import PROJECT, peak_rss_mb, scratch
from bench.report import Options, Row, at_least, at_most, skipped

EVERYTHING = "import web3, pandas, sqlite_utils, apscheduler.schedulers.blocking, numpy, rich.console, urllib3, msgspec"
"""What the daemon and the reports use between them, loaded at once: what most programs do at start."""
IDLE = "idle daemon: memory"
SETTLE_S = 20


def run(options: Options) -> Iterator[Row]:
    """Commands in turns with an eager start, then a daemon that follows a live head."""
    turns = options.scaled(9, 2)
    help_s, eager_s = list[float](), list[float]()
    for _ in range(turns):
        help_s.append(seconds([sys.executable, "-m", "monitor", "--help"]))
        eager_s.append(seconds([sys.executable, "-c", EVERYTHING]))
    what = f"ethmon --help, best of {turns}"
    yield Row(what, min(help_s), "s", at_most(0.2), f"median {median(help_s):.3f} s")
    ratio = median(eager / ours for eager, ours in zip(eager_s, help_s, strict=True))
    yield Row(
        "ethmon --help against an eager start", ratio, "x", at_least(5), f"eager {median(eager_s):.2f} s"
    )
    try:
        yield idle(options.scaled(SETTLE_S, 8))
    except NoNodeError as error:
        yield skipped(IDLE, "MB", str(error), at_most(80))


def seconds(command: Sequence[str]) -> float:
    """Wall time of a command, from exec to exit."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=PROJECT)
    return time.perf_counter() - started


def idle(settle_s: float) -> Row:
    """Memory of `ethmon run` after it has caught up with a head that goes on every 12 s."""
    with fake_node(now=True) as node, scratch() as folder:
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(folder),
            "ETH_RPC_URLS": node.url,
            "PYTHONPATH": str(PROJECT),
        }
        command = [sys.executable, "-m", "monitor", "--db", str(folder / "ethmon.db"), "run"]
        log = (folder / "log").open("w+")
        with subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        ) as daemon:
            try:
                cpu_before = wait_and_read_cpu(daemon.pid, settle_s / 2)
                cpu = wait_and_read_cpu(daemon.pid, settle_s / 2) - cpu_before
                if daemon.poll() is not None:
                    log.seek(0)
                    raise RuntimeError(f"the daemon ended: {log.read().strip().splitlines()[-1]}")
                if not stored_blocks(folder / "ethmon.db"):
                    raise RuntimeError("the daemon has stored no block")
                peak = peak_rss_mb(daemon.pid)
                now = resident_mb(daemon.pid)
            finally:
                daemon.terminate()
                daemon.wait(15)
    note = f"peak {peak:.0f} MB since its start; {100 * cpu / (settle_s / 2):.2g} % of a core"
    return Row(IDLE, now, "MB", at_most(80), note)


def stored_blocks(database: Path) -> int:
    """Rows of table `block`: an idle daemon is one that has caught up."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM block").fetchone()[0])


def wait_and_read_cpu(pid: int, wait_s: float) -> float:
    """CPU seconds that a process has used, after some time."""
    time.sleep(wait_s)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Memory that a process holds now; its peak where there is no /proc."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except FileNotFoundError:
        return peak_rss_mb(pid)
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
