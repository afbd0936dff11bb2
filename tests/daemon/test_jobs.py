"""What runs by the clock: the heartbeat that stops when it should, and the digest that says only what is true."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from alerts.compose import notice
from alerts.model import Severity
from monitor.chain.endpoints import Endpoints
from monitor.config import Settings
from monitor.digest import digest
from monitor.jobs import DEAD_HEAD_S, UNREACHABLE_S, Jobs
from monitor.store import ledger, outbox
from monitor.store.database import Database
from monitor.store.outbox import SqliteOutbox
from monitor.units import SECONDS_PER_DAY, UnixTime
from tests.support.clock import ManualClock
from tests.support.databases import block, new_database
from tests.support.http_end import HttpEnd
from tests.support.position_rows import save_track

HEAD = block(1_000)


class Day(NamedTuple):
    db: Database
    clock: ManualClock
    jobs: Jobs
    end: HttpEnd

    def queue(self, key: str, *channels: str) -> None:
        now = self.clock.now()
        outbox.enqueue(self.db, notice(key, key, "text", Severity.CRITICAL, now), channels, now)

    def beats(self) -> int:
        before = len(self.end.requests)
        self.jobs.beat()
        return len(self.end.requests) - before


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    path = tmp_path / "ethmon.db"
    clock = ManualClock(HEAD.ref.timestamp + 12)
    source = Endpoints(["http://127.0.0.1:1"], clock=clock)
    with new_database(path) as db, HttpEnd() as end:
        ledger.append(db, (HEAD,), HEAD.ref.timestamp)
        settings = Settings(db=path, heartbeat_url=end.url)
        jobs = Jobs(settings, clock, source, ["telegram", "email", "console"], lambda: None, lambda: True)
        yield Day(db, clock, jobs, end)
    source.close()


def test_the_heart_stops_with_the_head_whatever_the_head_loop_says(day: Day) -> None:
    assert day.beats() == 1
    day.clock.advance(DEAD_HEAD_S)
    assert day.beats() == 0, "a loop that hangs says nothing at all"


def test_the_heart_stops_when_nobody_can_be_reached_any_more(day: Day) -> None:
    day.queue("a", "telegram", "email")
    (email,) = SqliteOutbox(day.db).claim("email", day.clock.now(), 1)
    day.clock.advance(UNREACHABLE_S + 1)
    fresh = block(1_200)
    ledger.append(day.db, (fresh,), fresh.ref.timestamp)
    assert day.beats() == 0
    SqliteOutbox(day.db).delivered([email.row], day.clock.now(), {})
    assert day.beats() == 1, "the other channel has told"


def test_the_digest_counts_a_day_and_names_what_is_open(day: Day) -> None:
    box = SqliteOutbox(day.db)
    for key in ("old", "older"):
        day.queue(key, "telegram")
        box.delivered([claim.row for claim in box.claim("telegram", day.clock.now(), 9)], day.clock.now(), {})
    day.clock.advance(SECONDS_PER_DAY + 1)
    day.queue("new", "telegram", "email")
    box.delivered([claim.row for claim in box.claim("email", day.clock.now(), 9)], day.clock.now(), {})
    facts = {fact.label: fact.text for fact in digest(day.db, day.clock.now()).facts}
    assert facts["Messages"] == "1 delivered, 1 waiting, 0 undeliverable"


def test_one_digest_a_day(day: Day) -> None:
    midnight = UnixTime(day.clock.now() - day.clock.now() % SECONDS_PER_DAY)
    keys = [digest(day.db, UnixTime(midnight + second)).key for second in (0, 86_399, 86_400)]
    assert keys[0] == keys[1] != keys[2]


def test_old_positions_are_thinned_by_the_setting(day: Day) -> None:
    """Counted from the newest block: a daemon that was off for a year finds its last days whole."""
    save_track(day.db, name="Whale", prices=[2_000] * 40, every=1)
    begin = block(1)
    ledger.append(day.db, (begin,), begin.ref.timestamp)
    far = block(1 + day.jobs.settings.position_days * SECONDS_PER_DAY // 12)
    ledger.append(day.db, (far,), far.ref.timestamp)
    day.jobs.thin_positions()
    assert day.db.row("SELECT count(*) FROM position") == (40,), "the day is not over by then"
    later = block(far.ref.number + SECONDS_PER_DAY // 12)
    ledger.append(day.db, (later,), later.ref.timestamp)
    day.jobs.thin_positions()
    assert day.db.row("SELECT count(*), max(seen_until) FROM position") == (2, block(39).ref.timestamp)
