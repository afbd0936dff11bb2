"""A clock that moves only when told to."""

from __future__ import annotations

from monitor.units import UnixTime


class ManualClock:
    def __init__(self, now: int = 1_750_000_000) -> None:
        self._now = float(now)
        self._monotonic = 1_000.0
        self.slept: list[float] = []

    def now(self) -> UnixTime:
        return UnixTime(int(self._now))

    def monotonic(self) -> float:
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self._now += seconds
        self._monotonic += seconds
