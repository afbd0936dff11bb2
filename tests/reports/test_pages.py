"""The browser pages: every query and chart runs, and what the pages say is what the store has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.chain.clock import SystemClock
from monitor.reports.pages.home import Tile, read_home
from monitor.reports.pages.queries import QUERIES
from monitor.reports.pages.site import TABLES, metadata
from monitor.store import ledger
from monitor.store.database import Database, open_beside, open_reader
from monitor.store.query import run
from monitor.tick import Tick
from monitor.units import UnixTime
from tests.support import busy_database
from tests.support.commands import ROOT
from tests.support.databases import chain, new_database
from tests.support.position_rows import save_track
from tests.support.simulated_node import SimulatedNode
from tests.support.site import Client, serving

PLACES = {":name": "'Whale'", ":days": "'30'"}
BOARDS: dict[str, Any] = metadata(Path("x.db"))["plugins"]["datasette-dashboards"]
CHARTS = [(board, name, chart) for board, parts in BOARDS.items() for name, chart in parts["charts"].items()]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / "it's 100% #1?.db"
    with new_database(path) as db:
        fill(db)
    return path


def fill(db: Database) -> None:
    """2,000 blocks with a hole of 600, a position, and an alert's worth of rows."""
    ledger.append(db, chain(1_601, 2_600), UnixTime(1_800_000_000))
    ledger.append(db, chain(0, 1_000), UnixTime(1_800_000_000))
    save_track(db, name="Whale", prices=range(2_200, 1_900, -20))


def with_places(sql: str) -> str:
    return re.sub(r":(name|days)\b", lambda found: PLACES[found[0]], sql)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_every_canned_query_runs(database: Path, query: Any) -> None:
    assert run(database, with_places(query.sql)).columns


@pytest.mark.parametrize(("board", "name", "chart"), CHARTS, ids=[f"{one[0]}-{one[1]}" for one in CHARTS])
def test_every_chart_has_the_columns_it_draws(
    site: Client, database: Path, board: str, name: str, chart: Any
) -> None:
    if "source" in chart:
        columns = {*site.get(f"/-/{chart['source']}.json?days=7").json["rows"][0], "middle"}
    else:
        columns = set(run(database, with_places(chart["query"])).columns)
    drawn = {text for text in fields(chart["display"]) if text != "now"}
    assert drawn
    assert drawn <= columns
    assert {chart[key] for key in ("line", "series", "detail") if key in chart} <= columns


def fields(part: Any) -> Iterator[str]:
    """Every column that a Vega-Lite chart names."""
    if isinstance(part, list):
        for one in part:
            yield from fields(one)
    elif isinstance(part, dict):
        for key, one in part.items():
            if key == "field":
                yield one
            else:
                yield from fields(one)


def test_every_table_is_described_and_its_columns_exist(database: Path) -> None:
    with open_reader(database) as db:
        known = {
            row[0]
            for row in db.rows("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")
            if not row[0].startswith(("sqlite_", "_"))
        }
        assert known == set(TABLES)
        for name, table in TABLES.items():
            columns = {row[1] for row in db.rows(f"PRAGMA table_xinfo({name})")}
            named = {*table.facets, *table.columns, table.newest_first, table.label} - {""}
            assert named <= columns, name


@pytest.fixture(scope="module")
def site(database: Path) -> Iterator[Client]:
    with serving(database) as client:
        yield client


PAGES = (
    "/", "/-/dashboards", "/ethmon", "/ethmon/block", "/ethmon/block/2600", "/ethmon/v_burn_day",
    "/ethmon/position", "/ethmon/position_now", "/ethmon/alert", "/ethmon/outbox?_facet=state",
    *(f"/-/dashboards/{board}?days=7" for board in BOARDS),
    "/-/dashboards/positions/price?name=Whale", "/-/dashboards/supply/net-so-far",
    *(f"/ethmon/{query.name}?name=Whale" for query in QUERIES),
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_a_page_answers_and_loads_nothing_from_elsewhere(site: Client, path: str) -> None:
    answer = site.get(path)
    assert answer.status == 200
    loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="([^"]+)"', answer.text)
    assert loaded
    for url in loaded:
        assert url.startswith(("/", "data:", "http://localhost", site.url)), url
        if url.startswith("/"):
            assert site.get(url.replace("&amp;", "&")).status == 200, url
    # The policy forbids scripts inside the page: there must be none, or a page would be broken.
    inside = re.findall(r"<script(?![^>]*(?:src=|application/json))[^>]*>", answer.text)
    assert inside == []
    assert not re.search(r"<[^>]+ on\w+=", answer.text)


