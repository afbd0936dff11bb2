"""Opening: who may, what is refused, and that nothing refused is ever written to."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from monitor.domain import BurnRule
from monitor.errors import StoreBusy, StoreDamaged, StoreError, StoreFull, StoreNewer
from monitor.store import history, ledger, schema
from monitor.store.database import Database, Synchronous, open_reader, open_writer
from monitor.store.migrate import migrate
from monitor.units import UnixTime
from tests.support.databases import chain, new_database

AT = UnixTime(1_800_000_000)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A closed database with 3,000 blocks, in one file."""
    path = tmp_path / "filled.db"
    with new_database(path) as db:
        ledger.append(db, chain(0, 2_999), AT)
    assert not path.with_name("filled.db-wal").exists()
    return path


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_new_file_is_made_and_migrated_once(tmp_path: Path) -> None:
    path = tmp_path / "new file #1?.db"
    with open_writer(path) as db:
        assert db.row("PRAGMA user_version")[0] == schema.VERSION
        assert db.row("PRAGMA application_id")[0] == schema.APPLICATION_ID
        names = [name for (name,) in db.rows("SELECT name FROM _sqlite_migrations ORDER BY id")]
        assert names == [f"{n:04d}_{f.__name__}" for n, f in enumerate(schema.MIGRATIONS, start=1)]
        ledger.append(db, chain(0, 5), AT)
    with open_writer(path) as db:
        assert history.frame(db).totals.blocks == 6


def test_every_table_is_strict(db: Database) -> None:
    """But that of sqlite-utils itself."""
    lax = db.rows(
        "SELECT name FROM pragma_table_list WHERE type = 'table' AND NOT strict AND name NOT LIKE '%sqlite_%'"
    )
    assert lax == []


