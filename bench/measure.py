"""Clients run in processes of their own, in turns, so that whatever else the machine does hits all alike."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

PROJECT = Path(__file__).resolve().parents[1]
RUN_LIMIT_S = 600


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one client: what it did and what that cost, imports not counted."""

    items: int
    wall_s: float
    cpu_s: float
    rss_mb: float = 0.0
    facts: Mapping[str, int] | None = None
    """Sums that the client found, for comparison with the truth."""

    @property
    def cpu_us(self) -> float:
        """CPU time of one item, all threads, user and system."""
        return self.cpu_s / self.items * 1e6

    @property
    def per_second(self) -> float:
        return self.items / self.wall_s


@dataclass(frozen=True, slots=True)
class Summary:
    """Medians over the rounds."""

    cpu_us: float
    per_second: float
    rss_mb: float


def summarise(samples: Sequence[Sample]) -> Summary:
    """Medians of CPU and speed; the worst of memory."""
    return Summary(
        median(sample.cpu_us for sample in samples),
        median(sample.per_second for sample in samples),
        max(sample.rss_mb for sample in samples),
    )


class Stopwatch:
    """Inside a client: wall, CPU and peak memory of the work itself, printed as the last line of its output."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()
        self._cost: dict[str, float] = {}

    def stop(self) -> None:
        """The work is done; what follows (checks) is not counted."""
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        self._cost = {"wall_s": wall, "cpu_s": cpu, "rss_mb": peak_rss_mb()}

    def report(self, items: int, **facts: int) -> None:
        """Print the sample for `run_client`."""
        print(json.dumps({"items": items, **self._cost, "facts": facts}), flush=True)


def peak_rss_mb(pid: int | str = "self") -> float:
    """Peak resident memory. `VmHWM` where there is /proc: getrusage also counts the parent before exec."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


def run_client(module: str, *arguments: object, python: Path | str = sys.executable) -> Sample:
    """Run `python -m module arguments...`, which ends with `Stopwatch.report`.

    Raises RuntimeError with the client's last words.
    """
    command = [str(python), "-m", module, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        env=environment,
        timeout=RUN_LIMIT_S,
    )
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise RuntimeError(f"{module}: {words}")
    return Sample(**json.loads(done.stdout.strip().splitlines()[-1]))


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ethmon-bench-") as folder:
        yield Path(folder)
