"""`python -m bench [--only NAME] [--quick]`: measure and print every figure beside its target."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import time

from bench.report import Options, Row, save, skipped, table

BENCHES = {
    "backfill": "blocks from a node into SQLite: against web3.py, ethereum-etl, cryo and the receive-only limit",
    "head": "from a new head to its committed row",
    "storage": "queries over ten million blocks",
    "history": "pages, charts, queries and commands over a year of everything",
    "live": "a refresh of `ethmon status --watch` over a year of everything",
    "beacon": "all balances of 2.2 million validators from a beacon node",
    "lending": "account reads encoded and decoded, and a liquidation ladder over a whole market",
    "watch": "a tick with a hundred watched wallets on the local node",
    "latency": "from a new head to the message that Telegram accepted, with a hundred watched wallets",
    "startup": "how long the command takes to answer, how much memory the idle daemon holds",
}


def main() -> int:
    chosen, options = arguments()
    results: list[Row] = []
    for name in chosen:
        started = time.perf_counter()
        print(f"\n== {name}: {BENCHES[name]}", flush=True)
        rows = measure(name, options)
        save(name, rows)
        print(table(rows))
        print(f"   ({time.perf_counter() - started:.0f} s)", flush=True)
        results += rows
    return summary(results)


def arguments() -> tuple[list[str], Options]:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(BENCHES), help="this bench only (repeatable)")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: does it still run?")
    given = parser.parse_args()
    return given.only or list(BENCHES), Options(quick=given.quick)


def measure(name: str, options: Options) -> list[Row]:
    """Rows of one bench; a bench that breaks is a skipped row with its cause, and the rest goes on."""
    module = f"bench.{name}"
    if importlib.util.find_spec(module) is None:
        return [skipped(name, "", "not written yet")]
    rows: list[Row] = []
    try:
        for row in importlib.import_module(module).run(options):
            rows.append(row)
            print(f"   {row.what}: {table([row]).splitlines()[-1][len(row.what) :].strip()}", file=sys.stderr)
    except Exception as error:
        rows.append(skipped(name, "", f"stopped: {type(error).__name__}: {error}"))
    return rows


def summary(rows: list[Row]) -> int:
    """One closing line; exit code 1 when a target is missed or a bench broke."""
    with_target = [row for row in rows if row.target is not None]
    passed = sum(row.verdict == "PASS" for row in with_target)
    short = [row.what for row in with_target if row.verdict == "FALLS SHORT"]
    unmeasured = [row.what for row in rows if row.value is None]
    print(f"\n{passed} of {len(with_target)} targets met.", end="")
    print(f" Falls short: {'; '.join(short)}." if short else "", end="")
    print(f" Not measured: {'; '.join(unmeasured)}." if unmeasured else "")
    return 1 if short or unmeasured else 0


if __name__ == "__main__":
    sys.exit(main())
