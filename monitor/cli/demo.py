"""`ethmon demo`: the daemon on a local chain that tells a story, without any network.

main thread      looks into the database and shows it
daemon thread    the same `Daemon` that `ethmon run` starts
chain thread     plays the scenario on Anvil
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from monitor.errors import EthmonError
from monitor.reports.alert_chart import draws_pictures
from monitor.units import UnixTime

if TYPE_CHECKING:
    from typing import TextIO

    from monitor.cli.demo_view import View
    from monitor.cli.demo_window import Seen
    from monitor.localnet.player import Pace, Player
    from monitor.localnet.receivers import Receivers
    from monitor.localnet.scenario import Step
    from monitor.localnet.stage import Stage

FOLDER = Path("ethmon-demo")
DATABASE = FOLDER / "ethmon.db"
WATCHLIST = FOLDER / "watchlist.toml"
CONSOLE = FOLDER / "console.txt"
BLOCK_EVERY_S = 2.0
LOOK_EVERY_S = 0.25
CATCH_UP_S = 20.0
DELIVER_S = 20.0
PICTURES_S = 10.0
"""For what is still on its way at the end: Telegram takes a message a second."""
STOP_WITHIN_S = 10.0
_OWN_TIME_S = 12
"""Seconds between blocks that do not wait for the wall clock."""


@click.command()
@click.option(
    "--minutes",
    type=click.FloatRange(min=0.8, max=30),
    default=3.0,
    show_default=True,
    help="How long the story lasts.",
)
@click.option("--fast", is_flag=True, help="A short story, as fast as the daemon follows.")
@click.option("--keep", is_flag=True, help="Let the chain and the daemon go on at the end, until ctrl-C.")
def demo(minutes: float, fast: bool, keep: bool) -> None:
    """Run the whole thing against a local chain, no network needed.

    Starts Anvil (from npm, installed on first use) with a real Aave market, plays transactions,
    blobs, a reorg and a falling price on it, and follows it with the real daemon into
    ./ethmon-demo/ethmon.db, which is made anew each time. Its alerts go to a chat and an inbox on
    this machine; with --keep the chat's buttons and commands work in a browser.
    """
    from monitor.localnet.actors import watchlist
    from monitor.localnet.receivers import Receivers
    from monitor.localnet.scenario import MIN_BLOCKS, plan
    from monitor.localnet.stage import Stage

    stop = threading.Event()
    _stop_on_signals(stop)
    _clear_folder()
    _log_to_file(FOLDER / "ethmon.log")
    steps = plan(MIN_BLOCKS if fast else round(minutes * 60 / BLOCK_EVERY_S))
    click.echo("Starting a local chain with a lending market ...")
    genesis = UnixTime(int(time.time()) - (_OWN_TIME_S * (len(steps) + 1) if fast else _OWN_TIME_S))
    with (
        Stage.build(genesis, say=click.echo) as stage,
        Receivers(FOLDER) as receivers,
        CONSOLE.open("w", encoding="utf-8") as console,
    ):
        WATCHLIST.write_text(watchlist(stage.cast, stage.market.tokens, own_time=fast), encoding="utf-8")
        stage.warm_up()
        click.echo(f"Alerts arrive in a chat at {receivers.chat_url} and an inbox at {receivers.inbox_url}")
        Show(stage, receivers, console, stop, fast=fast).run(steps, keep=keep)


class Show:
    """One performance: the chain plays, the daemon follows, the view shows what is stored."""

    def __init__(
        self, stage: Stage, receivers: Receivers, console: TextIO, stop: threading.Event, *, fast: bool
    ) -> None:
        from monitor.cli.demo_window import Window

        self._stage = stage
        self._receivers = receivers
        self._console = console
        self._stop = stop
        self._fast = fast
        self._window = Window(DATABASE)

    def run(self, steps: tuple[Step, ...], *, keep: bool) -> None:
        """From the first block to the last page."""
        from monitor.cli.demo_config import write
        from monitor.cli.demo_view import open_view
        from monitor.daemon import Daemon
        from monitor.localnet.player import Player

        before = self._stage.ether()
        player = Player(self._stage)
        settings = write(FOLDER, self._stage.anvil, self._receivers.settings(), fast=self._fast)
        daemon = Daemon(settings, console=self._console)
        with _running("daemon", daemon.run, daemon.stop) as following:
            with open_view(len(steps)) as view:
                self._watch(player, steps, following, view)
                seen = self._catch_up(following, view)
                self._deliver(following)
            self._last_page(seen, before)
            if keep and not self._stop.is_set():
                self._go_on(player, following)
            self._window.close()

    def _pace(self) -> Pace:
        from monitor.localnet.player import InStep

        return InStep(self._is_stored, self._stop) if self._fast else self._live()

    def _live(self) -> Pace:
        from monitor.localnet.player import Live

        return Live(BLOCK_EVERY_S, self._stop)

    def _is_stored(self) -> bool:
        """Whether the daemon has the chain's head; asked by the chain's thread, with a connection of its own."""
        from monitor.cli.demo_window import Window

        window = Window(DATABASE)
        head = window.head()
        window.close()
        return head == self._chain_head()

    def _chain_head(self) -> int:
        return self._stage.anvil.control.head_number()

    def _watch(self, player: Player, steps: Iterable[Step], following: Worker, view: View) -> None:
        """Show what is stored until the story is over or the user has enough."""
        with _running("chain", lambda: player.play(steps, self._pace()), self._stop.set) as playing:
            while playing.is_alive() and not self._stop.is_set():
                following.check()
                self._look(view)
                playing.join(LOOK_EVERY_S)
            playing.finish()

    def _look(self, view: View) -> Seen | None:
        seen = self._window.look()
        if seen is not None:
            view.show(seen)
        return seen

    def _catch_up(self, following: Worker, view: View) -> Seen:
        """Wait until the daemon has stored the chain's last block."""
        deadline = time.monotonic() + CATCH_UP_S
        while time.monotonic() < deadline:
            following.check()
            seen = self._look(view)
            if seen is not None and seen.head == self._chain_head():
                return seen
            time.sleep(LOOK_EVERY_S)
        raise EthmonError(
            f"The daemon did not follow the local chain to its end: see {FOLDER / 'ethmon.log'}."
        )

    def _deliver(self, following: Worker) -> None:
        """Wait for the messages that are still on their way."""
        deadline = time.monotonic() + DELIVER_S
        while self._window.is_delivering() and time.monotonic() < deadline:
            following.check()
            time.sleep(LOOK_EVERY_S)
        deadline = time.monotonic() + PICTURES_S
        while draws_pictures() and self._window.awaits_pictures() and time.monotonic() < deadline:
            following.check()
            time.sleep(LOOK_EVERY_S)

    def _last_page(self, seen: Seen, before: int) -> None:
        from monitor.cli.demo_alerts import lines
        from monitor.cli.demo_end import last_page

        alerts = lines(self._window.messages(), self._receivers.keep(), CONSOLE)
        for line in last_page(seen, before, self._stage.ether(), DATABASE, alerts):
            click.echo(line)

    def _go_on(self, player: Player, following: Worker) -> None:
        from monitor.localnet.scenario import afterwards

        click.echo(f"\nThe chain goes on at {self._stage.anvil.url}; ctrl-C ends it.")
        click.echo("In another terminal: what stands under `Go on with`, or any other command.")
        with _running("chain", lambda: player.play(afterwards(), self._live()), self._stop.set) as playing:
            while playing.is_alive() and not self._stop.wait(LOOK_EVERY_S):
                following.check()
            playing.finish()


