"""Lending: what encoding and decoding account reads costs, and a liquidation ladder over a whole market."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, localcontext
from pathlib import Path
from statistics import median
from typing import TypeVar

from bench.measure import Sample, scratch
from bench.report import CACHE, Options, Row, at_least, skipped
from contracts_abi import multicall3
from contracts_abi.aave_v3 import USER_ACCOUNT_DATA
from monitor.lending.ladder import Ladder, LadderRow
from monitor.units import MAX_UINT256, TICKS_PER_USD

NODE = Path(__file__).parent / "node"
POOL = "0x87870bca3f3fd6335c3f4ce8392d69350b4fa4e2"
PACK = 250
STEPS = 200
T = TypeVar("T")


class NoViemError(Exception):
    """viem could not be installed here; the message is npm's last line."""


def run(options: Options) -> Iterator[Row]:
    """Both jobs."""
    yield from account_reads(options.scaled(10_000, 1_000), options.scaled(7, 1))
    yield from ladder(options.scaled(100_000, 5_000), options.scaled(5, 1))


# --- account reads ---


def account_reads(count: int, rounds: int) -> Iterator[Row]:
    """`getUserAccountData` through Multicall3, 250 in a call; no network on either side."""
    what, target = "account reads, encoded and decoded: against viem multicall", at_least(10)
    rnd = random.Random(20260101)
    accounts = [f"0x{rnd.randbytes(20).hex()}" for _ in range(count)]
    answer = prepared_answer(rnd)
    ours, theirs = list[Sample](), list[Sample]()
    try:
        for _ in range(rounds):
            ours.append(read_ours(accounts, answer))
            theirs.append(read_viem(accounts, answer))
    except NoViemError as error:
        yield Row(
            "account reads, encoded and decoded: CPU each",
            median(s.cpu_us for s in ours or [read_ours(accounts, answer)]),
            "us",
        )
        yield skipped(what, "x", str(error), target)
        return
    ratio = median(b.cpu_us / a.cpu_us for a, b in zip(ours, theirs, strict=True))
    note = f"{median(s.cpu_us for s in ours):.1f} against {median(s.cpu_us for s in theirs):.0f} us CPU each"
    yield Row(what, ratio, "x", target, note)


def prepared_answer(rnd: random.Random) -> str:
    """What Multicall3 returns for one pack, as the node's JSON has it."""
    word = multicall3.WORD
    tails = []
    for index in range(PACK):
        health = MAX_UINT256 if index % 50 == 0 else rnd.randrange(10**19)
        values = (rnd.randrange(10**14), rnd.randrange(10**14), rnd.randrange(10**13), 8_000, 7_500, health)
        head = (1).to_bytes(word) + (2 * word).to_bytes(word) + (6 * word).to_bytes(word)
        tails.append(head + b"".join(value.to_bytes(word) for value in values))
    offsets = [(word * PACK + len(tails[0]) * index).to_bytes(word) for index in range(PACK)]
    return "0x" + b"".join((word.to_bytes(word), PACK.to_bytes(word), *offsets, *tails)).hex()


def read_ours(accounts: Sequence[str], answer: str) -> Sample:
    """The code of `monitor.chain.reader`: calls packed, answers told apart and decoded."""
    started, cpu = time.perf_counter(), time.process_time()
    debt = 0
    for at in range(0, len(accounts), PACK):
        calls = [(POOL, USER_ACCOUNT_DATA.encode(account)) for account in accounts[at : at + PACK]]
        request = f"0x{multicall3.encode(calls).hex()}"
        assert request
        for result in multicall3.decode(bytes.fromhex(answer[2:]), PACK)[: len(calls)]:
            debt += USER_ACCOUNT_DATA.decode(result.data).debt
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    return Sample(len(accounts), wall, cpu, facts={"debt": debt})


