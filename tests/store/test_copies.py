"""`ethmon backup` and `ethmon restore` on real files: proved, whole, and never under somebody's feet."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from alerts.compose import notice
from alerts.delivery import drain
from alerts.model import BlockStamp, Reading, Severity, Transition
from alerts.ports import ChannelHealth
from alerts.rules import parse_rules
from alerts.wording import moment
from monitor.errors import StoreBusy, StoreDamaged, StoreError
from monitor.readings.catalogue import CATALOGUE
from monitor.store import backlog, copies, incidents, ledger, maintenance, withdrawn
from monitor.store.database import Database, open_reader, open_writer
from monitor.store.outbox import SqliteOutbox
from monitor.store.schema import MIGRATIONS, VERSION
from monitor.units import UnixTime
from tests.support.alert_doubles import Clock, Scripted
from tests.support.commands import ethmon
from tests.support.databases import chain, new_database, ref

AT = UnixTime(1_800_000_000)


def blocks(path: Path) -> int:
    with open_reader(path) as db:
        assert maintenance.integrity_problems(db) == ()
        return int(db.row("SELECT count(*) FROM block")[0])


@pytest.fixture
def saved(db: Database, tmp_path: Path) -> Path:
    """A backup of blocks 0 to 99; the database itself goes on to 199."""
    ledger.append(db, chain(0, 99), AT)
    copies.save(db.path, tmp_path / "copy.db")
    ledger.append(db, chain(100, 199), AT)
    return tmp_path / "copy.db"


def test_a_database_in_use_is_saved_and_not_replaced(db: Database, saved: Path) -> None:
    assert blocks(saved) == 100
    with pytest.raises(StoreBusy, match="in use by process"):
        copies.restore(saved, db.path, AT, replace=True)
    assert blocks(db.path) == 200


def test_without_replace_nothing_is_replaced(db: Database, saved: Path) -> None:
    db.close()
    with pytest.raises(StoreError, match="--replace"):
        copies.restore(saved, db.path, AT)
    assert blocks(db.path) == 200


def test_what_was_there_is_kept_whole(db: Database, saved: Path) -> None:
    path = db.path
    db.close()
    done = copies.restore(saved, path, AT, replace=True)
    assert done == (99, path.with_name(f"ethmon.db.before-{AT}"), 0)
    assert (blocks(path), blocks(path.with_name(f"ethmon.db.before-{AT}"))) == (100, 200)
    names = {item.name for item in path.parent.iterdir()}
    assert names - {"ethmon.db-wal", "ethmon.db-shm"} <= {
        "ethmon.db", "ethmon.db.lock", "copy.db", f"ethmon.db.before-{AT}",
    }  # fmt: skip
    with open_writer(path) as again:
        ledger.append(again, chain(100, 150), AT)


def test_a_reader_elsewhere_keeps_its_file(db: Database, saved: Path) -> None:
    path = db.path
    db.close()
    with open_reader(path) as reader:
        reader.row("SELECT count(*) FROM block")
        with pytest.raises(StoreBusy, match="open in another program"):
            copies.restore(saved, path, AT, replace=True)
    assert blocks(path) == 200


def test_a_backup_that_is_not_sound_is_refused(db: Database, saved: Path, tmp_path: Path) -> None:
    path = db.path
    db.close()
    with closing(sqlite3.connect(saved)) as tampering:
        tampering.execute("UPDATE rollup_day SET burn_gwei = burn_gwei + 1")
        tampering.commit()
    with pytest.raises(StoreDamaged, match="The day that begins"):
        copies.restore(saved, path, AT, replace=True)
    with pytest.raises(StoreDamaged, match="The day that begins"):
        copies.save(saved, tmp_path / "second.db")
    assert blocks(path) == 200
    assert not (tmp_path / "second.db").exists()
    assert not list(tmp_path.glob("*.restoring*")) + list(tmp_path.glob("*.unproved*"))


@pytest.mark.parametrize("folder", ["nowhere", "a file"])
def test_a_backup_that_cannot_be_written_is_called_what_it_was_called(
    db: Database, tmp_path: Path, folder: str
) -> None:
    (tmp_path / "a file").write_text("no folder")
    target = tmp_path / folder / "copy.db"
    with pytest.raises(StoreError) as refused:
        copies.save(db.path, target)
    told = str(refused.value)
    assert told.startswith(f"The backup {target} cannot be written (")
    assert "Nothing is left behind." in told
    assert not {word for word in (".unproved", ".partial") if word in told}
    assert not list(tmp_path.rglob("*.unproved*")) + list(tmp_path.rglob("*.partial*"))


def test_a_backup_onto_a_folder_of_its_name_leaves_nothing(db: Database, tmp_path: Path) -> None:
    (tmp_path / "copy.db").mkdir()
    with pytest.raises(StoreError, match=r"copy\.db cannot be written .*Nothing is left behind"):
        copies.save(db.path, tmp_path / "copy.db")
    assert not list(tmp_path.glob("copy.db.*"))


@pytest.mark.parametrize("spelled", ["ethmon.db", "sub/../ethmon.db", "link.db"])
def test_a_backup_never_takes_the_place_of_its_database(db: Database, spelled: str) -> None:
    """A daemon would go on writing to a file that has no name any more."""
    folder = db.path.parent
    (folder / "sub").mkdir()
    (folder / "link.db").symlink_to(db.path)
    before = db.path.stat().st_ino
    with pytest.raises(StoreError, match="cannot replace the database"):
        copies.save(db.path, folder / spelled)
    assert db.path.stat().st_ino == before


def test_a_damaged_database_is_replaced_and_kept_as_it_is(db: Database, saved: Path) -> None:
    path = db.path
    db.close()
    path.write_bytes(b"scrap" * 1_000)
    done = copies.restore(saved, path, AT, replace=True)
    assert blocks(path) == 100
    assert done.kept is not None
    assert done.kept.read_bytes() == b"scrap" * 1_000


def test_a_file_that_is_no_backup_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    for content in (b"", b"not a database" * 100):
        other.write_bytes(content)
        with pytest.raises(StoreError):
            copies.restore(other, tmp_path / "ethmon.db", AT)
    with pytest.raises(StoreError, match="does not exist"):
        copies.restore(tmp_path / "none.db", tmp_path / "ethmon.db", AT)
    assert not (tmp_path / "ethmon.db").exists()


def test_an_older_schema_is_saved_as_it_is_and_migrated_when_restored(tmp_path: Path) -> None:
    from monitor.store.migrate import migrate

    old, copy, new = (tmp_path / name for name in ("old.db", "copy.db", "new.db"))
    migrate(old, MIGRATIONS[:-1])
    copies.save(old, copy)
    assert copies.restore(copy, new, AT) == (None, None, 0)
    with open_reader(new) as db:
        assert db.row("PRAGMA user_version")[0] == VERSION


def test_from_the_command_line(tmp_path: Path) -> None:
    with new_database(tmp_path / "ethmon.db") as db:
        ledger.append(db, chain(0, 99), AT)
        (tmp_path / "backups").mkdir()
        done = ethmon(tmp_path, "backup", "--to", "backups")
    assert done.returncode == 0, done.stderr
    copy = done.stdout.strip()
    assert copy.startswith("backups/ethmon-")
    refused = ethmon(tmp_path, "restore", "--from", copy)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    done = ethmon(tmp_path, "--db", "second.db", "restore", "--from", copy)
    assert done.stdout == "second.db: blocks to 99\n"
    assert blocks(tmp_path / "second.db") == 100


def test_messages_that_waited_in_the_backup_are_named_and_not_sent(db: Database, tmp_path: Path) -> None:
    """They may have left since: an alarm of days ago is a false one, and a silent loss is no better."""
    path, long_ago = db.path, AT - 5 * 86_400
    box = SqliteOutbox(db)
    for name in ("sent", "under way", "waits"):
        box.enqueue(notice(name, name, "", Severity.CRITICAL, long_ago), ["telegram", "email"], long_ago)
    (sent,) = box.claim("telegram", long_ago, 60)
    box.delivered([sent.row], long_ago, {})
    box.claim("telegram", long_ago, 60)
    box.set_health(ChannelHealth("telegram", failing_since=long_ago, failures=9))
    with db.transaction() as connection:
        connection.execute(
            "INSERT INTO outbox (message_key, channel, severity, thread, message, created_at)"
            " VALUES ('of another version', 'email', 2, '', '{}', 0)"
        )
    copies.save(path, tmp_path / "copy.db")
    db.close()
    assert copies.restore(tmp_path / "copy.db", path, AT, replace=True).unsent == 6
    telegram, email = Scripted("telegram"), Scripted("email")
    with open_writer(path) as again:
        drain(SqliteOutbox(again), [telegram, email], Clock(AT))
        rows = backlog.list_rows(again, ["dropped"])
    assert {(row.title, row.last_error) for row in rows if row.title} == {(name, withdrawn.WHY) for name in ("sent", "under way", "waits")}  # fmt: skip
    for channel in (telegram, email):
        (told,) = channel.accepted
        assert "3 messages that waited in it are not sent" in told.message.title
        assert told.message.severity is Severity.INFO, "no sound at three in the morning"
        assert [item.title[12:] for item in told.message.items] == ["sent", "under way", "waits"]
        assert moment(long_ago)[5:16] in told.message.items[0].title
        assert told.late_by_s == 0


@pytest.mark.parametrize(
    ("heard", "answered", "again"),
    [(False, False, [Transition.OPENED]), (True, False, []), (False, True, [])],
    ids=["waited", "delivered", "acknowledged"],
)
def test_what_waited_in_the_backup_is_told_anew_where_it_is_still_so(
    db: Database, tmp_path: Path, *, heard: bool, answered: bool, again: list[Transition]
) -> None:
    rules = parse_rules({"wallet": [{"name": "Whale", "alert_at": "10%"}]}, CATALOGUE)[:1]

    def judged(database: Database, number: int) -> list[Transition]:
        at = BlockStamp(number, ref(number).hash, ref(number).timestamp)
        reading = Reading("position.distance", "w", "Whale", Decimal(4), at, {"wallet": "Whale"})
        told = incidents.decide(database, rules, [reading], at=at, channels=["telegram"], now_wall=0.0)
        return [message.transition for message in told]

    path = db.path
    assert judged(db, 100) == [Transition.OPENED]
    if heard:
        drain(SqliteOutbox(db), [Scripted("telegram")], Clock(AT))
    if answered:
        assert incidents.acknowledge(db, "all") == 1
    copies.save(path, tmp_path / "copy.db")
    db.close()
    copies.restore(tmp_path / "copy.db", path, AT, replace=True)
    with open_writer(path) as restored:
        assert judged(restored, 101) == again
        assert judged(restored, 102) == []


def test_a_backup_in_which_nothing_waited_says_nothing(db: Database, saved: Path) -> None:
    path = db.path
    db.close()
    copies.restore(saved, path, AT, replace=True)
    with open_reader(path) as again:
        assert backlog.list_rows(again) == []
