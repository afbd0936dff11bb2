"""Blocks from a node into SQLite: against web3.py, ethereum-etl, cryo and the receive-only limit.

All clients read the same synthetic mainnet-like blocks (22.6 KB, 273 transaction hashes, 16
withdrawals) from the same fake node on loopback, in turns. Ratios are of CPU time per block, which
other work on the machine disturbs least, unless they say "by the clock". Burn sums are checked
exactly in every run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from statistics import median

from bench.fakenode import FakeNode, NoNodeError, drain, fake_node
from bench.measure import Sample, run_client, scratch, summarise
from bench.peers import NoPeerError, environment
from bench.report import Options, Row, Target, at_least, at_most, skipped

WEB3 = "web3.py loop + row inserts"
ETL = "ethereum-etl 2.4.2"
ETL_GZIP = "ethereum-etl 2.4.2, node compresses as geth does"
CRYO = "cryo 0.3.2"
BLOCKS, HEADERS, LIMIT = "blocks", "headers", "limit"
LATENCY_US = 50_000
ITEM_US = 100
LINE_MBIT = 200

Client = Callable[[], Sample]


class WrongBurnError(Exception):
    """A client's sum is not the generator's: no figure of it means anything."""


@dataclass(slots=True)
class Rounds:
    """Samples of every client, round by round."""

    samples: dict[str, list[Sample]] = field(default_factory=dict[str, list[Sample]])

    def run(self, clients: dict[str, Client], rounds: int) -> None:
        """Each client in turn, `rounds` times."""
        for _ in range(rounds):
            for name, client in clients.items():
                self.samples.setdefault(name, []).append(client())

    def cpu_ratio(self, peer: str, ours: str) -> float:
        """How much more CPU a block costs the peer; median of the rounds' ratios."""
        return median(a.cpu_us / b.cpu_us for a, b in self._pairs(peer, ours))

    def wall_ratio(self, ours: str, peer: str) -> float:
        """How much faster ours is by the clock; median of the rounds' ratios."""
        return median(a.per_second / b.per_second for a, b in self._pairs(ours, peer))

    def rss_mb(self, client: str) -> float:
        return summarise(self.samples[client]).rss_mb

    def cost(self, client: str) -> str:
        """For people: what a block costs this client."""
        summary = summarise(self.samples[client])
        return f"{summary.cpu_us:,.0f} us CPU a block, {summary.per_second:,.0f} blocks/s"

    def _pairs(self, one: str, other: str) -> Iterator[tuple[Sample, Sample]]:
        return zip(self.samples[one], self.samples[other], strict=True)


def run(options: Options) -> Iterator[Row]:
    """On loopback, then at a simulated distance of 50 ms."""
    try:
        yield from near(options)
        yield from far(options)
        yield from over_a_line(options)
    except NoNodeError as error:
        yield skipped("all of it", "", str(error))


def near(options: Options) -> Iterator[Row]:
    """On loopback: the clients are the limit, not the network."""
    rounds, missing = Rounds(), dict[str, str]()
    with ExitStack() as stack:
        node = stack.enter_context(fake_node())
        clients = {
            LIMIT: partial(limit, node, options.scaled(80_000, 10_000)),
            BLOCKS: partial(ours, node, options.scaled(40_000, 3_000), "blocks"),
            HEADERS: partial(ours, node, options.scaled(80_000, 3_000), "headers"),
            WEB3: partial(web3_loop, node, options.scaled(250, 30)),
        }
        add_peers(stack, clients, missing, node, options)
        rounds.run(clients, options.scaled(7, 1))
    yield Row(
        "ethmon backfill: CPU per block",
        summarise(rounds.samples[BLOCKS]).cpu_us,
        "us",
        None,
        rounds.cost(BLOCKS),
    )
    for peer, target in ((WEB3, at_least(120)), (ETL_GZIP, at_least(10)), (ETL, None), (CRYO, at_least(3))):
        yield versus(rounds, peer, target, missing)
    share = 100 * rounds.wall_ratio(BLOCKS, LIMIT)
    yield Row(
        "share of the receive-only limit in C, by the clock", share, "%", at_least(20), rounds.cost(LIMIT)
    )
    yield Row(
        "headers against blocks", rounds.cpu_ratio(BLOCKS, HEADERS), "x", at_least(3), rounds.cost(HEADERS)
    )
    yield Row(
        "peak memory of a backfill", rounds.rss_mb(BLOCKS), "MB", at_most(60), "resident, whole process"
    )


