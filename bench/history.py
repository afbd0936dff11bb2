"""A year of history: every page, chart, query and command that looks back, by the clock and by CPU.

The database is that of `bench.year`. Queries are timed as their users run them: canned and
documented ones by `ethmon query`'s own runner, pages by HTTP on a running `ethmon serve`, charts and
commands as processes that start cold.
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.measure import PROJECT, scratch
from bench.report import Options, Row, Target, at_least, at_most, skipped
from bench.year import YEAR_BLOCKS, year_file
from monitor.reports.pages.dashboards import dashboards
from monitor.reports.pages.queries import QUERIES
from monitor.reports.pages.site import DATABASE
from monitor.store import query
from monitor.store.database import open_reader

PAGE_S, QUERY_MS = 1.0, 100.0
NAME = "Wallet 3"
COMMANDS = (
    "chart burn --since 1y", "chart supply --since 1y", "chart fees --since 1y", f"chart position '{NAME}' --since 1y",
    "chart ladder", "status", "supply --since 1y --by day", "positions", "ladder", "alerts list", "report --since 1y",
)  # fmt: skip
FILTERS = {"name": NAME, "days": "365"}
LIMITED = ("chart", "status", "supply", "positions", "ladder", "alerts")
"""Pages and charts; a report is many of them."""
WATCHLIST = f'[[wallet]]\nname = "{NAME}"\naddress = "0x{4:040x}"\nalert_at = ["20%", "10%", "5%", "2%"]\n'


class Cost(NamedTuple):
    """Seconds."""

    wall: float
    cpu: float


def run(options: Options) -> Iterator[Row]:
    """Rows of the report."""
    database = year_file(options.scaled(YEAR_BLOCKS, 60_000))
    rounds = options.scaled(3, 1)
    yield Row("size of a year", database.stat().st_size / 1e9, "GB")
    yield from _queries(database, rounds)
    yield from _against_raw(database, rounds)
    yield from _python(database)
    with scratch() as folder:
        (folder / "watchlist.toml").write_text(WATCHLIST)
        yield from _commands(database, folder, rounds)
        yield from _pages(database, folder, rounds)


def _queries(database: Path, rounds: int) -> Iterator[Row]:
    canned = {f"canned {one.name}": _filled(one.sql) for one in QUERIES}
    page = (PROJECT / "docs" / "history.md").read_text()
    documented = {
        f"documented: {title.splitlines()[-1][:50]}": sql
        for title, sql in re.findall(r"([^\n]+):\n\n```sql\n(.*?)```", page, re.DOTALL)
    }
    boards = {
        f"chart {board}/{name}": _filled(chart["query"])
        for board, spec in dashboards(DATABASE).items()
        for name, chart in spec["charts"].items()
        if _is_sql(chart)
    }
    for kind, asked in (("canned", canned), ("dashboard", boards), ("documented", documented)):
        costs = {
            name: _median_cpu(lambda sql=sql: _ask(database, sql), rounds) * 1e3
            for name, sql in asked.items()
        }
        limit = {"canned": at_most(QUERY_MS), "dashboard": at_most(PAGE_S * 1e3)}.get(kind)
        yield from _listed(f"{kind} queries", costs, "ms", limit)


def _is_sql(chart: dict[str, Any]) -> bool:
    """Some charts have their rows from the server's Python."""
    return str(chart.get("query", "")).startswith(("SELECT", "WITH"))


def _filled(sql: str) -> str:
    """With the parameters that a page has in its address: a position, and a year."""
    for name, value in FILTERS.items():
        sql = re.sub(rf":{name}\b", f"'{value}'", sql)
    return sql


def _ask(database: Path, sql: str) -> None:
    query.run(database, sql, row_limit=5_000, time_limit_s=60)


def _against_raw(database: Path, rounds: int) -> Iterator[Row]:
    """Burn by day: our rollups, the raw table grouped by SQLite, and the raw table in pandas."""
    rollup = "SELECT start, burn_gwei + burn_rem_wei / 1000000000 FROM rollup_day ORDER BY start"
    raw = (
        "SELECT timestamp / 86400 * 86400 AS day, sum(burn_gwei) + sum(burn_rem_wei) / 1000000000"
        " FROM block GROUP BY day ORDER BY day"
    )
    with open_reader(database) as db:
        same = db.rows(rollup) == db.rows(raw)
        ours = _median_cpu(lambda: db.rows(rollup), rounds)
        grouped = _median_cpu(lambda: db.rows(raw), 1)
    frame = _median_cpu(lambda: _pandas(database), 1)
    note = "" if same else "SUMS DIFFER"
    yield Row(
        "burn by day: GROUP BY over the blocks against rollups",
        grouped / ours if same else None,
        "x",
        at_least(100),
        note,
    )
    yield Row(
        "burn by day: pandas over the blocks against rollups",
        frame / ours if same else None,
        "x",
        at_least(100),
        note,
    )


