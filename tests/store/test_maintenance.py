"""Backup, checkpoint, and an audit that finds what was tampered with."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from monitor.errors import StoreError
from monitor.store import history, ledger, maintenance
from monitor.store.database import Database, open_reader, open_writer
from monitor.units import UnixTime
from tests.support.databases import chain

AT = UnixTime(1_800_000_000)


def test_a_backup_is_a_sound_database_of_one_file(db: Database, tmp_path: Path) -> None:
    ledger.append(db, chain(0, 999), AT)
    target = tmp_path / "copy.db"
    target.write_bytes(b"an older copy")
    maintenance.backup(db, target)
    assert sorted(item.name for item in tmp_path.glob("copy*")) == ["copy.db"]
    with open_writer(target) as copy:
        assert maintenance.integrity_problems(copy) == ()
        assert history.frame(copy) == history.frame(db)


def test_a_backup_while_another_connection_writes_is_one_state(db: Database, tmp_path: Path) -> None:
    ledger.append(db, chain(0, 2_999), AT)
    stop = threading.Event()

    def back_up() -> None:
        with open_reader(db.path) as reader:
            count = 0
            while not stop.is_set() or not count:
                maintenance.backup(reader, tmp_path / f"copy{count}.db")
                count += 1

    thread = threading.Thread(target=back_up)
    thread.start()
    for start in range(3_000, 4_000, 10):
        ledger.append(db, chain(start, start + 9), AT)
    stop.set()
    thread.join()
    copies = list(tmp_path.glob("copy*.db"))
    assert copies
    for copy in copies[-3:]:
        with open_writer(copy) as opened:
            assert maintenance.integrity_problems(opened) == ()
            assert history.frame(opened).totals.blocks % 10 == 0


def test_a_backup_that_cannot_be_written_says_so_and_keeps_the_old_one(db: Database, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"The backup .*nowhere/copy\.db cannot be written"):
        maintenance.backup(db, tmp_path / "nowhere" / "copy.db")
    with pytest.raises(StoreError, match="cannot replace the database"):
        maintenance.backup(db, db.path)


def test_a_checkpoint_empties_the_log_unless_somebody_reads(db: Database) -> None:
    ledger.append(db, chain(0, 999), AT)
    before = maintenance.size_bytes(db)
    with open_reader(db.path) as reader, reader.snapshot():
        history.head(reader)
        ledger.append(db, chain(1_000, 1_099), AT)
        db.connection.execute("PRAGMA busy_timeout = 1")
        assert maintenance.checkpoint(db).blocked
    assert maintenance.checkpoint(db) == (False, 0, 0)
    assert not db.path.with_name(db.path.name + "-wal").stat().st_size
    assert maintenance.size_bytes(db) < before


@pytest.mark.parametrize(
    ("tampering", "finding"),
    [
        (
            "DELETE FROM block WHERE number = 500",
            "Blocks 0 to 999 are recorded as stored, but 999 of 1000 are",
        ),
        ("DELETE FROM coverage", "1000 blocks are stored, but not recorded as stored"),
        ("UPDATE cursor SET number = 990", "9 blocks are stored above the cursor"),
        ("UPDATE block SET gas_used = gas_used + 1 WHERE number = 500", "The hour that begins at"),
        ("UPDATE block SET base_fee_wei = 1 WHERE number = 500", "The hour that begins at"),
        ("UPDATE rollup_hour SET burn_rem_wei = burn_rem_wei + 1", "The hour that begins at"),
        ("UPDATE rollup_day SET blob_fee_max_wei = 5", "The day that begins at"),
        ("DELETE FROM rollup_day", "The day that begins at"),
        ("INSERT INTO rollup_day SELECT * FROM rollup_hour LIMIT 1", "The day that begins at"),
    ],
)
def test_the_audit_finds_what_does_not_fit(db: Database, tampering: str, finding: str) -> None:
    ledger.append(db, chain(0, 999), AT)
    assert maintenance.integrity_problems(db) == ()
    db.rows(tampering)
    assert any(problem.startswith(finding) for problem in maintenance.integrity_problems(db))


def test_the_audit_reports_damaged_pages(db: Database, tmp_path: Path) -> None:
    ledger.append(db, chain(0, 2_999), AT)
    copy = tmp_path / "copy.db"
    maintenance.backup(db, copy)
    data = bytearray(copy.read_bytes())
    page = db.row("SELECT rootpage FROM sqlite_schema WHERE name = 'rollup_hour'")[0] - 1
    data[page * 4096 + 8 : page * 4096 + 100] = bytes(92)
    copy.write_bytes(data)
    with open_reader(copy) as reader:
        problems = maintenance.integrity_problems(reader)
    assert problems
    assert all(isinstance(problem, str) for problem in problems)
