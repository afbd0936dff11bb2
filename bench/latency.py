"""From a new head to the message that Telegram accepted: the daemon, a real market, a local Bot API.

    price moves in a block of Anvil --> `ethmon run` reads 100 positions, judges, commits
        --> delivery thread --> strict Bot API server on loopback

One block moves the ETH price so that all wallets cross their level at once, the next moves it back:
each is one grouped message. The time runs from before the block is mined, so mining counts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING

from bench.measure import scratch
from bench.report import Options, Row, at_most, skipped

if TYPE_CHECKING:
    from tests.support.telegram_emulator import TelegramEmulator

CHAT = 777
LOW_USD, HIGH_USD = 1_250, 2_400
BETWEEN_S = 1.3
"""Telegram takes a message a second in one chat; a shorter pause would measure its pacing."""
PATIENCE_S = 60.0


def run(options: Options) -> Iterator[Row]:
    """Needs Anvil, which comes from npm as for `make demo`."""
    wallets, target = options.scaled(100, 10), at_most(1)
    what = f"new head to message accepted, {wallets} wallets, p95"
    if shutil.which("npm") is None:
        yield skipped(what, "s", "npm was not found: the local node comes from npm", target)
        return
    with scratch() as folder:
        seconds = latencies(wallets, options.scaled(30, 4), folder)
    p95 = quantiles(seconds, n=20)[-1] if len(seconds) > 1 else seconds[0]
    yield Row(
        what, p95, "s", target, f"p50 {median(seconds):.2f} s, worst {max(seconds):.2f} s of {len(seconds)}"
    )


def latencies(wallets: int, rounds: int, folder: Path) -> list[float]:
    """Seconds of each round."""
    from monitor.localnet.aave_v3 import deploy_aave_v30
    from monitor.localnet.anvil import Anvil, ChainSpec
    from monitor.localnet.packages import install
    from monitor.units import TICKS_PER_USD, UnixTime
    from tests.support.aave_crowd import Spec, open_crowd
    from tests.support.telegram_emulator import TelegramEmulator

    spec = ChainSpec(timestamp=UnixTime(int(time.time()) - 3_600), automine=True, accounts=40)
    with Anvil.start(spec) as anvil, TelegramEmulator() as telegram:
        telegram.chat(CHAT)
        market = deploy_aave_v30(anvil.control, install())
        crowd = [Spec({"WETH": 10**7 + n}, 0, (("USDT", 400 + n),)) for n in range(wallets)]
        accounts = open_crowd(market, crowd)
        (folder / "watchlist.toml").write_text(
            "".join(
                f'[[wallet]]\nname = "whale {n}"\naddress = "{a}"\nalert_at = "30%"\ncool_down = 0\n'
                for n, a in enumerate(accounts, 1)
            )
        )
        with daemon(folder, anvil.url, telegram.url):
            # The first warms up: it finds the positions and proves each on the node.
            prices = [LOW_USD if n % 2 == 0 else HIGH_USD for n in range(rounds + 1)]
            moves = [partial(market.set_price, usd * TICKS_PER_USD) for usd in prices]
            return [one_round(move, telegram) for move in moves][1:]


def one_round(act: Callable[[], object], telegram: TelegramEmulator) -> float:
    """Move the price; seconds until one more message was accepted."""
    before, started = len(telegram.messages), time.perf_counter()
    act()
    while len(telegram.messages) == before:
        if time.perf_counter() - started > PATIENCE_S:
            raise TimeoutError("no message arrived")
        time.sleep(0.001)
    taken = time.perf_counter() - started
    time.sleep(BETWEEN_S)
    return taken


@contextmanager
def daemon(folder: Path, node: str, telegram: str) -> Iterator[None]:
    """`ethmon run`, woken by the node's WebSocket."""
    from tests.support.telegram_emulator import TOKEN

    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "ETH_RPC_URLS": node,
        "ETH_WS_URL": node.replace("http://", "ws://"),
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_CHAT_ID": str(CHAT),
        "TELEGRAM_API_URL": telegram,
        "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
    }
    with (folder / "daemon.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "monitor", "run"], cwd=folder, env=environment, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(15)