def test_pragmas_hold_on_every_connection(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with new_database(path) as db, db.sibling() as outbox, open_reader(path) as reader:
        for connection, synchronous in ((db, 1), (outbox, 2)):
            assert connection.row("PRAGMA journal_mode")[0] == "wal"
            assert connection.row("PRAGMA synchronous")[0] == synchronous
            assert connection.row("PRAGMA foreign_keys")[0] == 1
            assert connection.row("PRAGMA busy_timeout")[0] == 5_000
            assert connection.row("PRAGMA journal_size_limit")[0] == 64 * 1024 * 1024
        assert reader.row("PRAGMA query_only")[0] == 1
    with open_writer(path, synchronous=Synchronous.FULL) as db:
        assert db.row("PRAGMA synchronous")[0] == 2


def test_the_daemon_that_is_up_to_date_loads_neither_sqlite_utils_nor_pandas(filled: Path) -> None:
    code = """
import sys
from pathlib import Path
from monitor.store import history, ledger, maintenance
from monitor.store.database import open_writer
with open_writer(Path(sys.argv[1])) as db:
    history.frame(db)
    maintenance.checkpoint(db)
print([name for name in ("sqlite_utils", "pandas", "numpy", "click") if name in sys.modules])
"""
    assert run_python(code, str(filled)).stdout.strip() == "[]"


def test_nor_does_the_one_that_migrates(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from monitor.store.database import open_writer
open_writer(Path(sys.argv[1])).close()
print([name for name in ("sqlite_utils", "pandas", "numpy", "click") if name in sys.modules])
"""
    assert run_python(code, str(tmp_path / "new.db")).stdout.strip() == "[]"


def test_a_second_daemon_is_told_who_holds_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    code = """
import sys
from pathlib import Path
from monitor.errors import StoreBusy
from monitor.store.database import open_writer
try:
    open_writer(Path(sys.argv[1]))
except StoreBusy as error:
    print(error)
"""
    with new_database(path) as db:
        ledger.append(db, chain(0, 5), AT)
        said = run_python(code, str(path)).stdout
        assert f"in use by process {os.getpid()}" in said
        assert "ETHMON_DB" in said
        with pytest.raises(StoreBusy, match=f"process {os.getpid()}"):
            open_writer(path)
        assert history.frame(db).totals.blocks == 6
    open_writer(path).close()


def test_a_reader_needs_no_lock_and_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with new_database(path) as db, open_reader(path) as reader:
        ledger.append(db, chain(0, 5), AT)
        assert history.frame(reader).totals.blocks == 6
        with pytest.raises(StoreFull):
            ledger.append(reader, chain(6, 7), AT)


def test_a_reader_sees_whole_transactions_while_the_writer_writes(tmp_path: Path) -> None:
    """Each append adds 10 blocks; a reader never sees another count, or rollups of another state."""
    path = tmp_path / "x.db"
    done = threading.Event()
    seen: set[int] = set()
    wrong: list[object] = []

    def read() -> None:
        with open_reader(path) as reader:
            while not done.is_set():
                with reader.snapshot():
                    rows = reader.row("SELECT count(*) FROM block")[0]
                    rolled = reader.row("SELECT coalesce(sum(blocks), 0) FROM rollup_hour")[0]
                    frame = history.frame(reader).totals.blocks
                if not rows == rolled == frame or rows % 10:
                    wrong.append((rows, rolled, frame))
                seen.add(rows)

    with new_database(path) as db:
        thread = threading.Thread(target=read)
        thread.start()
        blocks = chain(0, 2_999)
        for start in range(0, 3_000, 10):
            ledger.append(db, blocks[start : start + 10], AT)
        done.set()
        thread.join()
    assert not wrong
    assert len(seen) > 1


def test_an_error_rolls_back_and_a_nested_one_only_its_part(db: Database) -> None:

    def append_and_fail(first: int, last: int) -> None:
        with db.transaction():
            ledger.append(db, chain(first, last), AT)
            raise KeyError

    with pytest.raises(KeyError):
        append_and_fail(0, 5)
    assert history.head(db) is None
    with db.transaction():
        ledger.append(db, chain(0, 5), AT)
        with pytest.raises(KeyError):
            append_and_fail(6, 9)
        ledger.append(db, chain(6, 7), AT)
    assert history.frame(db).totals.blocks == 8


def test_a_snapshot_is_for_reading(db: Database) -> None:
    """Writing in it would be undone at its end without a word, so it is refused."""
    with db.snapshot(), pytest.raises(RuntimeError, match="for reading"):
        ledger.append(db, chain(0, 5), AT)
    with db.transaction(), db.snapshot():
        ledger.append(db, chain(0, 5), AT)
    assert history.frame(db).totals.blocks == 6


def test_two_writers_of_one_process_wait_for_each_other(tmp_path: Path) -> None:
    with new_database(tmp_path / "x.db") as db, db.sibling() as outbox:
        with db.transaction():
            ledger.append(db, chain(0, 5), AT)
            outbox.connection.execute("PRAGMA busy_timeout = 10")
            with pytest.raises(StoreBusy), outbox.transaction():
                pass
        with outbox.transaction():
            assert history.frame(outbox).totals.blocks == 6


def damage_garbage(path: Path) -> None:
    path.write_bytes(b"this is no database at all, " * 500)


def damage_truncated(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2 // 4096 * 4096)


def damage_odd_size(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(5_000)


def damage_header_only(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(100)


def damage_first_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3_000)


def damage_format(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(44)  # the schema format number
        file.write(b"\x00\x00\x00\x09")


def damage_zeroes(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


DAMAGES = (
    damage_garbage,
    damage_truncated,
    damage_odd_size,
    damage_header_only,
    damage_first_page,
    damage_format,
    damage_zeroes,
)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("opener", [open_writer, open_reader])
def test_a_damaged_file_is_refused_and_left_as_it_is(
    filled: Path, damage: Callable[[Path], None], opener: Callable[[Path], Database]
) -> None:
    damage(filled)
    before = filled.read_bytes()
    with pytest.raises(StoreDamaged, match="is not a sound ethmon database") as caught:
        opener(filled)
    assert "\n" not in str(caught.value)
    assert filled.read_bytes() == before


def test_damage_inside_is_told_when_it_is_met(filled: Path) -> None:
    """One page of rows overwritten: opening succeeds, the read that meets it does not."""
    with open_reader(filled) as db:
        pages = db.rows(
            "SELECT pageno FROM dbstat WHERE name = 'block' AND pagetype = 'leaf' ORDER BY pageno"
        )
    with filled.open("r+b") as file:
        file.seek((pages[len(pages) // 2][0] - 1) * 4_096)
        file.write(b"\xa5" * 4_096)
    with open_writer(filled) as db, pytest.raises(StoreDamaged, match="restore a backup"):
        db.rows("SELECT * FROM block")


def test_an_empty_file_with_a_log_is_not_taken_for_new(tmp_path: Path) -> None:
    """SQLite would delete the log beside an empty database, and all that was not yet moved."""
    path = tmp_path / "x.db"
    with new_database(path) as db:
        ledger.append(db, chain(0, 100), AT)
        log = path.with_name("x.db-wal").read_bytes()
    path.write_bytes(b"")
    path.with_name("x.db-wal").write_bytes(log)
    with pytest.raises(StoreDamaged, match="write-ahead log"):
        open_writer(path)
    assert path.with_name("x.db-wal").read_bytes() == log


def test_an_empty_file_is_new(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.touch()
    with open_writer(path) as db:
        assert history.head(db) is None


def test_another_program_s_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photo (a)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    for opener in (open_writer, open_reader):
        with pytest.raises(StoreDamaged, match="another program wrote it"):
            opener(path)
    assert path.read_bytes() == before


def test_a_newer_database_is_refused_and_an_older_one_only_migrated_by_the_daemon(filled: Path) -> None:
    def set_version(version: int) -> None:
        connection = sqlite3.connect(filled)
        connection.execute(f"PRAGMA user_version = {version}")
        connection.close()

    set_version(schema.VERSION + 1)
    before = filled.read_bytes()
    for opener in (open_writer, open_reader):
        with pytest.raises(StoreNewer, match="Install the newer ethmon"):
            opener(filled)
    assert filled.read_bytes() == before
    set_version(schema.VERSION - 1)
    with pytest.raises(StoreError, match="ethmon run"):
        open_reader(filled)


def test_a_failed_migration_leaves_the_version_before_it(filled: Path) -> None:
    def more(db: object) -> None:
        db.execute("CREATE TABLE more (a INTEGER) STRICT")  # type: ignore[attr-defined]

    def broken(db: object) -> None:
        db.execute("CREATE TABLE most (a INTEGER) STRICT")  # type: ignore[attr-defined]
        db.execute("INSERT INTO most VALUES ('no number')")  # type: ignore[attr-defined]

    with pytest.raises(sqlite3.IntegrityError):
        migrate(filled, (*schema.MIGRATIONS, more, broken))
    connection = sqlite3.connect(filled)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    assert "more" in tables
    assert "most" not in tables
    assert connection.execute("PRAGMA user_version").fetchone()[0] == schema.VERSION + 1
    assert connection.execute("SELECT count(*) FROM block").fetchone()[0] == 3_000
    connection.close()


def test_a_place_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"the folder .*nowhere does not exist"):
        open_writer(tmp_path / "nowhere" / "x.db")
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(StoreError, match="is not a file"):
        open_writer(tmp_path)
    with pytest.raises(StoreError, match="does not exist"):
        open_reader(tmp_path / "x.db")
    assert not (tmp_path / "x.db").exists()


def test_a_first_start_that_was_cut_off_is_undone_by_the_next(tmp_path: Path) -> None:
    """The journal of a transaction that never ended lies beside the file: only a writer can undo it."""
    made, found = tmp_path / "made.db", tmp_path / "found.db"
    connection = sqlite3.connect(made, isolation_level=None)
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("BEGIN")
    connection.execute("CREATE TABLE half (made TEXT)")
    connection.executemany("INSERT INTO half VALUES (?)", [("x" * 1_000,)] * 1_000)
    for name in ("made.db", "made.db-journal"):
        (tmp_path / name.replace("made", "found")).write_bytes((tmp_path / name).read_bytes())
    connection.close()
    with pytest.raises(StoreError, match="cut off while it was made"):
        open_reader(found)
    with open_writer(found) as db:
        assert db.rows("SELECT * FROM sqlite_schema WHERE name = 'half'") == []
        assert db.row("PRAGMA user_version")[0] == schema.VERSION


UNPRIVILEGED = """
import os, sys
from pathlib import Path
from monitor.errors import StoreError
from monitor.store import history
from monitor.store.database import open_reader, open_writer
if os.geteuid() == 0:  # permissions do not bind root
    os.setgid(65534)
    os.setuid(65534)
opener = {"write": open_writer, "read": open_reader}[sys.argv[2]]
try:
    with opener(Path(sys.argv[1])) as db:
        print("blocks", history.frame(db).totals.blocks)
except StoreError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def reachable(filled: Path) -> Iterator[Path]:
    """A copy in a folder that any user can enter."""
    with tempfile.TemporaryDirectory(prefix="ethmon-test-") as name:
        folder = Path(name)
        path = folder / "x.db"
        path.write_bytes(filled.read_bytes())
        folder.chmod(0o777)
        yield path
        folder.chmod(0o777)


def test_a_read_only_file_is_told_at_the_start_and_can_be_read(reachable: Path) -> None:
    reachable.chmod(0o444)
    said = run_python(UNPRIVILEGED, str(reachable), "write")
    assert said.stdout.startswith("StoreFull ETHMON_DB:"), said.stderr
    assert "read-only" in said.stdout
    assert run_python(UNPRIVILEGED, str(reachable), "read").stdout == "blocks 3000\n"


def test_a_read_only_folder_is_told_at_the_start(reachable: Path) -> None:
    reachable.chmod(0o444)
    reachable.parent.chmod(0o555)
    said = run_python(UNPRIVILEGED, str(reachable), "write")
    assert said.stdout.startswith("StoreFull ETHMON_DB:"), said.stderr
    assert "folder writable" in said.stdout


def test_a_full_disk_loses_nothing_and_blocks_no_reader(filled: Path) -> None:
    """`max_page_count` makes SQLite meet the same error as a disk without space."""
    with open_writer(filled) as db:
        pages = db.row("PRAGMA page_count")[0]
        db.rows(f"PRAGMA max_page_count = {pages + 2}")
        more = chain(3_000, 9_999)
        with pytest.raises(StoreFull, match="what is stored is safe"):
            ledger.append(db, more, AT)
        assert not db.connection.in_transaction
        assert history.frame(db).totals.blocks == 3_000
        with open_reader(filled) as reader:
            assert history.frame(reader).totals.blocks == 3_000
        db.rows("PRAGMA max_page_count = 1000000")
        ledger.append(db, more, AT)
        assert history.frame(db).totals.blocks == 10_000


def test_a_full_disk_inside_a_nested_transaction_undoes_the_outer_one(filled: Path) -> None:
    with open_writer(filled) as db:
        db.rows(f"PRAGMA max_page_count = {db.row('PRAGMA page_count')[0] + 2}")

        def two_appends() -> None:
            with db.transaction():
                ledger.append(db, chain(3_000, 3_001), AT)
                ledger.append(db, chain(3_002, 9_999), AT)

        with pytest.raises(StoreFull):
            two_appends()
        assert not db.connection.in_transaction
        assert history.frame(db).totals.blocks == 3_000


def test_a_full_disk_stops_the_first_start_with_one_line(tmp_path: Path) -> None:
    """A real one: the child process that migrates may write no file beyond 8 KiB."""
    code = """
import resource, signal, sys
from pathlib import Path
from monitor.errors import StoreError
from monitor.store.database import open_writer
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
try:
    open_writer(Path(sys.argv[1]))
except StoreError as error:
    print(type(error).__name__, error)
"""
    said = run_python(code, str(tmp_path / "x.db"))
    assert said.stdout.startswith("Store"), said.stderr
    assert said.stdout.count("\n") == 1
    open_writer(tmp_path / "x.db").close()  # with space again it goes on from there


def test_reading_gives_back_the_enum(filled: Path) -> None:
    with open_reader(filled) as reader:
        head = history.head(reader)
        assert head is not None
        assert head.burn_rule is BurnRule.HEADER
