"""The fake node: compiled on first use, started for each bench, with the factors of every block it serves."""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.report import CACHE

SOURCE = Path(__file__).parent
BLOCKS = 8192
"""Different blocks; higher numbers repeat them, with numbers, times and hashes of their own."""


class NoNodeError(Exception):
    """The fake node cannot be built or started here: the message says what to install."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What the generator put into the blocks: the sums that every client must find."""

    first: int
    base_burn_wei: tuple[int, ...]
    """Of each block of the ring."""
    blob_burn_wei: tuple[int, ...]
    withdrawals_gwei: tuple[int, ...]
    txs: tuple[int, ...]

    def burn(self, first: int, count: int) -> int:
        """Exact burn of `count` blocks from number `first` on, in wei."""
        return self.base_burn(first, count) + self._sum(self.blob_burn_wei, first, count)

    def base_burn(self, first: int, count: int) -> int:
        """The part that is not blob burn."""
        return self._sum(self.base_burn_wei, first, count)

    def withdrawn(self, first: int, count: int) -> int:
        """Withdrawals of the same blocks, in gwei."""
        return self._sum(self.withdrawals_gwei, first, count)

    @staticmethod
    def _total(ring: tuple[int, ...], upto: int) -> int:
        rounds, rest = divmod(upto, len(ring))
        return rounds * sum(ring) + sum(ring[:rest])

    def _sum(self, ring: tuple[int, ...], first: int, count: int) -> int:
        start = first - self.first
        return self._total(ring, start + count) - self._total(ring, start)


@dataclass(frozen=True, slots=True)
class FakeNode:
    """A running node. `first` is its oldest block."""

    port: int
    first: int
    truth: Truth
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def fake_node(
    *,
    blocks: int = BLOCKS,
    latency_us: int = 0,
    item_us: int = 0,
    mbit: int = 0,
    gzip: bool = False,
    now: bool = False,
) -> Iterator[FakeNode]:
    """Start a node on a free port; it ends with the `with` block. Raises NoNodeError.

    `now` dates its head now and lets it grow; otherwise the chain is from January 2026 and long.
    """
    program = binary("fakenode")
    factors = CACHE / "bench" / f"factors-{os.getpid()}-{blocks}.csv"
    command = [str(program), "--blocks", str(blocks), "--factors", str(factors)]
    command += ["--latency-us", str(latency_us), "--item-us", str(item_us), "--mbit", str(mbit)]
    command += ["--gzip"] if gzip else []
    command += ["--now"] if now else []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            if not ready:
                raise NoNodeError(
                    "zlib's headers are missing, so the fake node cannot compress" if gzip else "it broke"
                )
            port, first = map(int, ready.split())
            yield FakeNode(port, first, read_truth(first, factors), process.pid)
        finally:
            process.kill()
            factors.unlink(missing_ok=True)


def read_truth(first: int, factors: Path) -> Truth:
    """Multiply out the factors that the generator wrote down."""
    with factors.open() as file:
        rows = [{key: int(value) for key, value in row.items()} for row in csv.DictReader(file)]
    return Truth(
        first,
        tuple(row["base_fee_wei"] * row["gas_used"] for row in rows),
        tuple(row["blob_base_fee_wei"] * row["blob_gas_used"] for row in rows),
        tuple(row["withdrawals_gwei"] for row in rows),
        tuple(row["tx_count"] for row in rows),
    )


@cache
def binary(name: str) -> Path:
    """The compiled `fakenode` or `drain`; compiled anew when a source has changed."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NoNodeError(
            "no C compiler (cc, gcc or clang) found; install one to measure against a fast node"
        )
    sources = sorted([*SOURCE.glob("*.c"), *SOURCE.glob("*.h")])
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    target = CACHE / "bench" / f"{name}-{digest}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [compiler, "-O2", "-Wall", "-o", str(target), str(SOURCE / f"{name}.c")]
        if subprocess.run([*command, "-DHAVE_ZLIB", "-lz"], capture_output=True, check=False).returncode:
            compile_plainly(command)
    return target


def compile_plainly(command: list[str]) -> None:
    """Without zlib's headers there is no `--gzip`; everything else works."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoNodeError(f"the C compiler failed: {done.stderr.strip().splitlines()[0]}")


@dataclass(frozen=True, slots=True)
class Drained:
    """What the receive-only client did."""

    blocks: int
    wall_s: float
    cpu_s: float


def drain(
    node: FakeNode, count: int, *, batch: int = 100, connections: int = 1, header: bool = False
) -> Drained:
    """Receive `count` blocks and throw them away: the limit of any client of this node."""
    method = "eth_getHeaderByNumber" if header else "eth_getBlockByNumber"
    command = [str(binary("drain")), *map(str, (node.port, node.first, count, batch, connections, method))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    blocks, _, wall, cpu = done.stdout.split()
    return Drained(int(blocks), float(wall), float(cpu))