def _pandas(database: Path) -> None:
    pandas: Any = import_module("pandas")  # its annotations are incomplete
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = pandas.read_sql("SELECT timestamp, burn_gwei, burn_rem_wei FROM block", connection)
    rows.groupby(rows["timestamp"] // 86_400)[["burn_gwei", "burn_rem_wei"]].sum()


def _python(database: Path) -> Iterator[Row]:
    from monitor import History

    history = History(database)
    asked: dict[str, Callable[[], object]] = {
        "burn by day": lambda: history.burn("1y", "day"),
        "burn by hour": lambda: history.burn("1y", "hour"),
        "supply by day": lambda: history.supply("1y", "day"),
        "prices": history.prices,
        "alerts": history.alerts,
        f"positions of {NAME}": lambda: history.positions(NAME),
    }
    costs = {f"History: {name}": _median_cpu(ask, 1) for name, ask in asked.items()}
    yield from _listed("History of a year", costs, "s", None)


def _commands(database: Path, folder: Path, rounds: int) -> Iterator[Row]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "ETHMON_WATCHLIST": str(folder / "watchlist.toml"),
    }
    for text in COMMANDS:
        words = [NAME if word == f"'{NAME}'" else word for word in re.findall(r"'[^']*'|\S+", text)]
        command = [sys.executable, "-m", "monitor", "--db", str(database), *words]
        costs = [_process(command, folder, environment) for _ in range(rounds)]
        limit = at_most(PAGE_S) if words[0] in LIMITED else None
        cpu, wall = min(cost.cpu for cost in costs), [cost.wall for cost in costs]
        note = f"by the clock {min(wall):.2f} to {max(wall):.2f} s"
        yield Row(f"ethmon {text}: CPU", cpu, "s", limit, note)


def _process(command: Sequence[str], folder: Path, environment: dict[str, str]) -> Cost:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=folder, env=environment, timeout=600)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _pages(database: Path, folder: Path, rounds: int) -> Iterator[Row]:
    costs, refused = dict[str, float](), list[str]()
    try:
        with _served(database, folder) as site:
            for page in _addresses(database):
                try:
                    costs[page] = _median_wall(lambda url=site + page: _get(url), rounds)
                except urllib.error.HTTPError as error:
                    refused.append(f"{error.code} {page[:80]}")
    except OSError as error:
        yield skipped("pages", "s", f"ethmon serve: {error}", at_most(PAGE_S))
        return
    yield from _listed("pages, by the clock", costs, "s", at_most(PAGE_S))
    yield from (skipped("page refused", "s", one) for one in refused)


def _addresses(database: Path) -> Iterator[str]:
    """Every kind of page, and the data of every chart."""
    name, filters = DATABASE, urllib.parse.urlencode(FILTERS)
    yield from ("/", f"/{name}", "/-/dashboards")
    with open_reader(database) as db:
        tables = [row[0] for row in db.rows("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")]
        newest = db.row("SELECT max(number) FROM block")[0]
    yield from (f"/{name}/{table}" for table in sorted(tables) if not table.startswith("sqlite_"))
    yield f"/{name}/block/{newest}"
    yield f"/{name}/block?_sort_desc=timestamp&timestamp__gte=1780000000"
    yield from (f"/{name}/{one.name}?{filters if ':name' in one.sql else ''}" for one in QUERIES)
    for board, spec in dashboards(name).items():
        yield f"/-/dashboards/{board}?{filters}"
        for chart in spec["charts"].values():
            if _is_sql(chart):
                asked = urllib.parse.urlencode({"sql": chart["query"], "_shape": "array"})
                yield f"/{name}.json?{filters}&{asked}"
    yield "/-/supply.json?days=365"


@contextmanager
def _served(database: Path, folder: Path) -> Generator[str]:
    """A running `ethmon serve`. Raises OSError where it does not answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "monitor", "--db", str(database), "serve", "--port", str(port)]
    with subprocess.Popen(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(PROJECT)}, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as server:  # fmt: skip
        try:
            _wait_for(f"http://127.0.0.1:{port}/", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, signal.SIGTERM)


def _wait_for(url: str, server: subprocess.Popen[bytes], limit_s: float = 60) -> None:
    end = time.monotonic() + limit_s
    while True:
        try:
            return _get(url)
        except OSError:
            if server.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.2)


def _get(url: str) -> None:
    with urllib.request.urlopen(url, timeout=60) as answer:
        if url.endswith("_shape=array"):
            json.load(answer)
        else:
            answer.read()


def _listed(what: str, costs: dict[str, float], unit: str, limit: Target | None) -> Iterator[Row]:
    """One row for all, the worst named; and one for each that is over the limit."""
    worst = max(costs, key=lambda name: costs[name])
    yield Row(f"{what}: p50 of {len(costs)}", median(costs.values()), unit)
    yield Row(f"{what}: the slowest", costs[worst], unit, limit, worst[:90])
    for name, cost in sorted(costs.items(), key=lambda item: -item[1]):
        if limit is not None and not limit.met(cost) and name != worst:
            yield Row(f"over the limit: {name[:90]}", cost, unit, limit)


def _median_cpu(ask: Callable[[], object], rounds: int) -> float:
    return _median(ask, rounds, time.process_time)


def _median_wall(ask: Callable[[], object], rounds: int) -> float:
    return _median(ask, rounds, time.perf_counter)


def _median(ask: Callable[[], object], rounds: int, clock: Callable[[], float]) -> float:
    """After one that is not counted: the file is in memory then."""
    ask()
    costs = list[float]()
    for _ in range(rounds):
        began = clock()
        ask()
        costs.append(clock() - began)
    return median(costs)