def read_viem(accounts: Sequence[str], answer: str) -> Sample:
    """viem's multicall action in Node. Raises NoViemError, and ValueError when it decodes something else."""
    home = install_viem()
    with scratch() as folder:
        (folder / "accounts").write_text("\n".join(accounts))
        (folder / "answer").write_text(answer)
        command = [
            "node",
            str(home / "viem_multicall.mjs"),
            str(folder / "accounts"),
            str(folder / "answer"),
            str(PACK),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    debt = int(found.pop("debt"))
    if debt != (read_ours(accounts, answer).facts or {})["debt"]:
        raise ValueError("viem decoded other debts than ours")
    return Sample(**found)


def install_viem() -> Path:
    """A folder with viem and our script, installed by npm on first use."""
    home, npm = CACHE / "bench-node", shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise NoViemError("npm was not found: install Node.js to measure against viem")
    home.mkdir(parents=True, exist_ok=True)
    lock = NODE / "package-lock.json"
    ready = home / ".ready"
    for name in ("package.json", "package-lock.json", "viem_multicall.mjs"):
        shutil.copy(NODE / name, home / name)
    if not ready.exists() or ready.read_text() != lock.read_text():
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoViemError(
                f"could not be installed: {(done.stderr.strip() or 'npm failed').splitlines()[-1][:160]}"
            )
        ready.write_text(lock.read_text())
    return home


# --- the ladder ---


def ladder(count: int, rounds: int) -> Iterator[Row]:
    """How many positions are liquidatable at each of 200 prices, against the obvious loop; equal counts.

    Prices move with every block and positions seldom, so ours keeps them sorted: sorting is a row of its own.
    """
    rows, ticks = market(count), [TICKS_PER_USD * price for price in range(500, 500 + 20 * STEPS, 20)]
    loop_ms, sort_ms, ladder_ms = list[float](), list[float](), list[float]()
    for _ in range(rounds):
        truth, loop = timed(lambda: decimal_loop(rows, ticks))
        kept, sort = timed(lambda: Ladder(rows))
        rungs, again = timed(lambda kept=kept: kept.rungs(ticks))
        if [rung.positions for rung in rungs] != truth:
            raise ValueError("the ladder and the loop count differently")
        loop_ms.append(loop)
        sort_ms.append(sort)
        ladder_ms.append(again)
    ratio = median(loop / ours for loop, ours in zip(loop_ms, ladder_ms, strict=True))
    note = f"{median(ladder_ms):.2f} against {median(loop_ms):.0f} ms, same counts"
    yield Row(
        f"ladder, {count:,} positions x {STEPS} steps: against a Decimal loop", ratio, "x", at_least(20), note
    )
    with_sort = median(
        loop / (sort + ours) for loop, sort, ours in zip(loop_ms, sort_ms, ladder_ms, strict=True)
    )
    yield Row(
        "the same when every position has changed", with_sort, "x", None, f"{median(sort_ms):.0f} ms to sort"
    )


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """The result, and the CPU milliseconds that it took."""
    started = time.process_time()
    result = work()
    return result, (time.process_time() - started) * 1e3


def market(count: int) -> list[LadderRow]:
    """Longs, stable-only accounts and shorts, in the integers of a lending protocol."""
    rnd = random.Random(7)
    rows: list[LadderRow] = []
    for index in range(count):
        eth = rnd.randrange(10**16, 10**22) * 8_250
        dollars = rnd.randrange(10**20, 10**25) * 10_000
        short = index % 10 == 0
        a, k, b, m = (0, dollars * 10**8, eth, 0) if short else (eth, 0, 0, dollars * 10**8)
        rows.append(LadderRow(a, k, b, m, float(dollars), float(eth)))
    return rows


def decimal_loop(rows: Sequence[LadderRow], ticks: Sequence[int]) -> list[int]:
    """What one writes first: each position's price in Decimal, sorted into the steps."""
    falling, rising = [0] * (len(ticks) + 1), [0] * (len(ticks) + 1)
    with localcontext() as context:
        context.prec = 78
        for row in rows:
            net, need = Decimal(row.a) - Decimal(row.b), Decimal(row.m) - Decimal(row.k)
            if net == 0:
                continue
            price = need / net
            if net > 0:
                falling[bisect_left(ticks, price)] += 1  # liquidatable at every step below its price
            else:
                rising[bisect_right(ticks, price)] += 1
    return cumulated(falling, rising, len(ticks))


def cumulated(falling: Sequence[int], rising: Sequence[int], steps: int) -> list[int]:
    counts = []
    above, below = sum(falling), 0
    for step in range(steps):
        above -= falling[step]
        below += rising[step]
        counts.append(above + below)
    return counts
