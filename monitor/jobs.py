"""What runs by the clock beside the head loop. Every job has a connection of its own, and UTC."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from alerts.channels.heartbeat import Heartbeat
from monitor.bookkeeping import LONGEST_TAIL_S
from monitor.chain.beacon_pool import BeaconNodes
from monitor.chain.endpoints import Endpoints
from monitor.config import Settings
from monitor.digest import digest
from monitor.errors import EthmonError
from monitor.past.closes import PriceHistory
from monitor.past.deposits import read_deposit_ranges
from monitor.past.samples import take_sample
from monitor.ports import Clock
from monitor.rule_check import check_rules
from monitor.store import backlog, incidents, issuance, ledger, maintenance, outbox
from monitor.store.database import open_beside
from monitor.units import SECONDS_PER_DAY, UnixTime
from monitor.watch.thinning import thin

log = logging.getLogger("ethmon")

CHECKPOINT_EVERY_S = 3_600
CHECK_RULES_EVERY_S = 3_600
HEARTBEAT_EVERY_S = 60
DEAD_HEAD_S = 300
UNREACHABLE_S = 1_800
"""Messages that wait so long on every channel: nobody would hear of a liquidation."""
DIGEST_HOUR_UTC = 8
SAMPLE_EVERY_S = 60
"""Between looks whether a new epoch is due; a sample is taken once per due epoch."""
DEPOSITS_EVERY_S = 600
CLOSES_EVERY_S = 300
"""Between looks whether a day is over whose closes are not stored."""
THIN_EVERY_S = 3_600


@dataclass
class Jobs:
    """The jobs of one daemon."""

    settings: Settings
    clock: Clock
    source: Endpoints
    channels: Sequence[str]
    deliver: Callable[[], None]
    """Wakes the delivery thread."""
    is_well: Callable[[], bool]
    """Whether the chain is seen and its head is fresh: the heartbeat's condition."""
    prices: PriceHistory = field(default_factory=PriceHistory)

    def start(self, running: ExitStack) -> None:
        """Schedule everything; `running` ends it, and breaks off a beacon node's long answer."""
        from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED
        from apscheduler.schedulers.background import BackgroundScheduler

        scheduler: Any = BackgroundScheduler(
            timezone="UTC", job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        scheduler.add_listener(_say_failure, EVENT_JOB_ERROR | EVENT_JOB_MISSED)
        scheduler.add_job(self.checkpoint, "interval", seconds=CHECKPOINT_EVERY_S, id="checkpoint")
        at_once = datetime.now(UTC)
        scheduler.add_job(
            self.check_rules, "interval", seconds=CHECK_RULES_EVERY_S, id="rules", next_run_time=at_once
        )
        scheduler.add_job(self.queue_digest, "cron", hour=DIGEST_HOUR_UTC, id="digest")
        if self.settings.heartbeat_url:
            scheduler.add_job(self.beat, "interval", seconds=HEARTBEAT_EVERY_S, id="heartbeat")
        scheduler.add_job(self.read_deposits, "interval", seconds=DEPOSITS_EVERY_S, id="deposits")
        scheduler.add_job(
            self.read_closes, "interval", seconds=CLOSES_EVERY_S, id="closes", next_run_time=at_once
        )
        scheduler.add_job(self.thin_positions, "interval", seconds=THIN_EVERY_S, id="thinning")
        scheduler.start()
        running.callback(lambda: scheduler.shutdown(wait=True))
        if self.settings.beacon_urls:
            self._sample_issuance(scheduler, running)

    def checkpoint(self) -> None:
        """Drop states that no rollback can need, and move the write-ahead log into the database."""
        with open_beside(self.settings.db) as db:
            final = ledger.finalized(db)
            if final is not None:
                incidents.prune(db, final)
            maintenance.checkpoint(db)

    def check_rules(self) -> None:
        """Blob schedule and burn rule against what the node charged."""
        with open_beside(self.settings.db) as db:
            check_rules(db, self.source, self.clock)

    def queue_digest(self) -> None:
        """The daily message."""
        with open_beside(self.settings.db) as db:
            outbox.enqueue(db, digest(db, self.clock.now()), self.channels, self.clock.now())
        self.deliver()

    def read_deposits(self) -> None:
        """What entered the consensus layer, for estimates; samples of a beacon node make it needless."""
        with open_beside(self.settings.db) as db:
            newest = issuance.newest(db)
            if newest is None or self.clock.now() - newest.total.timestamp > LONGEST_TAIL_S:
                read_deposit_ranges(db, self.source, self.clock)

    def read_closes(self) -> None:
        """Daily closes of price feeds, and the correlations that follow."""
        with open_beside(self.settings.db) as db:
            self.prices.run(db, self.source, self.clock)

    def thin_positions(self) -> None:
        """Rows of positions that are older than the setting and only drifted, counted from the newest block."""
        with open_beside(self.settings.db) as db:
            head = ledger.cursor(db)
            if head is not None:
                thin(db, UnixTime(head.timestamp - self.settings.position_days * SECONDS_PER_DAY))

    def beat(self) -> None:
        """Tell the outside that all is well; silence is the alarm."""
        if self.is_well() and self._is_alive():
            outcome = Heartbeat(self.settings.heartbeat_url).beat()
            if outcome.cause:
                log.warning("%s", outcome.cause)

    def _is_alive(self) -> bool:
        """What is stored tells of a head loop that hangs, and of messages that reach nobody."""
        now = self.clock.now()
        people = set(self.channels) - {"console"}
        with open_beside(self.settings.db) as db:
            head = ledger.cursor(db)
            unreachable = people and people <= backlog.stuck(db, now - UNREACHABLE_S)
        return head is not None and now - head.timestamp < DEAD_HEAD_S and not unreachable

    def _sample_issuance(self, scheduler: Any, running: ExitStack) -> None:
        nodes = BeaconNodes(self.settings.beacon_urls, self.clock, self.source.chain_id())
        running.callback(nodes.close)

        def sample() -> None:
            with open_beside(self.settings.db) as db:
                take_sample(db, nodes, self.source, self.clock)

        now = datetime.now(UTC)
        scheduler.add_job(sample, "interval", seconds=SAMPLE_EVERY_S, id="issuance", next_run_time=now)
        running.callback(nodes.abort)  # before the scheduler waits for its jobs


def _say_failure(event: Any) -> None:
    problem = getattr(event, "exception", None)
    what = (
        str(problem)
        if isinstance(problem, EthmonError)
        else type(problem).__name__
        if problem
        else "it was missed"
    )
    log.error("job %s failed: %s", event.job_id, what)
