"""Token buckets: so many at once, so many a second after that."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock


class Bucket:
    """Holds `burst` tokens and gains `rate` a second, by a monotonic clock. Threads may share it."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._at = clock()
        self._lock = RLock()

    def wait_s(self, tokens: int = 1) -> float:
        """Seconds until that many are there; 0 when they are. Takes none."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + max(now - self._at, 0.0) * self._rate)
            self._at = now
            return max((tokens - self._tokens) / self._rate, 0.0)

    def take(self, tokens: int = 1) -> None:
        """Use them; the balance may go below zero and is waited for later."""
        with self._lock:
            self.wait_s()
            self._tokens -= tokens

    def pause(self, seconds: float) -> None:
        """The other side asked for a pause: nothing is there until it is over."""
        with self._lock:
            self.wait_s()
            self._tokens = min(self._tokens, 1 - seconds * self._rate)