class Worker(threading.Thread):
    """A thread whose error is raised in the thread that asks for it."""

    def __init__(self, name: str, work: Callable[[], None], end: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self._end = end
        self._error: BaseException | None = None

    def run(self) -> None:
        """The work."""
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - raised again by `check`
            self._error = error

    def check(self) -> None:
        """Raise what the work raised, if anything."""
        if self._error is not None:
            raise self._error

    def finish(self) -> None:
        """Wait for the work to end, and raise what it raised."""
        self.join(STOP_WITHIN_S)
        self.check()


@contextmanager
def _running(name: str, work: Callable[[], None], end: Callable[[], None]) -> Generator[Worker]:
    """A worker that is told to end, and waited for, however the block ends."""
    worker = Worker(name, work, end)
    worker.start()
    try:
        yield worker
    finally:
        if worker.is_alive():
            end()
            worker.join(STOP_WITHIN_S)


def _stop_on_signals(stop: threading.Event) -> None:
    """Ctrl-C and SIGTERM end the demo in order; a second one ends it at once."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)


def _clear_folder() -> None:
    """Remove the database of an earlier demo: it belongs to a chain that is gone. Raises StoreBusy."""
    from monitor.store.lock import FileLock

    FOLDER.mkdir(exist_ok=True)
    lock = FileLock(DATABASE)
    for suffix in ("", "-wal", "-shm"):
        DATABASE.with_name(DATABASE.name + suffix).unlink(missing_ok=True)
    lock.release()


def _log_to_file(path: Path) -> None:
    """The daemon's log lines go into a file: the screen is the view's."""
    from monitor.logs import TextFormatter

    handler = logging.FileHandler(path, mode="w")
    handler.setFormatter(TextFormatter(str))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
