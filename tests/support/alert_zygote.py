"""A busy monitor that may be killed at any moment, started anew in milliseconds.

    python -m tests.support.alert_zygote DATABASE URL < one line per life

This process imports everything once and forks a life for each line it reads; it prints the life's
pid, and `over` when it has died. A life ticks (block, decision, outbox in one transaction) and
delivers to two webhooks at the same time, a thread for each, as the daemon does, until it is killed.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from alerts.channels.webhook import Webhook
from alerts.model import BlockStamp, Reading, Rule
from alerts.posts import Bell, start
from alerts.rules import parse_rules
from monitor.domain import Block
from monitor.readings.catalogue import CATALOGUE
from monitor.store import incidents, ledger
from monitor.store.database import Database, open_writer
from monitor.store.outbox import SqliteOutbox
from monitor.units import UnixTime
from tests.support.databases import block

FIRST = 1_000
CHANNELS = ("first", "second")
RULES: tuple[Rule, ...] = parse_rules(
    {"wallet": [{"name": "Whale", "alert_at": ["20%", "10%"], "cool_down": 0}]}, CATALOGUE
)[:1]


class Named(Webhook):
    """A webhook that is one of several."""

    def __init__(self, url: str, name: str) -> None:
        super().__init__(f"{url}{name}")
        self.name = name


def channels(url: str) -> list[Named]:
    """Told apart by their paths."""
    return [Named(url, name) for name in CHANNELS]


def distance(number: int) -> Decimal:
    """Opens, worsens, recovers: every block but the fourth is news."""
    return (Decimal(15), Decimal(5), Decimal(50), Decimal(60))[number % 4]


def decide(db: Database, new: Block) -> None:
    at = BlockStamp(new.ref.number, new.ref.hash, new.ref.timestamp)
    reading = Reading("position.distance", "w", "Whale", distance(at.number), at, {"wallet": "Whale"})
    incidents.decide(db, RULES, (reading,), at=at, channels=CHANNELS, now_wall=time.time())


def tick(db: Database, bell: Bell) -> None:
    head = ledger.cursor(db)
    new = block(head.number + 1 if head else FIRST)
    with db.transaction():
        ledger.append(db, (new,), UnixTime(new.ref.timestamp))
        decide(db, new)
    bell.set()


def live(path: Path, url: str) -> None:
    bell = Bell()
    with open_writer(path) as db:
        SqliteOutbox(db).release_leases()

        @contextmanager
        def open_outbox() -> Generator[SqliteOutbox]:
            with db.sibling() as mine:
                yield SqliteOutbox(mine)

        start(open_outbox, channels(url), time.time, bell=bell)
        while True:
            tick(db, bell)


def main() -> None:
    path, url = Path(sys.argv[1]), sys.argv[2]
    for _ in sys.stdin:
        life = os.fork()
        if life == 0:
            live(path, url)
        print(life, flush=True)
        os.waitpid(life, 0)
        print("over", flush=True)


if __name__ == "__main__":
    main()
