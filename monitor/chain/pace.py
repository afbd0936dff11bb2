"""How many requests a backfill keeps in flight: learned from what more of them bring."""

from __future__ import annotations

import time

MOST_IN_FLIGHT = 16


class Pace:
    """How many requests to keep in flight: more while that pays, half when the node asks for a pause."""

    GAIN = 1.15
    """A doubling that brings less than this much more speed is taken back."""
    IDLE = 0.3
    """Below this share of idle time the limit is this process, and more requests only cost memory."""
    FAR = 0.85
    """Above it nearly all is waiting: four times as many at once."""
    HOLD = 16
    """Periods before a doubling that did not pay is tried again."""
    ECHO_S = 1.0
    """Refusals that come so soon after one another are one: all requests in flight get it."""

    def __init__(self, start: int = 1, most: int = MOST_IN_FLIGHT) -> None:
        self.wanted = min(start, most)
        self._most = most
        self._hold = 0
        self._before: tuple[int, float] | None = None
        self._refused_at = -self.ECHO_S

    def observed(self, speed: float, idle: float) -> None:
        """One period went by with this many blocks a second and this share of idle time."""
        if self._before is not None:
            wanted, before = self._before
            self._before = None
            if speed < self.GAIN * before:
                self.wanted = min(wanted, self.wanted)
                self._hold = self.HOLD
        if self._hold:
            self._hold -= 1
        elif idle > self.IDLE and self.wanted < self._most:
            self._before = (self.wanted, speed)
            self.wanted = min((4 if idle > self.FAR else 2) * self.wanted, self._most)

    def refused(self, now: float) -> None:
        """The node asked for a pause, at this monotonic time."""
        if now - self._refused_at < self.ECHO_S:
            return
        self._refused_at = now
        self.wanted = max(1, self.wanted // 2)
        self._before = None
        self._hold = self.HOLD


class Meter:
    """Tells the pace how fast pieces come and how much of the time this process had nothing to do."""

    PERIOD_S = 0.1

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._start()

    def _start(self) -> None:
        self._pieces = 0
        self._blocks = 0
        self._wall = time.monotonic()
        self._cpu = time.process_time()

    def count(self, blocks: int) -> None:
        """A piece has arrived."""
        self._pieces += 1
        self._blocks += blocks
        wall = time.monotonic() - self._wall
        if self._pieces < 2 * self._pace.wanted or wall < self.PERIOD_S:
            return
        idle = 1.0 - (time.process_time() - self._cpu) / wall
        self._pace.observed(self._blocks / wall, idle)
        self._start()
