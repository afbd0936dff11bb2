"""`ethmon status --watch` on a year of history: CPU of a look and of a drawing, as it costs all day."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from rich.console import Console, Group
from rich.live import Live

from bench.report import Options, Row, at_most
from bench.year import YEAR_BLOCKS, year_file
from monitor.cli.board.layout import draw
from monitor.reports.board.content import Board, NetCache, Wishes, gather
from monitor.reports.board.reader import BoardReader
from monitor.store import ledger
from monitor.store.database import open_reader
from monitor.units import UnixTime

SIZES = ((80, 24), (120, 40), (200, 50))
REFRESH_MS = 50.0


def run(options: Options) -> Iterator[Row]:
    """Rows of the report."""
    database, rounds = year_file(options.scaled(YEAR_BLOCKS, 60_000)), options.scaled(15, 3)
    with open_reader(database) as db:
        head = ledger.cursor(db)
    assert head is not None
    now = UnixTime(head.timestamp + 5)
    looking = _look(database, now, rounds)
    yield Row("a look at a new head", looking, "ms", note="CPU, a hundred positions")
    with BoardReader(database, Wishes) as reader:
        board = reader.look(now)
        yield Row("a look when nothing was written", _cpu(lambda: reader.look(now), rounds), "ms")
    for width, height in SIZES:
        drawing = _drawn(board, now, width, height, rounds)
        yield Row(f"drawn at {width}x{height}", drawing, "ms")
        yield Row(f"a whole refresh at {width}x{height}", looking + drawing, "ms", at_most(REFRESH_MS))


def _drawn(board: Board, now: UnixTime, width: int, height: int, rounds: int) -> float:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system="256")
    with Live(console=console, screen=True, auto_refresh=False) as live:
        return _cpu(lambda: live.update(Group(*draw(board, now, width, height)), refresh=True), rounds)


def _look(database: Path, now: UnixTime, rounds: int) -> float:
    with open_reader(database) as db:
        return _cpu(lambda: gather(db, now, Wishes(), NetCache()), rounds)


def _cpu(work: Callable[[], object], rounds: int) -> float:
    """Median of this process's own time, in milliseconds; the first round fills the cache."""
    times: list[float] = []
    for _ in range(rounds + 1):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return median(times[1:]) * 1e3
