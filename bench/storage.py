"""The SQLite file: bytes a row, rows a second, and questions to ten million blocks.

The ten million rows have the mix of mainnet from London on (fees of each era, withdrawals from
Shanghai, blobs from Cancun); they are made by SQL, because Python would take minutes. All times are CPU times of this process on a
warm cache: what else the machine does is left out.
"""

from __future__ import annotations

import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.report import Options, Row, at_least, at_most
from monitor.domain import Block, BlockRef, BlockRow, BurnRule
from monitor.store import history, ledger, maintenance, rollups
from monitor.store import rows as rows_table
from monitor.store.database import Database, open_reader, open_writer
from monitor.store.periods import Period
from monitor.units import SECONDS_PER_HOUR, BlobGas, BlockHash, BlockNumber, Gas, Gwei, UnixTime, Wei

LONDON = 12_965_000
LONDON_TIME = 1_628_166_822
NOW = 26_100_000
SHANGHAI, CANCUN, LOW_FEES = 17_034_870, 19_426_587, 21_500_000
YEAR_S = 31_536_000
BATCH = 1_000
REPEATS = 7


def run(options: Options) -> Iterator[Row]:
    """Rows of the report."""
    with tempfile.TemporaryDirectory(prefix="ethmon-bench-") as name:
        folder = Path(name)
        yield from _writing(folder, options.scaled(200_000, 20_000))
        yield from _asking(folder, options.scaled(10_000_000, 300_000))


