"""A tick with a hundred watched wallets on the local node: every position read, solved, judged, stored."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from bench.measure import run_client, scratch
from bench.report import Options, Row, at_most, skipped


def run(options: Options) -> Iterator[Row]:
    """Needs Anvil, which comes from npm as for `make demo`."""
    wallets, target = options.scaled(100, 10), at_most(1)
    what = f"tick with {wallets} watched wallets, p95"
    if shutil.which("npm") is None:
        yield skipped(what, "s", "npm was not found: the local node comes from npm", target)
        return
    with scratch() as folder:
        sample = run_client("bench.clients.watch", wallets, options.scaled(30, 5), folder)
    facts = sample.facts or {}
    seconds = {name: facts[f"{name}_us"] / 1e6 for name in ("p50", "p95", "first")}
    note = f"p50 {seconds['p50']:.2f} s, {sample.cpu_us / 1e6:.2f} s CPU, {facts['trips']} round trips"
    note += f"; the first, with a proof of each on the node, {seconds['first']:.1f} s"
    yield Row(what, seconds["p95"], "s", target, note)
