"""`ethmon status --watch` as a person runs it: a real terminal, keys, signals, pipes; and its reader."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.errors import StoreError
from monitor.reports.board.content import Wishes
from monitor.reports.board.reader import AGAIN_AFTER_S, BoardReader
from monitor.store import ledger
from monitor.store.database import open_beside, open_writer
from monitor.store.lock import FileLock, holder
from monitor.units import UnixTime
from tests.support.busy_database import HEAD, NOW, fill
from tests.support.commands import ROOT, ethmon, eventually, started
from tests.support.databases import block

_OWNING_ITS_TERMINAL = "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); from monitor.__main__ import main; main()"
"""So that ctrl-C becomes a signal, as in a shell."""
ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("watch") / "template.db"
    fill(file)
    return file


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(template, tmp_path / "ethmon.db"))


class Terminal:
    """A process on a pseudo-terminal, and all that it wrote."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self._master = master
        self.seen = b""

    def until(self, words: bytes, timeout: float = 20) -> None:
        """Read until `words` were written."""
        end = time.monotonic() + timeout
        while words not in self.seen:
            assert time.monotonic() < end, self.seen[-2_000:]
            self._read(0.2)

    def type(self, keys: bytes) -> None:
        """As a person does."""
        os.write(self._master, keys)

    def resize(self, columns: int, lines: int) -> None:
        """As a window manager does: the kernel tells the process."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def end(self, timeout: float = 15) -> int:
        """Its exit code, with everything it wrote read."""
        end = time.monotonic() + timeout
        while self.process.poll() is None:
            assert time.monotonic() < end
            self._read(0.1)
        self._read(0.1)
        return self.process.returncode

    def _read(self, seconds: float) -> None:
        if select.select([self._master], [], [], seconds)[0]:
            try:
                self.seen += os.read(self._master, 65_536)
            except OSError:  # the other side is closed
                return


@contextmanager
def terminal(folder: Path, *arguments: str, **environment: str) -> Generator[Terminal]:
    """`ethmon` with arguments on an 80x24 terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **environment}
    process = subprocess.Popen(
        [sys.executable, "-c", _OWNING_ITS_TERMINAL, *arguments],
        cwd=folder, env=given, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(master)


@pytest.mark.parametrize("how", ["q", "ctrl-c", "sigterm"])
def test_it_shows_resizes_and_gives_the_screen_back(path: Path, how: str) -> None:
    with terminal(path.parent, "status", "--watch") as it:
        it.until(b"Positions")
        assert ENTER in it.seen
        it.resize(200, 50)
        it.until(b"its price")  # a column that 80 cells have no room for
        if how == "sigterm":
            it.process.send_signal(signal.SIGTERM)
        else:
            it.type({"q": b"q", "ctrl-c": b"\x03"}[how])
        assert it.end() == 0
        assert it.seen.count(LEAVE) == 1
        assert b"Traceback" not in it.seen
        assert b"\x1b[?25h" in it.seen.rpartition(ENTER)[2]  # the cursor is back


def test_it_waits_for_a_database_that_is_not_there_yet(path: Path) -> None:
    hidden = path.rename(path.with_name("later.db"))
    with terminal(path.parent, "status", "--watch", "--every", "0.2") as it:
        it.until(b"Waiting.")
        hidden.rename(path)
        it.until(b"Positions")
        it.type(b"q")
        assert it.end() == 0


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(path: Path) -> None:
    with terminal(path.parent, "status", "--watch", TERM="dumb") as it:
        it.until(b"Messages")
        it.type(b"\x03")
        assert it.end() == 0
        assert b"\x1b" not in it.seen


def test_a_terminal_without_utf_8_gets_plain_signs_of_the_same_width(path: Path) -> None:
    with terminal(path.parent, "status", "--watch", PYTHONIOENCODING="ascii", NO_COLOR="1") as it:
        it.until(b"Health")
        it.type(b"q")
        assert it.end() == 0
        assert b"Traceback" not in it.seen
        assert it.seen.isascii()
        assert b"< $1,900.00" in it.seen
        assert b"\x1b[3" not in it.seen  # NO_COLOR
    plain = ethmon(path.parent, "status", PYTHONIOENCODING="latin-1")
    assert plain.returncode == 0, plain.stderr
    assert "> " in plain.stdout


def test_an_error_moves_no_cursor_whoever_wrote_its_text(path: Path) -> None:
    (path.parent / "own.csv").write_text("date,close\n2026-01-0\x1b]0;mine\x07\x9b2J\u202eX,5\n")
    with terminal(path.parent, "--db", str(path), "correlate", "--with", "own.csv") as it:
        assert it.end() == 2
    assert b"is not a day" in it.seen
    assert not {b"\x1b", b"\x07"} & {bytes([byte]) for byte in it.seen}
    assert not {"\x9b", "\u202e"} & set(it.seen.decode())


def test_in_a_pipe_it_prints_again_and_again(path: Path) -> None:
    with started(path.parent, "status", "--watch", "--every", "0.2", "--json") as process:
        log = path.parent / "stderr.log"
        end = time.monotonic() + 30
        while log.read_text().count("\n") < 2:
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        lines = log.read_text().splitlines()
    assert [json.loads(line)["head"]["number"] for line in lines[:2]] == [HEAD, HEAD]


def test_an_edited_watchlist_colours_the_positions(path: Path) -> None:
    """As the daemon takes it up, so does who looks at it."""

    def levels() -> dict[str, str | None]:
        whole, _, _ = (path.parent / "stderr.log").read_text().rpartition("\n")
        newest = whole.splitlines()[-1] if whole else '{"positions": []}'
        return {one["name"]: one["alert_level"] for one in json.loads(newest)["positions"]}

    number = iter(range(HEAD + 1, HEAD + 1_000))

    def is_coloured() -> bool:
        with open_beside(path) as db:
            ledger.append(db, [block(next(number))], NOW)
        return levels()["Soft"] is not None

    with started(path.parent, "status", "--watch", "--every", "0.2", "--json"):
        eventually(lambda: "Soft" in levels())
        assert levels()["Soft"] is None
        wallet = f'[[wallet]]\nname = "Soft"\naddress = "0x{"00" * 20}"\nalert_at = ["99%"]\n'
        (path.parent / "watchlist.toml").write_text(wallet)
        eventually(is_coloured)


def test_without_a_database_a_pipe_gets_the_error() -> None:
    done = ethmon(ROOT / "docs", "--db", "none.db", "status", "--watch")
    assert done.returncode == 1
    assert "none.db does not exist" in done.stderr


def test_the_reader_reads_again_only_when_something_was_written(path: Path) -> None:
    with BoardReader(path, Wishes) as reader:
        first = reader.look(NOW)
        assert reader.look(UnixTime(NOW + 1)).read_at == first.read_at
        with open_beside(path) as db:
            ledger.append(db, [block(HEAD + 1)], NOW)
        second = reader.look(UnixTime(NOW + 2))
        assert second.read_at == NOW + 2
        assert second.status.head is not None
        assert second.status.head.number == HEAD + 1
        assert reader.look(UnixTime(NOW + 2 + AGAIN_AFTER_S)).read_at == NOW + 2 + AGAIN_AFTER_S


def test_the_reader_notices_that_the_daemon_came_and_went(path: Path) -> None:
    with BoardReader(path, Wishes) as reader:
        assert reader.look(NOW).status.daemon_pid is None
        lock = FileLock(path)
        assert reader.look(NOW).status.daemon_pid == str(os.getpid())
        lock.release()
        assert reader.look(NOW).status.daemon_pid is None


def test_who_only_looks_keeps_no_daemon_from_starting(path: Path) -> None:
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.0005):
            holder(path)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(1_000):
            FileLock(path).release()
    finally:
        done.set()
        looking.join()