def test_every_page_says_its_block_and_a_dashboard_too(site: Client) -> None:
    for path in ("/", "/ethmon/block", "/-/dashboards/burn"):
        assert "Block 2,600 (0x" in site.get(path).text


def test_home_tells_what_is_known_and_what_is_not(site: Client) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", site.get("/").text))
    assert "Gaps" in text
    assert "Burned in 24 h ≥" in text, "blocks are missing: a lower bound"
    assert "Nearest liquidation" in text
    for board in BOARDS.values():
        assert board["title"] in text
    for query in QUERIES:
        assert query.title in text.replace("&#39;", "'")


def test_a_canned_query_is_the_store(site: Client, database: Path) -> None:
    rows = site.get("/ethmon/burn_by_day.json?_shape=array").json
    expected = run(database, next(query.sql for query in QUERIES if query.name == "burn_by_day"))
    assert [tuple(row.values()) for row in rows] == list(expected.rows)


def test_burn_per_day_is_pale_where_blocks_are_missing(site: Client, database: Path) -> None:
    query = BOARDS["burn"]["charts"]["burn-day"]["query"]
    rows = site.ask(query, days="365").json["rows"]
    with open_reader(database) as db:
        total = db.row("SELECT sum(burn_gwei) FROM block")[0]
    assert sum(row["eth"] for row in rows if row["part"] == "base fee") == pytest.approx(total / 1e9)
    assert {row["seen"] for row in rows} <= {"whole", "partly: at least this", "still running"}
    assert rows[0]["seen"] != "whole", "the hole lies in it"


def test_supply_ends_where_blocks_are_missing(site: Client, database: Path) -> None:
    found = site.get("/-/supply.json?days=7").json
    assert found["rows"]
    assert "missing" in found["note"]
    assert found["rows"][-1]["so_far"] is None
    assert site.get("/-/supply.json?days=8").status == 400
    ((burned,),) = run(database, "SELECT sum(burn_gwei + blob_burn_gwei) / 1e9 FROM block").rows
    assert sum(row["burned"] for row in found["rows"]) == pytest.approx(-burned), "it goes down"


def test_cells_link_to_what_they_name(site: Client) -> None:
    row = site.get("/ethmon/position_now").text
    assert 'href="/-/dashboards/positions?name=Whale"' in row
    assert re.search(r'href="/ethmon/v_block\?number=\d+"', row)
    assert "etherscan.io" not in row, "this file is of no chain that an explorer knows"


def test_a_short_history_is_not_thinned(site: Client, database: Path) -> None:
    rows = site.ask(BOARDS["positions"]["charts"]["price"]["query"], days="365", name="Whale").json["rows"]
    assert len(rows) == 2 * len(run(database, "SELECT id FROM position").rows)
    assert {row["position"] for row in rows} == {"Whale · Core"}


def test_the_ladder_adds_up_from_the_outside_in(site: Client) -> None:
    rows = site.ask(BOARDS["positions"]["charts"]["ladder"]["query"]).json["rows"]
    longs = [row["millions"] for row in rows if row["side"] == "long"]
    assert longs == sorted(longs, reverse=True)
    assert longs[0] > 0
    rungs = site.ask(BOARDS["positions"]["charts"]["rungs"]["query"]).json["rows"]
    assert sum(row["millions"] for row in rungs) == pytest.approx(longs[0])


