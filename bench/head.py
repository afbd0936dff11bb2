"""From a new head to its committed row: what a tick takes beyond waiting for the node.

The fake node serves mainnet-sized blocks with true hashes; each is read, its hash recomputed, its
parent link checked, its row and rollups written, and the transaction committed to a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from bench.fakenode import NoNodeError, fake_node
from bench.measure import run_client, scratch
from bench.report import Options, Row, at_most, skipped

WHAT = "new head to committed row: own time, p50"


def run(options: Options) -> Iterator[Row]:
    """A few hundred heads, one by one."""
    target = at_most(2)
    try:
        with fake_node() as node, scratch() as folder:
            samples = [
                run_client(
                    "bench.clients.head", node.url, node.first, options.scaled(400, 30), folder / f"{turn}.db"
                )
                for turn in range(options.scaled(3, 1))
            ]
    except NoNodeError as error:
        yield skipped(WHAT, "ms", str(error), target)
        return
    facts = [sample.facts or {} for sample in samples]
    p50, p99, wire = (
        median(fact[name] for fact in facts) / 1000 for name in ("own_us", "own_p99_us", "wire_us")
    )
    cpu = median(sample.cpu_us for sample in samples) / 1000
    yield Row(
        WHAT, p50, "ms", target, f"p99 {p99:.2f} ms; the wire adds {wire:.2f} ms; {cpu:.2f} ms CPU a head"
    )
