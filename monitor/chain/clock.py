"""The machine's clocks, as `monitor.ports.Clock`."""

from __future__ import annotations

import time

from monitor.units import UnixTime


class SystemClock:
    """Wall clock in whole seconds for records, monotonic clock for waiting."""

    def now(self) -> UnixTime:
        """Seconds since 1970, UTC."""
        return UnixTime(int(time.time()))

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
