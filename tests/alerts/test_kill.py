"""Two hundred times killed in the middle of its work: nothing lost, one duplicate per kill and channel at most."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from alerts.delivery import drain
from monitor.store import ledger, maintenance
from monitor.store.database import open_writer
from monitor.store.outbox import SqliteOutbox
from tests.support.alert_zygote import CHANNELS, FIRST, channels, decide
from tests.support.databases import block, new_database

ROOT = Path(__file__).resolve().parents[2]
KILLS = 200


@contextmanager
def receiver() -> Iterator[tuple[str, Counter[tuple[str, str]]]]:
    """The webhooks' other end, outside the process that is killed: how often each took each key."""
    accepted: Counter[tuple[str, str]] = Counter()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if len(body) == int(self.headers["Content-Length"]):
                with lock:
                    accepted[self.path[1:], self.headers["Idempotency-Key"]] += 1
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """The other side is killed all the time."""

    server = Quiet(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", accepted
    server.shutdown()
    server.server_close()


def kill_often(path: Path, url: str, chance: random.Random) -> None:
    zygote = subprocess.Popen(
        [sys.executable, "-m", "tests.support.alert_zygote", str(path), url],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert zygote.stdin is not None
    assert zygote.stdout is not None
    with zygote:
        for _ in range(KILLS):
            zygote.stdin.write("live\n")
            zygote.stdin.flush()
            life = int(zygote.stdout.readline())
            time.sleep(chance.uniform(0.0, 0.16))
            os.kill(life, signal.SIGKILL)
            assert zygote.stdout.readline() == "over\n"
        zygote.stdin.close()


def undisturbed(path: Path, last: int) -> list[tuple[str, str]]:
    """The alerts of the same blocks in a life without a kill."""
    with new_database(path) as db:
        for number in range(FIRST, last + 1):
            with db.transaction():
                ledger.append(db, (block(number),), block(number).ref.timestamp)
                decide(db, block(number))
        return db.rows("SELECT id, message_key FROM alert ORDER BY serial")


def test_two_hundred_kills(tmp_path: Path) -> None:
    path = tmp_path / "ethmon.db"
    new_database(path).close()
    with receiver() as (url, accepted):
        kill_often(path, url, random.Random(4))
        with open_writer(path) as db:
            outbox = SqliteOutbox(db)
            outbox.release_leases()
            while drain(outbox, channels(url), time.time).next_at is not None:
                time.sleep(0.1)
            head = ledger.cursor(db)
            assert head is not None
            alerts: list[tuple[str, str]] = db.rows("SELECT id, message_key FROM alert ORDER BY serial")
            left = db.rows("SELECT state FROM outbox WHERE state != 'delivered'")
            assert maintenance.integrity_problems(db) == ()
    keys = [key for _, key in alerts]
    assert alerts == undisturbed(tmp_path / "calm.db", head.number), "state and alerts commit together"
    assert left == []
    assert {(channel, key) for channel in CHANNELS for key in keys} <= set(accepted), "lost"
    duplicates = {channel: sum(accepted[channel, key] - 1 for key in keys) for channel in CHANNELS}
    print(f"{KILLS} kills, {len(keys)} alerts on each channel, 0 lost, duplicates: {duplicates}")
    assert max(duplicates.values()) <= KILLS
    assert len(keys) > KILLS, "the run was too idle to prove anything"