def test_rows_of_a_running_writer_appear_at_a_reload(site: Client, database: Path) -> None:
    before = site.ask("SELECT max(number) AS newest FROM block").json["rows"][0]["newest"]
    node = SimulatedNode()
    for salt in range(5):
        node.mine(salt, 100)
    with new_database(database.with_name("live.db")) as db, serving(database.with_name("live.db")) as live:
        assert "No block is stored yet" in live.get("/").text
        refused = live.get("/-/supply.json")
        assert refused.status == 503
        assert "holds no block yet" in refused.json["error"]
        assert str(database.parent) not in refused.text
        Tick(node, db, SystemClock(), start_blocks=0).run()
        newest = live.ask("SELECT max(number) AS newest FROM block").json["rows"][0]["newest"]
        assert newest == 5
        assert "Block 5 (0x" in live.get("/").text
    assert site.ask("SELECT max(number) AS newest FROM block").json["rows"][0]["newest"] == before


def test_sorting_by_time_is_sorting_by_the_key(site: Client) -> None:
    """In the order of the table, which needs no look at every row; other orders and names of it stay."""
    for table, time, key in (("block", "timestamp", "number"), ("v_block", "time_utc", "number")):
        for sort in ("_sort", "_sort_desc"):
            page = f"/ethmon/{table}.json?_size=20&timestamp__gt=1"
            found = site.get(f"{page}&{sort}={time}").json
            assert found["rows"] == site.get(f"{page}&{sort}={key}").json["rows"]
            assert f"{sort}={key}" in found["next_url"]
    paid = site.get("/ethmon/block.json?_sort_desc=base_fee_wei&_shape=array").json
    assert [row["base_fee_wei"] for row in paid] == sorted(
        (row["base_fee_wei"] for row in paid), reverse=True
    )
    assert "Cannot sort" in site.get("/ethmon/block.json?_sort=nonsense").text


def test_a_file_put_in_the_place_of_the_served_one_is_what_is_shown(tmp_path: Path) -> None:
    path, other = tmp_path / "ethmon.db", tmp_path / "other.db"
    for place, last in ((path, 3), (other, 7)):
        with new_database(place) as db:
            ledger.append(db, chain(0, last), UnixTime(1_800_000_000))
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    with serving(path) as client:
        asked = "SELECT max(number) AS newest FROM block"
        assert client.ask(asked).json["rows"] == [{"newest": 3}]
        other.replace(path)
        assert client.ask(asked).json["rows"] == [{"newest": 7}]
        path.unlink()
        for place in ("/", "/ethmon", "/-/dashboards/positions", "/-/supply.json"):
            gone = client.get(place)
            assert gone.status == 503
            assert "does not exist" in gone.text
            assert str(tmp_path) not in gone.text


COMMANDS = re.findall(r"^ethmon serve.*$", (ROOT / "docs" / "pages.md").read_text(), re.MULTILINE)


def test_the_page_of_the_docs_has_commands() -> None:
    assert len(COMMANDS) == 2


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_docs_serves(tmp_path: Path, line: str) -> None:
    options = shlex.split(re.sub(r"--port \d+", "", line))[2:]
    with new_database(tmp_path / "ethmon.db") as db:
        ledger.append(db, chain(0, 3), UnixTime(1_800_000_000))
    with serving(tmp_path / "ethmon.db", *options) as client:
        path = "/eth/" if "--base-url" in options else "/"
        assert client.url.endswith(path)
        assert "Block 3 (0x" in client.get(path).text


def test_the_health_check_of_the_container_asks_for_a_page_that_is_there(site: Client) -> None:
    asked = re.search(r"http://127\.0\.0\.1:8001(/[^']*)'", (ROOT / "compose.yaml").read_text())
    assert asked is not None
    assert site.get(asked[1]).status == 200


def test_the_nearest_position_of_the_home_page_is_one_that_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "ethmon.db"
    busy_database.fill(path)

    def tile() -> Tile:
        return next(one for one in read_home(path, None, busy_database.NOW).tiles if one.board == "positions")

    assert (tile().figure, tile().tone) == ("now", "bad")
    assert tile().note.startswith("Gone under; ")
    assert tile().note.endswith(" watched, 2 not seen"), "one is dark, one refuted"
    with open_beside(path) as db, db.transaction() as connection:
        connection.execute("UPDATE position_now SET distance = 0.05 WHERE distance < 0.05")
    assert (tile().figure, tile().tone) == ("5.0%", "")
