"""Queries of the pages cannot write, run without end, fill memory, or leave the file; strangers get no answer."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.reports.pages.guard import guarded
from monitor.reports.pages.site import ROW_LIMIT
from monitor.store import ledger
from monitor.units import UnixTime
from tests.support.commands import ethmon, rows, stop
from tests.support.databases import chain, new_database
from tests.support.site import Client, serving

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
SECRET = "123456:AAH-a-token-that-must-not-be-seen"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fence") / "ethmon.db"
    with new_database(path) as db:
        ledger.append(db, chain(0, 30), UnixTime(1_800_000_000))
    return path


@pytest.fixture(scope="module")
def site(database: Path) -> Iterator[Client]:
    secrets = {
        "TELEGRAM_BOT_TOKEN": SECRET,
        "TELEGRAM_CHAT_ID": "42",
        "ETH_RPC_URLS": f"https://node.example/{SECRET}",
    }
    with serving(database, **secrets) as client:
        yield client


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM block",
        "INSERT INTO setting VALUES ('a', 'b')",
        "UPDATE block SET gas_used = 0",
        "DROP TABLE block",
        "CREATE TEMP TABLE t (a)",
        "REPLACE INTO setting VALUES ('a', 'b')",
        "VACUUM INTO 'copy.db'",
        "ATTACH 'x.db' AS x",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = ON",
        "SELECT * FROM pragma_journal_mode('delete')",
        "SELECT load_extension('x')",
        "SELECT readfile('/etc/passwd')",
        "SELECT writefile('x', 'y')",
        "WITH a AS (SELECT 1) INSERT INTO setting SELECT 'a', 'b'",
        "WITH a AS (SELECT 1) DELETE FROM block",
        "EXPLAIN DELETE FROM block",
        "SELECT 1; DELETE FROM block",
        "/* SELECT */ DELETE FROM block",
    ],
)
def test_nothing_can_be_written_or_reached(site: Client, database: Path, sql: str) -> None:
    before = sorted(path.name for path in database.parent.iterdir())
    answer = site.ask(sql)
    assert answer.status in {400, 403}, answer.text
    assert answer.json["ok"] is False
    assert rows(database, "SELECT count(*) FROM block") == [(31,)]
    assert sorted(path.name for path in database.parent.iterdir()) == before


def test_what_may_be_asked_is_answered(site: Client) -> None:
    assert site.ask("SELECT count(*) AS blocks FROM block").json["rows"] == [{"blocks": 31}]
    assert site.ask("EXPLAIN QUERY PLAN SELECT * FROM block").status == 200
    assert site.ask("SELECT value FROM json_each('[1,2]')").json["rows"] == [{"value": 1}, {"value": 2}]


def test_a_query_without_end_is_stopped_and_said_so(site: Client) -> None:
    answer = site.ask(ENDLESS)
    assert answer.status == 400
    assert "two seconds" in answer.json["error"]
    page = site.get(
        f"/ethmon?sql={ENDLESS.replace(' ', '+').replace('+ 1', '%2B 1').replace('i+%2B', 'i%2B')}"
    )
    assert page.status == 400
    assert "<script>" not in page.text
    assert site.get("/").status == 200, "the site goes on"


def test_a_huge_answer_is_cut_and_a_huge_value_refused(site: Client) -> None:
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) SELECT i FROM n"
    found = site.ask(many).json
    assert found["truncated"] is True
    assert len(found["rows"]) == ROW_LIMIT
    wide = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000) SELECT hex(zeroblob(400000)) AS x FROM n"
    found = site.ask(wide).json
    assert found["truncated"] is True
    assert len(found["rows"]) < 50
    assert site.ask("SELECT zeroblob(1000000000)").status == 400
    assert site.ask("SELECT randomblob(900000000)").status == 400


def test_a_row_is_no_wider_than_a_page(site: Client) -> None:
    def columns(count: int) -> int:
        return site.get(f"/ethmon.json?sql=select+{','.join(['1'] * count)}").status

    assert (columns(200), columns(201)) == (200, 400)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_the_site_is_only_read(site: Client, method: str) -> None:
    assert site.get("/", method=method).status == 405
    assert site.get("/ethmon/-/insert", method=method).status == 405


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8001", 200), ("localhost:8001", 200), ("localhost", 200), ("[::1]:8001", 200), ("10.0.0.7", 200),
        ("evil.example", 403), ("evil.example:8001", 403), ("localhost.evil.example", 403), ("127.0.0.1.evil.example", 403),
        ("", 403), ("a@127.0.0.1.", 403),
    ],
)  # fmt: skip
def test_a_foreign_name_for_this_machine_is_refused(site: Client, host: str, status: int) -> None:
    assert site.get("/-/dashboards", Host=host).status == status


def test_another_site_cannot_embed_or_read_it(site: Client) -> None:
    assert site.get("/ethmon.json", sec_fetch_site="cross-site", sec_fetch_mode="no-cors").status == 403
    assert site.get("/", sec_fetch_site="cross-site", sec_fetch_mode="navigate").status == 200
    headers = site.get("/ethmon.json?sql=select+1", Origin="https://evil.example").headers
    assert "access-control-allow-origin" not in headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "script-src 'self';" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    ["/-/versions", "/-/settings.json", "/-/databases.json", "/-/plugins", "/-/metadata", "/-/threads", "/-/auth-token", "/ethmon.db", "//evil.example/"],
)  # fmt: skip
def test_what_tells_of_the_machine_is_not_there(site: Client, path: str) -> None:
    answer = site.get(path)
    assert answer.status in {403, 404}
    assert "location" not in answer.headers


def test_no_page_and_no_log_holds_a_secret(site: Client, database: Path) -> None:
    for path in (
        "/",
        "/ethmon",
        "/ethmon/setting",
        "/ethmon/channel",
        "/-/dashboards/burn",
        "/nope",
        "/ethmon/nope",
    ):
        text = site.get(path).text
        assert SECRET not in text
        assert str(database.parent) not in text, "nor where the file lies"
    assert SECRET not in site.log.read_text()


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "ethmon.db"
    with new_database(path) as db:
        ledger.append(db, chain(0, 3), UnixTime(1_800_000_000))
        db.connection.execute(
            "INSERT INTO event (at, kind, detail) VALUES (1800000000, ?, ?)",
            ("</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>"),
        )
    with serving(path) as client:
        for place in (
            "/ethmon/event",
            "/ethmon?sql=select+*+from+event",
            "/ethmon/event?_facet=kind",
            "/-/dashboards/positions?name=%3Cscript%3E&days=%22%3E",
        ):
            text = client.get(place).text
            assert "<script>alert" not in text
            assert "<img src=x" not in text
            assert "<script>" not in text


def test_a_port_in_use_is_one_line(database: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = ethmon(database.parent, "--db", str(database), "serve", "--port", port)
    assert done.returncode == 1
    assert re.fullmatch(rf"ethmon: --port: 127\.0\.0\.1:{port} cannot be used .*--port \d+\n", done.stderr)


def test_an_address_that_is_not_ours_is_one_line(database: Path) -> None:
    done = ethmon(database.parent, "--db", str(database), "serve", "--port", "0", "--host", "not a host")
    assert done.returncode == 2
    assert done.stderr.startswith("ethmon: --host: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_both_signals_end_it_cleanly(tmp_path: Path, by: signal.Signals) -> None:
    path = tmp_path / "ethmon.db"
    new_database(path).close()
    with serving(path) as client:
        assert client.get("/").status == 200
        assert stop(client.process, by) == 0
        lines = client.log.read_text().splitlines()
    assert len(lines) == 1, lines


def test_beyond_loopback_it_warns(tmp_path: Path) -> None:
    path = tmp_path / "ethmon.db"
    new_database(path).close()
    with serving(path, "--host", "0.0.0.0") as client:
        assert "Warning: everybody who reaches 0.0.0.0 can read" in client.log.read_text()


def test_behind_a_proxy_links_keep_its_path_and_its_name_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "ethmon.db"
    with new_database(path) as db:
        ledger.append(db, chain(0, 3), UnixTime(1_800_000_000))
    with serving(path, "--base-url", "/eth", "--name", "eth.example.org") as client:
        for place in ("/eth/", "/eth/-/dashboards/burn", "/eth/ethmon/block"):
            answer = client.get(place, Host="eth.example.org")
            assert answer.status == 200
            links = re.findall(r'(?:href|src|action)="(/[^"]*)"', answer.text)
            assert links
            assert [link for link in links if not link.startswith("/eth/")] == []
        assert client.get("/eth/-/supply.json?days=7").status == 200
        assert client.get("/eth/-/versions").status == 404
        assert client.get("/eth/", Host="other.example.org").status == 403


def test_without_log_and_index_files_it_opens(tmp_path: Path) -> None:
    path = tmp_path / "ethmon.db"
    with new_database(path) as db:
        ledger.append(db, chain(0, 3), UnixTime(1_800_000_000))
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    with serving(path) as client:
        assert client.ask("SELECT count(*) AS n FROM block").json["rows"] == [{"n": 4}]


def test_no_file_is_one_line_too(tmp_path: Path) -> None:
    done = ethmon(tmp_path, "--db", "absent.db", "serve", "--port", "0")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "absent.db").exists()


def test_the_guard_lets_only_http_be_judged() -> None:
    """What is not a request (the start and end of the server) passes as it is."""
    import asyncio

    seen: list[str] = []

    async def app(scope: object, _receive: object, _send: object) -> None:
        seen.append(scope["type"])  # type: ignore[index]

    async def nothing(*_: object) -> dict[str, object]:
        return {}

    asyncio.run(guarded(app, "/", ())({"type": "lifespan"}, nothing, nothing))
    assert seen == ["lifespan"]
