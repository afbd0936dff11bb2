"""`ethmon export`: files that other programs read back to the wei, day by day, resumable, never half."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.domain import FeedPrice, Gap, GapKind
from monitor.errors import UsageError
from monitor.reports.export import export
from monitor.store import events, gaps, ledger, prices
from monitor.store.database import Database, open_beside, open_reader
from monitor.store.query import run
from monitor.units import Address, BlockNumber, UnixTime
from tests.support.commands import ethmon
from tests.support.databases import chain, new_database, ref
from tests.support.position_rows import save_track

AT = UnixTime(1_800_000_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ethmon.db"
    with new_database(path) as db:
        fill(db)
    return path


def fill(db: Database) -> None:
    """Three days with a hole, a whale, a price, a reorg and what a daemon writes beside them."""
    ledger.append(db, [*chain(0, 5_000), *chain(5_011, 8_000)], AT)
    gaps.open_gap(db, Gap(GapKind.BLOCKS, BlockNumber(5_001), BlockNumber(5_010), "timed out"), AT)
    save_track(db, name="Whale", prices=range(2_000, 1_800, -10))
    prices.save(db, ref(10), FeedPrice("ETH/USD", Address("0x" + "11" * 20), 2**70, 8, ref(10).timestamp))
    events.record_endpoint(db, AT, "one", "down", "timed out")
    ledger.replace_branch(db, ref(7_998), chain(7_999, 8_002, branch="new", parent_branch=""), AT)


def write(path: Path, view: str, to: Path, form: str = "parquet") -> tuple[int, int, int]:
    with open_reader(path) as db:
        done = export(db, view, to, form)
    return done.written, done.unchanged, done.removed


def test_parquet_is_the_view_to_the_wei(path: Path, tmp_path: Path) -> None:
    assert write(path, "v_block", tmp_path / "out") == (3, 0, 0)
    table = pq.ParquetDataset(tmp_path / "out" / "v_block").read()
    assert table.schema.field("burn_eth").type == pa.decimal128(38, 18)
    assert table.schema.field("base_fee_gwei").type == pa.decimal128(38, 9)
    rows = run(
        path, "SELECT number, time_utc, base_fee_gwei, burn_eth, blobs FROM v_block ORDER BY number"
    ).rows
    read = (
        table.sort_by("number")
        .select(["number", "time_utc", "base_fee_gwei", "burn_eth", "blobs"])
        .to_pylist()
    )
    assert len(read) == len(rows)
    for got, (number, time, fee, burn, blobs) in zip(read, rows, strict=True):
        assert tuple(got.values()) == (
            number, datetime.fromisoformat(str(time)), Decimal(str(fee)), Decimal(str(burn)), blobs
        )  # fmt: skip
    days = {
        str(day): number
        for day, number in zip(table["day"].to_pylist(), table["number"].to_pylist(), strict=True)
    }
    assert {day: ref(number).timestamp // 86_400 for day, number in days.items()} == {
        day: int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) // 86_400 for day in days
    }


def test_every_table_and_view_is_exported_whole_in_both_formats(path: Path, tmp_path: Path) -> None:
    names = [str(name) for name, _ in run(path, "SELECT name, 1 FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'").rows]  # fmt: skip
    assert "v_burn_day" in names
    for name in names:
        count = int(str(run(path, f"SELECT count(*) FROM {name}").rows[0][0]))
        write(path, name, tmp_path / "out", "parquet")
        write(path, name, tmp_path / "out", "csv")
        files = sorted((tmp_path / "out" / name).rglob("data.parquet"))
        assert sum(pq.ParquetFile(file).metadata.num_rows for file in files) == count, name
        lines = [line for file in (tmp_path / "out" / name).rglob("data.csv") for line in _csv(file)[1:]]
        assert len(lines) == count, name
    assert not list((tmp_path / "out").rglob("*.partial"))


def _csv(file: Path) -> list[list[str]]:
    with file.open(newline="") as lines:
        return list(csv.reader(lines))


def test_csv_is_the_view(path: Path, tmp_path: Path) -> None:
    write(path, "v_burn_day", tmp_path / "out", "csv")
    files = sorted((tmp_path / "out" / "v_burn_day").rglob("data.csv"))
    found = run(path, "SELECT * FROM v_burn_day ORDER BY first_block")
    assert [file.parent.name for file in files] == [f"day={str(row[0])[:10]}" for row in found.rows]
    for file, row in zip(files, found.rows, strict=True):
        assert _csv(file) == [
            list(found.columns), ["" if value is None else str(value) for value in row]
        ]  # fmt: skip


def test_only_days_that_changed_are_written_again(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert write(path, "v_block", out) == (3, 0, 0)
    assert write(path, "v_block", out) == (0, 3, 0)
    first, *_ = sorted((out / "v_block").glob("day=*"))
    before = (first / "data.parquet").stat().st_mtime_ns
    with open_beside(path) as db:
        ledger.append(db, chain(8_003, 8_005, branch="new"), AT)
    assert write(path, "v_block", out) == (1, 2, 0)
    with open_beside(path) as db:
        ledger.append(db, chain(5_001, 5_010), AT)  # the hole in the second day is filled
    assert write(path, "v_block", out) == (1, 2, 0)
    assert (first / "data.parquet").stat().st_mtime_ns == before
    (first / "data.parquet").unlink()
    assert write(path, "v_block", out) == (1, 2, 0)
    assert write(path, "v_block", out, "csv") == (3, 0, 0)
    assert write(path, "v_block", out) == (0, 3, 0)


def test_a_row_that_changes_later_is_written_again(path: Path, tmp_path: Path) -> None:
    assert write(path, "v_gap", tmp_path)[0] == 1
    with open_beside(path) as db:
        db.rows("UPDATE gap SET closed_at = ?", AT + 60)
    assert write(path, "v_gap", tmp_path) == (1, 0, 0)
    assert write(path, "v_gap", tmp_path) == (0, 1, 0)


def test_a_day_that_a_reorg_took_back_is_removed(path: Path, tmp_path: Path) -> None:
    write(path, "v_block", tmp_path / "out")
    with open_beside(path) as db:
        db.rows("DELETE FROM rollup_day WHERE start = (SELECT max(start) FROM rollup_day)")
    assert write(path, "v_block", tmp_path / "out") == (0, 2, 1)
    assert len(list((tmp_path / "out").rglob("data.parquet"))) == 2


def test_a_run_that_was_cut_off_is_made_up_for(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(path, "v_block", out)
    (out / "v_block" / "_days.json").write_text('{"half')
    assert write(path, "v_block", out) == (3, 0, 0)


def test_what_does_not_fit_a_number_stays_text(path: Path, tmp_path: Path) -> None:
    write(path, "price", tmp_path)
    table = pq.ParquetDataset(tmp_path / "price").read()
    assert table["answer"].to_pylist() == [str(2**70)]
    assert table.schema.field("decimals").type == pa.int64()


def test_errors_name_the_fix(path: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean v_burn_day"):
        write(path, "v_burn_days", tmp_path)
    for name in ("sqlite_schema", "block; DROP TABLE block", "_sqlite_migrations"):
        with pytest.raises(UsageError, match="no such table"):
            write(path, name, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write(path, "v_block", tmp_path / "file")


def test_without_pyarrow_parquet_says_so_and_csv_works(path: Path, tmp_path: Path) -> None:
    import subprocess

    code = "import sys; sys.modules['pyarrow'] = None\nfrom monitor.cli import run; run(sys.argv[1:])"
    done = [
        subprocess.run(
            [sys.executable, "-c", code, "--db", str(path), "export", "--view", "v_gap", "--format", form, "--to", str(tmp_path / "o")],
            capture_output=True, text=True, check=False,
        )
        for form in ("parquet", "csv")
    ]  # fmt: skip
    assert (done[0].returncode, "ethmon[export]" in done[0].stderr) == (2, True)
    assert done[1].returncode == 0, done[1].stderr


def test_from_the_command_line(path: Path) -> None:
    done = ethmon(path.parent, "export", "--view", "v_burn_day", "--view", "v_gap", "--to", "files")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "files/v_burn_day: 3 written, 0 unchanged",
        "files/v_gap: 1 written, 0 unchanged",
    ]
