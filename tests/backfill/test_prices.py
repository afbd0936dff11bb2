"""Closes of feeds from their rounds, on a real node: filled once, by command and by the daemon's job."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from threading import Event

import pytest

from monitor.adapters import FEEDS
from monitor.chain.clock import SystemClock
from monitor.chain.endpoints import Endpoints
from monitor.localnet.anvil import Anvil, ChainSpec
from monitor.macro.correlation import at_day, log_returns
from monitor.past.closes import KEPT_DAYS, PriceHistory, fill, missing_days
from monitor.store import closes, prices
from monitor.units import Address, UnixTime
from monitor.watchlist import Series
from tests.support.clock import ManualClock
from tests.support.commands import ethmon
from tests.support.databases import new_database
from tests.support.localnet import StartAnvil
from tests.support.rounds import Rounds, deploy_proxy

pytestmark = pytest.mark.localnet

DAY = 86_400
LAST = 20_000
"""The newest day that is over."""
DAYS = range(LAST - 199, LAST + 1)
MAINNET = FEEDS[1]
NOBODY = Address("0x" + "77" * 20)


def walk(seed: int, *, weekends: bool = True) -> dict[int, float]:
    dice, price, found = random.Random(seed), 2_000.0, dict[int, float]()
    for day in DAYS:
        price *= math.exp(dice.gauss(0, 0.03))
        if weekends or day % 7 not in {2, 3}:
            found[day] = round(price, 8)
    return found


SERIES = {"ETH/USD": walk(1), "BTC/USD": walk(2), "XAU/USD": walk(3, weekends=False)}


def rounds(series: dict[int, float]) -> Rounds:
    """Three a day, of which the last is the close; some are holes."""
    found = list[tuple[int, int]]()
    for day, price in series.items():
        answer = round(price * 10**8)
        hours = ((answer * 2, 6), (answer // 2, 15), (answer, 23))
        found += [
            (told, 0 if day % 9 == 0 and hour == 15 else day * DAY + hour * 3_600) for told, hour in hours
        ]
    return found


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    """Two phases of each feed at its address on mainnet; the newest block is two hours after midnight."""
    spec = ChainSpec(chain_id=1, automine=True, timestamp=UnixTime((LAST + 1) * DAY + 7_200))
    with Anvil.start(spec) as anvil:
        for feed, series in SERIES.items():
            told = rounds(series)
            cut = len(told) // 2
            deploy_proxy(anvil, [told[: cut + 9], told[cut:]], MAINNET[feed])
        anvil.control.mine(120)
        yield anvil


@pytest.fixture
def source(node: Anvil) -> Iterator[Endpoints]:
    with Endpoints([node.url], clock=SystemClock(), chain_id=1, timeout_s=20) as made:
        yield made


def stored(series: dict[int, float], first: int) -> dict[int, float]:
    return {day: pytest.approx(price) for day, price in series.items() if day >= first}  # type: ignore[misc]


def test_the_daemon_fills_what_is_missing_once_and_then_asks_nothing(
    source: Endpoints, tmp_path: Path
) -> None:
    clock = ManualClock((LAST + 1) * DAY + 9_000)
    (tmp_path / "own.csv").write_text(
        "date,close\n"
        + "".join(f"{date.fromordinal(719_163 + day)},{price}\n" for day, price in SERIES["BTC/USD"].items())
    )
    listed = [Series("Gone", tmp_path / "gone.csv", "", "")]
    with new_database(tmp_path / "ethmon.db") as db:
        job = PriceHistory(MAINNET, lambda: tuple(listed))
        done = job.run(db, source, clock)
        assert (done.read, done.unread) == (3 * KEPT_DAYS, {})
        first = LAST - KEPT_DAYS + 1
        end = UnixTime((LAST + 1) * DAY)
        for feed, series in SERIES.items():
            assert prices.daily_closes(db, feed, end) == stored(series, first)
        closed = db.row("SELECT count(*) FROM v_price_close WHERE market_closed AND feed = 'XAU/USD'")
        assert closed == (sum(day % 7 in {2, 3} for day in range(first, LAST + 1)),)
        listed.insert(0, Series("Mine", tmp_path / "own.csv", "", ""))
        assert job.run(db, source, clock).read == 0, "an edited watchlist costs no closes"
        told = db.rows("SELECT series, r, returns FROM correlation WHERE day = ? AND window_days = 30", LAST)
        eth = {day: price for day, price in SERIES["ETH/USD"].items() if day >= first}
        expected = {name: at_day(log_returns(eth, SERIES[feed]), LAST, 30) for name, feed in (("BTC/USD", "BTC/USD"), ("Mine", "BTC/USD"), ("XAU/USD", "XAU/USD"))}  # fmt: skip
        expected = {
            name: one for name, one in expected.items() if name != "XAU/USD" or LAST in SERIES["XAU/USD"]
        }
        assert {name: (pytest.approx(one.value), one.returns) for name, one in expected.items()} == {
            name: (r, returns) for name, r, returns in told
        }
        listed.clear()
        assert job.run(db, source, clock).read == 0
        assert db.row("SELECT count(*) FROM correlation WHERE series = 'Mine'") == (0,)


def test_nothing_is_asked_where_nothing_is_missing(
    source: Endpoints, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock((LAST + 1) * DAY + 9_000)
    with (
        new_database(tmp_path / "ethmon.db") as db,
        Endpoints(["http://127.0.0.1:9"], clock=SystemClock(), chain_id=1, timeout_s=1) as dead,
    ):
        PriceHistory(MAINNET, days=3).run(db, source, clock)
        PriceHistory(MAINNET, days=3).run(db, dead, clock)
        assert caplog.text == ""
        PriceHistory(MAINNET, days=4).run(db, dead, clock)
        assert "closes of price feeds are not read" in caplog.text


def test_a_day_that_is_not_final_waits(source: Endpoints, tmp_path: Path) -> None:
    clock = ManualClock((LAST + 2) * DAY + 60)
    with new_database(tmp_path / "ethmon.db") as db:
        PriceHistory(MAINNET, days=3).run(db, source, clock)
        assert closes.days(db, "ETH/USD") == {LAST - 2, LAST - 1, LAST}


def test_a_chain_that_stands_still_is_filled_up_to_its_own_time(source: Endpoints, tmp_path: Path) -> None:
    with new_database(tmp_path / "ethmon.db") as db:
        PriceHistory(MAINNET, days=3).run(db, source, ManualClock((LAST + 400) * DAY))
        assert closes.days(db, "ETH/USD") == {LAST - 2, LAST - 1, LAST}


def test_a_node_that_fails_costs_nothing_that_is_stored_and_is_tried_again(
    source: Endpoints, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock((LAST + 1) * DAY + 9_000)
    with (
        new_database(tmp_path / "ethmon.db") as db,
        Endpoints(["http://127.0.0.1:9"], clock=SystemClock(), chain_id=1, timeout_s=1) as dead,
    ):
        job = PriceHistory(MAINNET, days=3)
        assert job.run(db, dead, clock).read == 0
        assert job.run(db, dead, clock).read == 0
        assert caplog.text.count("closes of price feeds are not read") == 1, "said once"
        assert job.run(db, source, clock).read == 9


def test_it_stops_when_told_and_goes_on_where_it_was(source: Endpoints, tmp_path: Path) -> None:
    with new_database(tmp_path / "ethmon.db") as db:
        feeds = {"ETH/USD": MAINNET["ETH/USD"]}
        stop, wanted = Event(), missing_days(db, feeds, LAST - 149, LAST)
        seen = list[int]()

        def progress(done: int) -> None:
            seen.append(done)
            stop.set()

        assert fill(db, source, feeds, wanted, cancel=stop, progress=progress).read == 60
        assert min(closes.days(db, "ETH/USD")) == LAST - 59, "the newest days come first"
        again = missing_days(db, feeds, LAST - 149, LAST)
        assert len(again) == 90
        assert fill(db, source, feeds, again).read == 90
        assert missing_days(db, feeds, LAST - 149, LAST) == []


def test_days_before_a_feed_and_feeds_that_are_none_are_told_and_not_stored(
    source: Endpoints, tmp_path: Path
) -> None:
    with new_database(tmp_path / "ethmon.db") as db:
        feeds = {"ETH/USD": MAINNET["ETH/USD"], "NO/USD": NOBODY}
        wanted = [("ETH/USD", DAYS[0] - 2), ("ETH/USD", DAYS[0]), ("NO/USD", LAST)]
        done = fill(db, source, feeds, wanted)
        assert (done.read, done.empty) == (1, {("ETH/USD", DAYS[0] - 2)})
        assert list(done.unread) == ["NO/USD"]
        assert closes.days(db, "ETH/USD") == {DAYS[0]}


def test_from_the_command_line(node: Anvil, tmp_path: Path) -> None:
    first = date.fromordinal(719_163 + LAST - 99).isoformat()
    done = ethmon(tmp_path, "backfill", "--prices", "--from", first, "--quiet", ETH_RPC_URLS=node.url)
    assert (done.returncode, done.stdout) == (0, "300 daily closes stored, 0 days without one, 0 left.\n"), (
        done.stderr
    )
    again = ethmon(tmp_path, "backfill", "--prices", "--from", first, "--quiet", ETH_RPC_URLS=node.url)
    assert again.stdout == "Nothing to do: the closes of all of these days are stored.\n"
    wrong = ethmon(tmp_path, "backfill", "--prices", "--from", "17000000", ETH_RPC_URLS=node.url)
    assert wrong.returncode == 2
    assert "write a time back (1y) or a date" in wrong.stderr
    assert (
        ethmon(
            tmp_path, "query", "SELECT count(*) FROM correlation WHERE r IS NOT NULL", "--csv"
        ).stdout.split()[1]
        != "0"
    )


def test_a_plain_feed_without_phases_has_a_history_too(start_anvil: StartAnvil, tmp_path: Path) -> None:
    from monitor.localnet.artifacts import own_artifact
    from monitor.localnet.deployer import Deployer

    anvil = start_anvil(ChainSpec(automine=True, timestamp=UnixTime(LAST * DAY - 3_600)))
    deployer = Deployer(anvil.control, own_artifact)
    deployer.install_multicall3()
    feed = deployer.deploy("Feed", 8, "ETH / USD", 2_000 * 10**8)
    for hours in (2, 20, 30, 46):
        anvil.control.set_next_time(UnixTime(LAST * DAY + hours * 3_600))
        deployer.send(feed, "report", (3_000 + hours) * 10**8)
    anvil.control.mine(120)
    with (
        Endpoints([anvil.url], clock=SystemClock(), chain_id=1337, timeout_s=5) as pool,
        new_database(tmp_path / "ethmon.db") as db,
    ):
        days = [("ETH/USD", day) for day in (LAST - 2, LAST - 1, LAST)]
        done = fill(db, pool, {"ETH/USD": feed.address}, days)
        assert done.empty == {("ETH/USD", LAST - 2)}
        assert prices.daily_closes(db, "ETH/USD", UnixTime((LAST + 2) * DAY)) == {
            LAST - 1: 2_000.0,
            LAST: 3_020.0,
        }
