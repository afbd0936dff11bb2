"""docs/history.md cannot drift from the schema: it names every table, and its queries run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.domain import Gap, GapKind
from monitor.store import events, gaps, ledger, query
from monitor.store.database import Database
from monitor.units import BlockNumber, UnixTime
from tests.support.close_rows import save_closes
from tests.support.databases import chain, new_database, ref

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "history.md").read_text()
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
AT = UnixTime(1_800_000_000)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of blocks with a hole, a gap, a reorg and an endpoint that came and went."""
    path = tmp_path_factory.mktemp("docs") / "ethmon.db"
    with new_database(path) as db:
        ledger.append(db, [*chain(0, 5_000), *chain(5_010, 14_400)], AT)
        gaps.open_gap(db, Gap(GapKind.BLOCKS, BlockNumber(5_001), BlockNumber(5_009), "timed out"), AT)
        new = chain(14_399, 14_402, branch="new", parent_branch="")
        ledger.replace_branch(db, ref(14_398), new, AT)
        events.record_endpoint(db, AT, "one", "down", "timed out")
        save_closes(db)
    return path


def test_there_are_queries() -> None:
    assert len(QUERIES) >= 20


@pytest.mark.parametrize("sql", QUERIES, ids=lambda sql: " ".join(sql.split())[:60])
def test_every_query_of_the_page_runs(path: Path, sql: str) -> None:
    result = query.run(path, sql)
    if not re.search(r"\b(position_now|position_move|outbox)\b", sql):
        assert result.rows


def test_every_table_and_view_is_on_the_page(db: Database) -> None:
    names = [
        name
        for (name,) in db.rows(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE '%sqlite%'"
        )
    ]
    assert [name for name in names if f"`{name}`" not in PAGE] == []


def test_the_python_of_the_page_runs(path: Path) -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=path.parent,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 2