def _writing(folder: Path, count: int) -> Iterator[Row]:
    blocks = [_made_up(LONDON + index) for index in range(count)]
    rows = [block.row for block in blocks]
    speeds = [
        (
            _rows_per_second(folder, f"plain{turn}", rows, _insert_plain),
            _rows_per_second(folder, f"utils{turn}", rows[: count // 4], _insert_sqlite_utils),
        )
        for turn in range(3)
    ]
    plain, utils = (statistics.median(column) for column in zip(*speeds, strict=True))
    yield Row("rows inserted, one transaction per 1,000", plain, "rows/s", at_least(300_000))
    yield Row("the same by sqlite-utils insert_all", utils, "rows/s")
    yield Row("ours against sqlite-utils", plain / utils, "x", at_least(5))
    for label, order in (("oldest first", 1), ("newest first", -1)):
        batches = [blocks[start : start + BATCH] for start in range(0, count, BATCH)][::order]
        with open_writer(folder / f"append{order}.db") as db:
            ledger.set_cursor(db, blocks[-1].ref._replace(number=BlockNumber(NOW)))
            seconds = _cpu(
                lambda db=db, batches=batches: [ledger.append(db, b, UnixTime(1)) for b in batches]
            )
            maintenance.checkpoint(db)
            yield Row(f"appended with links, rollups and coverage, {label}", count / seconds, "rows/s")
            yield Row(f"bytes a block after Cancun, {label}", maintenance.size_bytes(db) / count, "B")
    with open_writer(folder / "head.db") as db:
        ledger.append(db, blocks[:BATCH], UnixTime(1))
        heads = blocks[BATCH : BATCH + 300]
        micros = [_cpu(lambda db=db, b=b: ledger.append(db, [b], UnixTime(1))) * 1e6 for b in heads]
        yield Row("one new head appended", statistics.median(micros), "us", at_most(2_000), "CPU, p50")


def _asking(folder: Path, count: int) -> Iterator[Row]:
    path = folder / "ledger.db"
    with open_writer(path) as db:
        _fill(db, count)
        maintenance.checkpoint(db)
        size = maintenance.size_bytes(db) / count
    yield Row(f"bytes a block, all eras, {count:,} rows", size, "B", at_most(50), "whole file")
    with open_reader(path) as db:
        head = history.head(db)
        assert head is not None
        end = UnixTime(head.timestamp + 1)
        start = UnixTime(max(end - YEAR_S, LONDON_TIME))
        day = _median_ms(lambda: history.series(db, start, end, Period.DAY))
        yield Row("burn by day over a year", day, "ms", at_most(10))
        yield Row(
            "burn by hour over a year", _median_ms(lambda: history.series(db, start, end, Period.HOUR)), "ms"
        )
        yield Row(
            "burn by month since London",
            _median_ms(lambda: history.series(db, None, None, Period.MONTH)),
            "ms",
        )
        since = _median_ms(lambda: history.frame(db, UnixTime(end - 7 * 86_400 - 4_321), None))
        yield Row("burn since any second (7 days and a bit)", since, "ms")
        year = _median_ms(lambda: history.frame(db, UnixTime(start + 1_234), None))
        yield Row("burn since any second (a year)", year, "ms")
        exact = history.frame(db, start, end).totals.burn_wei
        scan, raw = _scan(db, start)
        yield Row("the same by scanning rows", scan, "ms", note="" if raw == exact else "SUMS DIFFER")
        yield Row(
            "frame against scan, exact to the wei", scan / year if raw == exact else None, "x", at_least(200)
        )
        yield Row("the head, 20 recent blocks", _median_ms(lambda: history.recent_blocks(db, 20)), "ms")


def _made_up(number: int) -> Block:
    """After Cancun."""
    mix = int.from_bytes(hashlib.blake2b(number.to_bytes(8, "big"), digest_size=6).digest(), "big")
    time_s = UnixTime(LONDON_TIME + 12 * (number - LONDON))
    place = BlockRef(
        BlockNumber(number), BlockHash(f"0x{number:064x}"), BlockHash(f"0x{number - 1:064x}"), time_s
    )
    row = BlockRow(
        number=place.number,
        timestamp=time_s,
        gas_limit=Gas(45_000_000),
        gas_used=Gas(10_000_000 + mix % 30_000_000),
        base_fee_wei=Wei(100_000_000 + mix % 2_000_000_000),
        burn_rule=BurnRule.HEADER,
        receipt_gas=None,
        blob_gas_used=BlobGas(131_072 * (mix % 15)),
        excess_blob_gas=BlobGas(mix % 150_000_000),
        blob_base_fee_wei=Wei(1 + mix % 1_000_000),
        tx_count=100 + mix % 300,
        withdrawal_count=16,
        withdrawals_gwei=Gwei(290_000_000 + mix % 20_000_000),
    )
    return Block(place, row)


def _insert_plain(db: Database, rows: Sequence[BlockRow]) -> None:
    """The hot statement alone."""
    for start in range(0, len(rows), BATCH):
        with db.transaction():
            rows_table.write(db, rows[start : start + BATCH])


def _insert_sqlite_utils(db: Database, rows: Sequence[BlockRow]) -> None:
    import sqlite_utils

    table = sqlite_utils.Database(db.connection)["block"]
    for start in range(0, len(rows), BATCH):
        table.insert_all(row._asdict() for row in rows[start : start + BATCH])


def _rows_per_second(
    folder: Path, name: str, rows: Sequence[BlockRow], insert: Callable[[Database, Sequence[BlockRow]], None]
) -> float:
    with open_writer(folder / f"{name}.db") as db:
        insert(db, rows[:BATCH])
        return (len(rows) - BATCH) / _cpu(lambda: insert(db, rows[BATCH:]))


def _fill(db: Database, count: int) -> None:
    """Rows by one SQL statement per era step, then every hour and day as `ledger` would leave them."""
    step = (NOW - LONDON) / count
    eras = [int((fork - LONDON) / step) for fork in (SHANGHAI, CANCUN, LOW_FEES)]
    with db.transaction() as connection:
        connection.execute(
            f"""
            WITH RECURSIVE i (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n < {count} - 1),
            r AS MATERIALIZED (SELECT n, abs(random()) AS a, abs(random()) AS b FROM i)
            INSERT INTO block ({", ".join(BlockRow._fields)})
            SELECT {LONDON} + n, {LONDON_TIME} + 12 * n, 30000000 + 15000000 * (n > {eras[2]}),
                5000000 + a % 25000000,
                CASE WHEN n < {eras[1]} THEN 10000000000 + b % 80000000000
                     WHEN n < {eras[2]} THEN 3000000000 + b % 25000000000
                     ELSE 80000000 + b % 2000000000 END,
                0, NULL,
                CASE WHEN n >= {eras[1]} THEN 131072 * (a % 10) END,
                CASE WHEN n >= {eras[1]} THEN b % 150000000 END,
                CASE WHEN n >= {eras[1]} THEN 1 + b % 1000 * (b % 997) END,
                80 + b % 300,
                CASE WHEN n >= {eras[0]} THEN 16 END,
                CASE WHEN n >= {eras[0]} THEN 280000000 + a % 30000000 END
            FROM r"""
        )
        last = LONDON + count - 1
        connection.execute("INSERT INTO coverage VALUES (?, ?, '0x', '0x')", (LONDON, last))
    head = history.head(db)
    assert head is not None
    spans: dict[int, tuple[int, int]] = {}
    for first in range(LONDON, LONDON + count, 300):
        _hour_span(spans, first, min(first + 299, last))
    with db.transaction():
        rollups.recompute(db, spans)


def _hour_span(spans: dict[int, tuple[int, int]], first: int, last: int) -> None:
    """Every 300 blocks of 12 s reach into two hours."""
    for number in (first, last):
        hour = LONDON_TIME + 12 * (number - LONDON)
        hour -= hour % SECONDS_PER_HOUR
        spans[hour] = (min(spans.get(hour, (first, 0))[0], first), last)


def _scan(db: Database, start: UnixTime) -> tuple[float, int]:
    began = time.process_time()
    gwei, rest = db.row("SELECT sum(burn_gwei), sum(burn_rem_wei) FROM block WHERE timestamp >= ?", start)
    return (time.process_time() - began) * 1e3, gwei * 10**9 + rest


def _median_ms(ask: Callable[[], object]) -> float:
    ask()
    return statistics.median(_cpu(ask) * 1e3 for _ in range(REPEATS))


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
