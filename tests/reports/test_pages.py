"""The browser pages: every query runs, the server answers, and nothing can be written or read beside the file."""

from __future__ import annotations

import json
import re
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.chain.clock import SystemClock
from monitor.reports.pages.queries import QUERIES
from monitor.reports.pages.site import FACETS, TABLES, metadata
from monitor.store.database import open_reader
from monitor.store.query import run
from monitor.tick import Tick
from tests.support.commands import eventually, started
from tests.support.databases import new_database
from tests.support.simulated_node import SimulatedNode


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / "ethmon.db"
    node = SimulatedNode()
    for salt in range(30):
        node.mine(salt, 100)
    with new_database(path) as db:
        Tick(node, db, SystemClock(), start_blocks=0).run()
    return path


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_every_canned_query_runs(database: Path, query: Any) -> None:
    assert run(database, query.sql.replace(":name", "''")).columns


def test_every_chart_has_the_columns_it_draws(database: Path) -> None:
    for board in metadata(database)["plugins"]["datasette-dashboards"].values():
        assert [[name] for name in board["charts"]] == board["layout"]
        for chart in board["charts"].values():
            columns = set(run(database, chart["query"]).columns)
            encoding = chart["display"]["encoding"]
            drawn = {part["field"] for part in encoding.values() if isinstance(part, dict)}
            drawn |= {part["field"] for part in encoding.get("tooltip", [])}
            assert drawn <= columns


def test_described_tables_and_facets_exist(database: Path) -> None:
    with open_reader(database) as db:
        for table in TABLES:
            columns = {row[1] for row in db.rows(f"PRAGMA table_xinfo({table})")}
            assert columns
            assert set(FACETS.get(table, ())) <= columns


@pytest.fixture(scope="module")
def site(database: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with started(database.parent, "--db", str(database), "serve", "--port", str(port)):
        eventually(lambda: _answers(f"http://127.0.0.1:{port}/"))
        yield f"http://127.0.0.1:{port}"


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_pages_answer_and_load_nothing_from_elsewhere(site: str) -> None:
    for page in (
        "/",
        "/ethmon",
        "/ethmon/burn_by_day",
        "/-/dashboards",
        "/-/dashboards/supply",
        "/-/dashboards/positions",
    ):
        status, text = get(site + page)
        assert status == 200, page
        loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="([^"]+)"', text)
        assert all(url.startswith(("/", "data:", site)) for url in loaded), loaded


def test_a_canned_query_is_the_store(site: str, database: Path) -> None:
    rows = json.loads(get(f"{site}/ethmon/burn_by_day.json?_shape=array")[1])
    expected = run(database, next(query.sql for query in QUERIES if query.name == "burn_by_day"))
    assert [tuple(row.values()) for row in rows] == list(expected.rows)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM block",
        "INSERT INTO setting VALUES ('a', 'b')",
        "ATTACH 'x.db' AS x",
        "PRAGMA journal_mode=DELETE",
        "DROP TABLE block",
    ],
)
def test_nothing_can_be_written(site: str, database: Path, sql: str) -> None:
    status, _ = get(f"{site}/ethmon.json?sql={urllib.parse.quote(sql)}")
    assert status in {400, 403, 500}
    assert run(database, "SELECT count(*) FROM block").rows == ((31,),)


def test_a_query_without_end_is_stopped(site: str) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    status, text = get(f"{site}/ethmon.json?sql={urllib.parse.quote(endless)}")
    assert status == 400
    assert "too long" in text or "interrupted" in text
