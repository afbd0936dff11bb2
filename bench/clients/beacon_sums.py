"""One way to add up all balances of a beacon node: `ours-ssz`, `ours-json` or `json.load`."""

from __future__ import annotations

import json
import sys
import time
import urllib.request

from bench.measure import Stopwatch, peak_rss_mb
from monitor.chain.beacon_http import JSON, SSZ_OR_JSON, BeaconHttp
from monitor.chain.beacon_sums import BALANCES, sum_listing

PATH = "/eth/v1/beacon/states/1/validator_balances"
DEADLINE_S = 300


def main() -> None:
    way, url = sys.argv[1:]
    if way == "json.load":
        watch = Stopwatch()
        with urllib.request.urlopen(url + PATH, timeout=DEADLINE_S) as answer:
            rows = json.load(answer)["data"]
        total = sum(int(row["balance"]) for row in rows)
        watch.stop()
        watch.report(len(rows), gwei=total)
        return
    import numpy as np  # what the daemon has loaded anyway

    np.frombuffer(bytes(16), dtype="<u8").sum()
    before = peak_rss_mb()
    http = BeaconHttp(url)
    watch = Stopwatch()
    accept = SSZ_OR_JSON if way == "ours-ssz" else JSON
    with http.stream(PATH, accept, time.monotonic() + DEADLINE_S) as stream:
        result = sum_listing(stream, BALANCES, url)
    watch.stop()
    watch.report(result.rows, gwei=result.gwei, grown_kb=int((peak_rss_mb() - before) * 1024))


if __name__ == "__main__":
    main()