def test_the_reader_follows_a_file_that_was_put_in_the_place(path: Path, template: Path) -> None:
    with BoardReader(path, Wishes) as reader:
        reader.look(NOW)
        other = Path(shutil.copy(template, path.with_name("other.db")))
        with open_beside(other) as db:
            ledger.append(db, [block(HEAD + 1)], NOW)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        other.replace(path)
        head = reader.look(NOW).status.head
    assert head is not None
    assert head.number == HEAD + 1


def test_the_reader_never_keeps_the_log_from_being_cut(path: Path) -> None:
    with BoardReader(path, Wishes) as reader, open_writer(path) as db:
        reader.look(NOW)
        ledger.append(db, [block(HEAD + 1)], NOW)
        reader.look(NOW)
        assert db.row("PRAGMA wal_checkpoint(TRUNCATE)")[0] == 0


def test_an_older_schema_and_a_foreign_file_are_named(path: Path) -> None:
    with BoardReader(path, Wishes) as reader:
        reader.look(NOW)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    with (
        pytest.raises(StoreError, match="Start `ethmon run` once to migrate it"),
        BoardReader(path, Wishes) as reader,
    ):
        reader.look(NOW)
    path.write_bytes(b"no database" * 1_000)
    with (
        pytest.raises(StoreError, match="not a sound ethmon database"),
        BoardReader(path, Wishes) as reader,
    ):
        reader.look(NOW)