def add_peers(
    stack: ExitStack, clients: dict[str, Client], missing: dict[str, str], node: FakeNode, options: Options
) -> None:
    """Add what can be installed here; the rest goes to `missing` with its cause."""
    count = options.scaled(3_000, 300)
    try:
        environment()
    except NoPeerError as error:
        missing.update(dict.fromkeys((ETL, ETL_GZIP, CRYO), str(error)))
        return
    clients[CRYO] = partial(peer, "cryo", node, options.scaled(8_000, 1_000))
    clients[ETL] = partial(peer, "etl", node, count)
    try:
        compressing = stack.enter_context(fake_node(gzip=True))
    except NoNodeError as error:
        missing[ETL_GZIP] = str(error)
    else:
        clients[ETL_GZIP] = partial(peer, "etl", compressing, count)


def versus(rounds: Rounds, peer: str, target: Target | None, missing: dict[str, str]) -> Row:
    what = f"against {peer}"
    if peer in missing:
        return skipped(what, "x", missing[peer], target)
    clock = f"{rounds.wall_ratio(BLOCKS, peer):,.3g}x by the clock"
    return Row(what, rounds.cpu_ratio(peer, BLOCKS), "x", target, f"{clock}; {rounds.cost(peer)}")


def far(options: Options) -> Iterator[Row]:
    """50 ms away and 0.1 ms of the node's time for each block: requests in flight are the limit."""
    rounds, target = Rounds(), at_least(8)
    with fake_node(latency_us=LATENCY_US, item_us=ITEM_US) as node:
        clients: dict[str, Client] = {BLOCKS: partial(ours, node, options.scaled(60_000, 3_000), "blocks")}
        try:
            environment()
            clients[CRYO] = partial(peer, "cryo", node, options.scaled(5_000, 500))
        except NoPeerError as error:
            yield skipped("50 ms away: against cryo 0.3.2, by the clock", "x", str(error), target)
        rounds.run(clients, options.scaled(3, 1))
    if CRYO in clients:
        ratio = rounds.wall_ratio(BLOCKS, CRYO)
        note = f"{rounds.cost(BLOCKS)}; cryo {rounds.cost(CRYO)}"
        yield Row("50 ms away: against cryo 0.3.2, by the clock", ratio, "x", target, note)
    yield Row("50 ms away: peak memory", rounds.rss_mb(BLOCKS), "MB", at_most(60), "resident, whole process")


def over_a_line(options: Options) -> Iterator[Row]:
    """A line of 200 Mbit/s: bytes are the limit, and headers have a thirteenth of them."""
    rounds = Rounds()
    with fake_node(latency_us=20_000, mbit=LINE_MBIT) as node:
        clients: dict[str, Client] = {
            BLOCKS: partial(ours, node, options.scaled(3_000, 300), "blocks"),
            HEADERS: partial(ours, node, options.scaled(20_000, 2_000), "headers"),
        }
        rounds.run(clients, options.scaled(2, 1))
    ratio = rounds.wall_ratio(HEADERS, BLOCKS)
    yield Row(
        f"over {LINE_MBIT} Mbit/s: headers against blocks, by the clock",
        ratio,
        "x",
        None,
        rounds.cost(HEADERS),
    )


def ours(node: FakeNode, count: int, mode: str) -> Sample:
    """The code of `ethmon backfill`, into a new database."""
    with scratch() as folder:
        sample = run_client("bench.clients.ours", node.url, node.first, count, folder / "ethmon.db", mode)
    return checked(sample, count, "burn", node.truth.burn(node.first, count))


def web3_loop(node: FakeNode, count: int) -> Sample:
    """The loop that everybody writes first."""
    with scratch() as folder:
        sample = run_client("bench.clients.web3_loop", node.url, node.first, count, folder / "loop.db")
    return checked(sample, count, "burn", node.truth.burn(node.first, count))


def peer(module: str, node: FakeNode, count: int) -> Sample:
    """A program of `bench.peers`. They know no blob fee, so their base burn is checked."""
    with scratch() as folder:
        sample = run_client(
            f"bench.clients.{module}", node.url, node.first, count, folder, python=environment()
        )
    read = (sample.facts or {}).get("checked", count)
    return checked(sample, count, "base_burn", node.truth.base_burn(node.first, read))


def limit(node: FakeNode, count: int) -> Sample:
    """Receive and throw away, in C: batches of 100 on one connection, as ours."""
    drained = drain(node, count)
    return Sample(drained.blocks, drained.wall_s, drained.cpu_s)


def checked(sample: Sample, count: int, fact: str, truth: int) -> Sample:
    found = (sample.facts or {}).get(fact)
    if sample.items != count or found != truth:
        raise WrongBurnError(f"{fact} of {count} blocks: {found} instead of {truth}")
    return sample
