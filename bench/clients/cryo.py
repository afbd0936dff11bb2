"""cryo with its defaults: one request per block, many in flight, Parquet.

    cryo URL FIRST COUNT FOLDER

The check reads a CSV of the same range's first 1,000 blocks, written after the clock has stopped.
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import cryo  # type: ignore[import-not-found]

from bench.measure import Stopwatch


def freeze(url: str, first: int, count: int, folder: Path, **options: bool) -> None:
    span = f"{first}:{first + count}"
    cryo.freeze(
        "blocks", blocks=[span], rpc=url, output_dir=str(folder), no_report=True, verbose=False, **options
    )


def main() -> None:
    url, first, count, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    watch = Stopwatch()
    freeze(url, first, count, folder / "parquet")
    watch.stop()
    checked = min(count, 1000)
    freeze(url, first, checked, folder / "csv", csv=True)
    burn = 0
    for path in (folder / "csv").glob("*.csv"):
        with path.open() as file:
            burn += sum(int(row["base_fee_per_gas"]) * int(row["gas_used"]) for row in csv.DictReader(file))
    watch.report(count, base_burn=burn, checked=checked)
    os._exit(0)  # its runtime's threads sometimes crash the interpreter on the way out


if __name__ == "__main__":
    main()
