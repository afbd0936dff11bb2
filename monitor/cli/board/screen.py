"""The terminal of the live status: the alternate screen, keys, signals, one drawing a second."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live

from monitor.cli.board.layout import draw, message
from monitor.errors import StoreError
from monitor.reports.board.content import Board
from monitor.units import UnixTime

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_NOTICED = (*_ENDING, signal.SIGTSTP, signal.SIGWINCH)
_QUIT = frozenset(b"qQ\x04")
"""And ctrl-D. Ctrl-C and ctrl-Z are signals."""


class Sight:
    """The newest board, and what is wrong with it: a database that cannot be read leaves the last one."""

    def __init__(self, look: Callable[[UnixTime], Board]) -> None:
        self._look = look
        self._board: Board | None = None
        self._trouble = ""
        self._seen_at = UnixTime(0)

    def look(self, now: UnixTime) -> None:
        """Try to read."""
        try:
            self._board = self._look(now)
            self._trouble, self._seen_at = "", now
        except StoreError as error:
            self._trouble = str(error)

    def lines(self, now: UnixTime, width: int, height: int) -> list[Text]:
        """The screen at this moment."""
        if self._board is None:
            return message(f"Waiting. {self._trouble}", now, width, height)
        notice = ""
        if self._trouble:
            notice = f"Read last {now - self._seen_at} s ago. {self._trouble}"
        return draw(self._board, now, width, height, notice)


def watch(console: Console, look: Callable[[UnixTime], Board], every: float) -> None:
    """Show it until q, ctrl-C or SIGTERM; the screen is as before at the end."""
    sight, due = Sight(look), 0.0
    with _keys(), _wakeups() as woken, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            if time.monotonic() >= due:
                sight.look(_now())
                due = time.monotonic() + every
            width, height = console.size
            live.update(Group(*sight.lines(_now(), width, height)), refresh=True)
            signals, ends = _wait(woken, min(due - time.monotonic(), 1 - time.time() % 1))
            if ends or signals & _ENDING:
                return
            if signal.SIGTSTP in signals:
                _pause(live)


def _wait(woken: int, seconds: float) -> tuple[set[int], bool]:
    """Until the time is over or something happens: the signals that came, and whether a key ends it."""
    sources = [woken, *([sys.stdin.fileno()] if _has_keys() else [])]
    ready, _, _ = select.select(sources, [], [], max(seconds, 0.02))
    try:
        found = {source: os.read(source, 64) for source in ready}
    except OSError:  # the terminal is gone
        return set(), True
    signals = set(found.pop(woken, b""))
    return signals, any(not keys or keys[0] in _QUIT for keys in found.values())


def _pause(live: Live) -> None:
    """Ctrl-Z: give the screen back, and take it again when the job goes on."""
    live.stop()
    os.kill(os.getpid(), signal.SIGSTOP)
    if _has_keys():
        tty.setcbreak(sys.stdin)
    live.start(refresh=True)


@contextmanager
def _wakeups() -> Generator[int]:
    """A descriptor that gets the number of each signal that arrives: handlers only need to exist."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    before = {number: signal.signal(number, _nothing) for number in _NOTICED}
    previous = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    try:
        yield read
    finally:
        signal.set_wakeup_fd(previous)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(read)
        os.close(write)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """The wakeup descriptor tells."""


@contextmanager
def _keys() -> Generator[None]:
    """Keys arrive one by one and are not echoed."""
    if not _has_keys():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _has_keys() -> bool:
    """Whether somebody can type: stdin may be a file, or closed."""
    return bool(sys.stdin) and sys.stdin.isatty()


def _now() -> UnixTime:
    return UnixTime(int(time.time()))
