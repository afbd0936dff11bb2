"""The process: settings in, threads and signals wired, until somebody stops it.

main thread        head loop on the monotonic clock: tick, mend gaps when idle
scheduler threads  checkpoint, audit, heartbeat: nothing that the head waits for
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from threading import Event
from types import FrameType
from typing import TextIO

from alerts.ports import Channel
from alerts.posts import Bell
from alerts.wording import counted
from monitor import readiness
from monitor.adapters import FEEDS, adapters_for
from monitor.chain.clock import SystemClock
from monitor.chain.connect import connect, genesis_hash
from monitor.chain.endpoints import Endpoints
from monitor.chain.follower import Advance, Standstill
from monitor.chain.wakeup import Wakeup
from monitor.config import Settings
from monitor.errors import BadAnswer, ChainError, NodeError
from monitor.jobs import Jobs
from monitor.metrics import serve_metrics
from monitor.notify import build_channels, start_delivery, start_telegram_commands
from monitor.past.closes import PriceHistory
from monitor.past.gaps import due, repair
from monitor.ports import Clock
from monitor.reload import Refused, WatchlistFile
from monitor.rule_check import resume
from monitor.sight import Sight
from monitor.store import events, identity, ledger, outbox
from monitor.store.database import Database, open_writer
from monitor.tick import Tick
from monitor.watch import SnapshotReader, Watch
from monitor.watch.tokens import TokenWatch
from monitor.watchlist import Watchlist, load_watchlist

log = logging.getLogger("ethmon")

REPAIR_EVERY_S = 30.0
REPAIR_BLOCKS = 500
"""In one go, as many as are read in a tick: a gap may have millions, and the head waits meanwhile."""
LOOK_EVERY_S = 10.0
STOP_WITHIN_S = 10

Observer = Callable[[Advance | Standstill], None]


class Daemon:
    """Follows the chain of `settings` into its database until `stop`."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        observer: Observer | None = None,
        console: TextIO | None = None,
    ) -> None:
        self._settings = settings
        self._console = console
        self._clock: Clock = clock or SystemClock()
        self._observer = observer
        self._stopping = Event()
        self._wake = Event()
        self._source: Endpoints | None = None
        self._sight = Sight(self._clock, self._stopping)
        self._repair_at = 0.0
        self._look_at = 0.0
        self._deliver = Bell()
        self._reread = Event()

    def stop(self) -> None:
        """End after the tick in progress; calls that wait for a node are broken off."""
        self._stopping.set()
        self._wake.set()
        if self._source is not None:
            self._source.abort()

    def reread(self) -> None:
        """Look at the watchlist now, not when its change has settled."""
        self._reread.set()
        self._wake.set()

    def run(self) -> None:
        """Run until stopped. Raises ConfigError, StoreError or NodeError when it cannot start."""
        with open_writer(self._settings.db) as db:
            self._source = connect(self._settings, self._clock, identity.chain_id(db))
            identity.bind_chain(db, self._source.chain_id(), genesis_hash(self._source), self._clock.now())
            resume(db, self._source)
            self._say_start(db)
            channels = build_channels(self._settings, self._console)
            file = WatchlistFile(self._settings.watchlist, [channel.name for channel in channels])
            watch = self._watch(self._source, channels)
            watch.resume(db)
            with ExitStack() as running:
                running.callback(self._source.close)
                running.callback(lambda: events.record_event(db, self._clock.now(), "stop"))
                self._start_wakeup(running)
                start_delivery(self._settings, channels, self._deliver, running)
                start_telegram_commands(self._settings, channels, running)
                self._jobs(self._source, channels, watch).start(running)
                serve_metrics(self._settings, self._source.health, running)
                running.callback(readiness.tell, "STOPPING=1")
                readiness.tell("READY=1")
                self._loop(db, self._source, watch, file)
        log.info("stopped")

    def _watch(self, source: Endpoints, channels: Sequence[Channel]) -> Watch:
        """What is read beside the blocks. Raises ConfigError for a watchlist that is not understood."""
        chain_id, names = source.chain_id(), [channel.name for channel in channels]
        watchlist = load_watchlist(self._settings.watchlist, names)
        if watchlist.wallets:
            log.info("watching %s", watchlist.in_words())
        reader = SnapshotReader(
            source, adapters_for(chain_id, self._settings.deployments), FEEDS.get(chain_id, {})
        )
        watch = Watch(source, reader, watchlist, self._clock, names, self._settings.stake)
        watch.on_messages = lambda _messages: self._deliver.set()
        watch.tokens = self._tokens(watchlist, chain_id)
        return watch

    def _tokens(self, watchlist: Watchlist, chain_id: int) -> TokenWatch:
        listed = watchlist.tokens_on(chain_id, self._settings.tokens)
        return TokenWatch(listed, self._settings.token_seconds)

    def _loop(self, db: Database, source: Endpoints, watch: Watch, file: WatchlistFile) -> None:
        tick = Tick(source, db, self._clock, start_blocks=self._settings.start_blocks, decide=watch.decide)
        while not self._stopping.is_set():
            step = self._tick(tick, db)
            self._sight.note_health(db, source.health())
            self._take_up(file, db, watch)
            self._look_at_ourselves(db, watch)
            if isinstance(step, Advance) and not step.complete:
                continue
            if isinstance(step, Standstill):
                self._mend(db, source)
            self._wake.wait(self._settings.poll_seconds)
            self._wake.clear()

    def _tick(self, tick: Tick, db: Database) -> Advance | Standstill | None:
        """One pass; a failure is said once and tried again at the next poll."""
        try:
            step = tick.run()
        except NodeError as error:
            if isinstance(error, BadAnswer) and error.endpoint == "node" and self._source is not None:
                self._source.distrust(error.problem)
            self._sight.lose(db, "node", str(error))
        except ChainError as error:
            self._sight.lose(db, "chain", str(error))
        else:
            self._sight.see(db, step)
            self._deliver.set()
            if self._observer is not None:
                self._observer(step)
            return step
        return None

    def _take_up(self, file: WatchlistFile, db: Database, watch: Watch) -> None:
        """An edited watchlist, as often as we look at ourselves, or when a signal says so."""
        if not self._reread.is_set() and self._clock.monotonic() < self._look_at:
            return
        found = file.look(at_once=self._reread.is_set())
        self._reread.clear()
        if isinstance(found, Refused):
            log.warning("the edited watchlist is not used: %s", found.problem)
            outbox.enqueue(db, found.message(self._clock.now()), watch.channels, self._clock.now())
            self._deliver.set()
        elif found is not None:
            watch.adopt(found, self._tokens(found, watch.source.chain_id()))
            rules = counted(len(found.rules), "rule")
            log.info("the edited watchlist is in force: %s, %s", found.in_words(), rules)

    def _look_at_ourselves(self, db: Database, watch: Watch) -> None:
        """Rules on our own sight run by the wall clock, whether there are new blocks or not."""
        if self._clock.monotonic() < self._look_at:
            return
        self._look_at = self._clock.monotonic() + LOOK_EVERY_S
        watch.look_at_ourselves(db, self._sight.trouble)
        self._deliver.set()  # queued inside a transaction that has ended now

    def _mend(self, db: Database, source: Endpoints) -> None:
        """Read gaps again, a few at a time, while there is nothing else to do."""
        if self._clock.monotonic() < self._repair_at:
            return
        self._repair_at = self._clock.monotonic() + REPAIR_EVERY_S
        records = due(db, self._clock)[:10]
        if not records:
            return
        try:
            result = repair(
                source, db, self._clock, records, cancel=self._stopping, most_blocks=REPAIR_BLOCKS
            )
        except NodeError as error:
            log.warning("gaps could not be read again: %s", error)
            return
        log.info("read %d blocks of gaps again, %d are complete now", result.asked, result.closed)

    def _start_wakeup(self, running: ExitStack) -> None:
        if self._settings.eth_ws_url:
            wakeup = Wakeup(self._settings.eth_ws_url, self._wake)
            wakeup.start()
            running.callback(wakeup.stop)

    def _jobs(self, source: Endpoints, channels: Sequence[Channel], watch: Watch) -> Jobs:
        return Jobs(
            self._settings,
            self._clock,
            source,
            [channel.name for channel in channels],
            self._deliver.set,
            lambda: self._sight.is_clear,
            PriceHistory(watch.reader.feeds, lambda: watch.watchlist.series),
        )

    def _say_start(self, db: Database) -> None:
        assert self._source is not None
        cursor = ledger.cursor(db)
        at = f"continues after block {cursor.number:,}" if cursor else "starts a new ledger"
        log.info("chain %d, database %s: %s", self._source.chain_id(), self._settings.db, at)
        events.record_event(db, self._clock.now(), "start")


def handle_signals(daemon: Daemon) -> None:
    """SIGTERM and ctrl-C end the daemon cleanly, a second one at once; SIGHUP reads the watchlist again."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        daemon.stop()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGHUP, lambda _number, _frame: daemon.reread())
