"""The user's SQL: answers, limits, and everything it may not do."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from monitor.errors import StoreDamaged, StoreError, UsageError
from monitor.store import ledger, query
from monitor.units import UnixTime
from tests.support.databases import chain, new_database

AT = UnixTime(1_800_000_000)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("query") / "x.db"
    with new_database(path) as db:
        ledger.append(db, chain(0, 999), AT)
    return path


def test_columns_and_rows(path: Path) -> None:
    result = query.run(path, "SELECT number AS n, typeof(burn_gwei) AS t FROM block WHERE number < 2;")
    assert result == query.QueryResult(("n", "t"), ((0, "integer"), (1, "integer")), truncated=False)
    assert query.run(path, "SELECT 1 WHERE FALSE").rows == ()


def test_rows_beyond_the_limit_are_left_out_and_that_is_said(path: Path) -> None:
    result = query.run(path, "SELECT number FROM block", row_limit=10)
    assert (len(result.rows), result.truncated) == (10, True)
    assert not query.run(path, "SELECT number FROM block", row_limit=1_000).truncated


@pytest.mark.parametrize(
    "sql",
    [
        "VALUES (1)",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "EXPLAIN QUERY PLAN SELECT * FROM v_block",
        "PRAGMA table_info(block)",
        "PRAGMA user_version",
        "SELECT name FROM pragma_table_xinfo('block')",
        "SELECT value FROM json_each('[1, 2]')",
        "SELECT * FROM v_burn_day",
        "SELECT max(burn_eth) FROM v_block",
        "SELECT name FROM sqlite_schema",
    ],
)
def test_reads_pass(path: Path, sql: str) -> None:
    assert query.run(path, sql).rows


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM block",
        "UPDATE block SET gas_used = 0",
        "INSERT INTO event (at, kind, detail) VALUES (1, 'a', 'b') RETURNING id",
        "WITH a AS (SELECT 1) DELETE FROM block RETURNING number",
        "DROP TABLE block",
        "ALTER TABLE block RENAME TO b",
        "CREATE TABLE t (a)",
        "CREATE TEMP TABLE t (a)",
        "CREATE TEMP VIEW t AS SELECT 1",
        "CREATE VIRTUAL TABLE t USING fts5(a)",
        "ATTACH '{folder}/other.db' AS other",
        "ATTACH ':memory:' AS other",
        "DETACH main",
        "VACUUM",
        "VACUUM INTO '{folder}/copy.db'",
        "REINDEX",
        "ANALYZE",
        "BEGIN",
        "COMMIT",
        "SAVEPOINT a",
        "PRAGMA user_version = 9",
        "PRAGMA user_version(9)",
        "PRAGMA query_only = OFF",
        "PRAGMA writable_schema = ON",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA temp_store_directory = '{folder}'",
        "PRAGMA optimize",
        "SELECT load_extension('{folder}/evil.so')",
        "SELECT LOAD_EXTENSION('{folder}/evil.so', 'x')",
        "SELECT writefile('{folder}/made.txt', 'x')",
        "SELECT readfile('/etc/passwd')",
        "SELECT edit('x')",
        "SELECT fts3_tokenizer('a', x'0000000000000000')",
        "SELECT * FROM pragma_wal_checkpoint",
        "SELECT 1; DELETE FROM block",
        "",
        "-- nothing",
        "SELECT ?",
        "SELECT :name",
        "SELECT 'a\0b'",
        "SELECT \udcff",
        "SELEC 1",
        "SELECT * FROM nothing_here",
        "SELECT sum(9223372036854775807) FROM block",
        "SELECT zeroblob(2000000)",
        "SELECT randomblob(900000) || randomblob(900000)",
        "SELECT '" + "x" * 200_000 + "'",
        "SELECT CAST(x'ff' AS TEXT)",
    ],
)
def test_nothing_else_does(path: Path, sql: str) -> None:
    """Each is refused in one line, changes no byte and makes no file."""
    before = hashlib.sha256(path.read_bytes()).digest()
    with pytest.raises(UsageError) as caught:
        query.run(path, sql.replace("{folder}", str(path.parent)), time_limit_s=5)
    assert "\n" not in str(caught.value)
    assert hashlib.sha256(path.read_bytes()).digest() == before
    assert {item.name for item in path.parent.iterdir()} <= {"x.db", "x.db.lock", "x.db-wal", "x.db-shm"}


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE a (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM a) SELECT count(*) FROM a",
        "SELECT count(*) FROM block a, block b, block c, block d",
        "SELECT a.number FROM block a, block b, block c ORDER BY a.timestamp * b.gas_used % 7919 LIMIT 1",
    ],
)
def test_a_query_without_end_is_ended(path: Path, sql: str) -> None:
    with pytest.raises(UsageError, match=r"longer than 0\.2 s"):
        query.run(path, sql, time_limit_s=0.2)


def test_an_answer_without_end_is_ended_too(path: Path) -> None:
    endless = "WITH RECURSIVE a (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM a)"
    with pytest.raises(UsageError, match="larger than 64 MiB"):
        query.run(path, f"{endless} SELECT zeroblob(900000) FROM a", time_limit_s=60)


def test_the_file_itself_may_be_the_trouble(tmp_path: Path, path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        query.run(tmp_path / "none.db", "SELECT 1")
    broken = tmp_path / "broken.db"
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle:] = b"\xa5" * (len(data) - middle)
    broken.write_bytes(data)
    with pytest.raises(StoreDamaged):
        query.run(broken, "SELECT sum(gas_used), (SELECT sum(length(hash)) FROM recent_block) FROM block")


def test_it_answers_while_the_daemon_writes(tmp_path: Path) -> None:
    with new_database(tmp_path / "x.db") as db:
        ledger.append(db, chain(0, 9), AT)
        with db.transaction():
            ledger.append(db, chain(10, 19), AT)
            assert query.run(db.path, "SELECT count(*) FROM block").rows == ((10,),)
        assert query.run(db.path, "SELECT count(*) FROM block").rows == ((20,),)
