"""ethereum-etl as its command line runs it: batches of 100, CSV.

etl URL FIRST COUNT FOLDER [WORKERS]
"""

from __future__ import annotations

import csv
import logging
import sys
from pathlib import Path

from ethereumetl.cli import cli  # type: ignore[import-not-found]

from bench.measure import Stopwatch


def main() -> None:
    url, first, count, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    workers = sys.argv[5] if len(sys.argv) > 5 else "1"
    logging.disable(logging.CRITICAL)
    output = folder / "blocks.csv"
    command = ["export_blocks_and_transactions", "-s", str(first), "-e", str(first + count - 1), "-b", "100"]
    command += ["-w", workers, "-p", url, "--blocks-output", str(output)]
    watch = Stopwatch()
    cli(command, standalone_mode=False)
    watch.stop()
    with output.open() as file:
        rows = list(csv.DictReader(file))
    burn = sum(int(row["base_fee_per_gas"]) * int(row["gas_used"]) for row in rows)
    watch.report(len(rows), base_burn=burn)


if __name__ == "__main__":
    main()
