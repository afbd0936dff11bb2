"""One new head after another through `monitor.tick`, as the daemon does it: read, check, commit.

    head URL FIRST HEADS DB

Own time is what a tick takes less what it waits for the node.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench.measure import Stopwatch
from monitor.chain.clock import SystemClock
from monitor.chain.endpoints import Endpoints
from monitor.chain.follower import Advance
from monitor.chain.rpc import ANY, Endpoint
from monitor.chain.schedule import find_blob_fees
from monitor.chain.transport import Answer, Transport
from monitor.store.database import open_writer
from monitor.tick import Tick

START = 200


class TimedTransport:
    """Adds up the time that every `Transport` of this process spends on the wire."""

    def __init__(self) -> None:
        self.waited_s = 0.0
        self._post = Transport.post
        Transport.post = lambda *given: self._timed(*given)  # type: ignore[method-assign]  # noqa: PLW0108 - binds

    def _timed(self, *given: Any) -> Answer:
        started = time.perf_counter()
        try:
            return self._post(*given)
        finally:
            self.waited_s += time.perf_counter() - started


def main() -> None:
    url, first, heads, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    wire, control, clock = TimedTransport(), Endpoint(url), SystemClock()
    control.call("fake_setHead", [hex(first + START)], ANY)
    pool = Endpoints([url], clock=clock)
    pool.blob_fee = find_blob_fees(pool, None, pool.head()).fees
    with open_writer(path) as db:
        tick = Tick(pool, db, clock, start_blocks=START // 2)
        tick.run()
        watch, own, waits = Stopwatch(), list[float](), list[float]()
        for number in range(first + START + 1, first + START + 1 + heads):
            control.call("fake_setHead", [hex(number)], ANY)
            waited, started = wire.waited_s, time.perf_counter()
            step = tick.run()
            took, on_wire = time.perf_counter() - started, wire.waited_s - waited
            assert isinstance(step, Advance), step
            own.append(took - on_wire)
            waits.append(on_wire)
        watch.stop()
        stored = db.row("SELECT max(number) FROM block")[0]
    assert stored == first + START + heads, stored
    p99 = quantiles(own, n=100)[98]
    watch.report(
        heads, own_us=int(median(own) * 1e6), own_p99_us=int(p99 * 1e6), wire_us=int(median(waits) * 1e6)
    )


if __name__ == "__main__":
    main()
