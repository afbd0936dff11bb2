"""Ticks with many watched wallets on a local chain with a real Aave v3 market.

    watch WALLETS TICKS FOLDER

Each tick follows one new block in which the ETH price has moved: every wallet's position is read,
its liquidation price solved, the rules judged, and all of it committed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median, quantiles

from bench.measure import Stopwatch
from monitor.adapters import FEEDS, adapters_for
from monitor.chain.clock import SystemClock
from monitor.chain.endpoints import Endpoints
from monitor.chain.follower import Advance
from monitor.localnet.aave_v3 import deploy_aave_v30
from monitor.localnet.anvil import Anvil, ChainSpec
from monitor.localnet.packages import install
from monitor.store.database import open_writer
from monitor.tick import Tick
from monitor.units import TICKS_PER_USD, Address, UnixTime
from monitor.watch import Watch
from monitor.watch.snapshot import SnapshotReader
from monitor.watchlist import load_watchlist
from tests.support.aave_crowd import Spec, open_crowd

PRICE_USD = 2_400


def crowd(count: int) -> list[Spec]:
    """Longs with one or two collaterals, and every fifth account short of ETH."""
    specs = []
    for index in range(count):
        long, short = {"WETH": 10**7 + index}, {"USDC": 10**7 + index}
        if index % 3 == 0:
            long["wstETH"] = 5 * 10**6
        if index % 4 == 0:
            long["WBTC"] = 3 * 10**6
        borrowed = "WETH" if index % 5 == 4 else "USDT"
        specs.append(Spec(short if borrowed == "WETH" else long, 0, ((borrowed, 400 + index),)))
    return specs


def write_watchlist(path: Path, accounts: list[Address]) -> None:
    entries = (f'[[wallet]]\nname = "whale {n}"\naddress = "{a}"\n' for n, a in enumerate(accounts, 1))
    path.write_text("\n".join(entries))


def main() -> None:
    wallets, ticks, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    clock = SystemClock()
    spec = ChainSpec(timestamp=UnixTime(clock.now() - 3_600), automine=True, accounts=40)
    with Anvil.start(spec) as anvil:
        market = deploy_aave_v30(anvil.control, install())
        accounts = open_crowd(market, crowd(wallets))
        write_watchlist(folder / "watchlist.toml", accounts)
        source = Endpoints([anvil.url], clock=clock)
        chain_id = source.chain_id()
        reader = SnapshotReader(source, adapters_for(chain_id), FEEDS.get(chain_id, {}))
        watch = Watch(source, reader, load_watchlist(folder / "watchlist.toml"), clock)
        with open_writer(folder / "ethmon.db") as db:
            tick = Tick(source, db, clock, start_blocks=96, decide=watch.decide)
            first = time.perf_counter()
            tick.run()  # the first look also proves every liquidation price on the node
            first = time.perf_counter() - first
            watchstop, took, trips = Stopwatch(), list[float](), list[int]()
            for number in range(ticks):
                market.set_price((PRICE_USD + number % 7) * TICKS_PER_USD)
                before, started = reader.reader.round_trips, time.perf_counter()
                step = tick.run()
                took.append(time.perf_counter() - started)
                trips.append(reader.reader.round_trips - before)
                assert isinstance(step, Advance), step
            watchstop.stop()
            assert watch.last is not None
            positions = len(watch.last.seen)
        source.close()
    assert positions >= wallets, f"{positions} positions of {wallets} wallets"
    watchstop.report(
        ticks,
        p50_us=int(median(took) * 1e6),
        p95_us=int(quantiles(took, n=20)[18] * 1e6),
        first_us=int(first * 1e6),
        trips=int(median(trips)),
        positions=positions,
    )


if __name__ == "__main__":
    main()
