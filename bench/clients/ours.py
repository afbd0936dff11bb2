"""ethmon's own backfill: the code behind `ethmon backfill`, from the endpoint pool to the SQLite file.

ours URL FIRST COUNT DB blocks|headers [IN_FLIGHT]
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from bench.measure import Stopwatch
from monitor.chain.bulk import ReadBlocks, block_reader
from monitor.chain.clock import SystemClock
from monitor.chain.endpoints import Endpoints
from monitor.chain.pace import Pace
from monitor.chain.schedule import find_blob_fees
from monitor.past.blocks import run_backfill
from monitor.store import ledger
from monitor.store.database import Database, open_writer
from monitor.units import BlockNumber


def main() -> None:
    url, first, count, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    headers = sys.argv[5] == "headers"
    pace = Pace(start=int(sys.argv[6]), most=int(sys.argv[6])) if len(sys.argv) > 6 else None
    clock = SystemClock()
    pool = Endpoints([url], clock=clock)
    fees = find_blob_fees(pool, None, pool.head()).fees
    read = block_reader(pool, fees, headers=headers)
    with open_writer(path) as db:
        last = BlockNumber(first + count - 1)
        follow_from(db, read, BlockNumber(last + 10_000))
        watch = Stopwatch()
        done = run_backfill(
            read, db, BlockNumber(first), last, clock=clock, cancel=threading.Event(), pace=pace
        )
        watch.stop()
        report(watch, db, done.stored)


def follow_from(db: Database, read: ReadBlocks, number: BlockNumber) -> None:
    """As if a daemon followed the head of the same file: the backfill fills in below."""
    (block,) = read(number, number)
    assert block is not None
    ledger.set_cursor(db, block.ref)


def report(watch: Stopwatch, db: Database, stored: int) -> None:
    gwei, rest, withdrawn, txs = db.row(
        "SELECT sum(burn_gwei) + sum(blob_burn_gwei), sum(burn_rem_wei) + sum(blob_burn_rem_wei),"
        " sum(withdrawals_gwei), sum(tx_count) FROM block"
    )
    watch.report(stored, burn=gwei * 10**9 + rest, withdrawn=withdrawn or 0, txs=txs or 0)


if __name__ == "__main__":
    main()
