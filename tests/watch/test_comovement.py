"""Rules on the correlation of ETH: judged when a day has settled, the same on a replay, and never made up."""

from __future__ import annotations

import math
import random
import tomllib
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from alerts.compose import compose
from alerts.engine import States, evaluate
from alerts.model import Alert, BlockStamp, CannotSee, Reading, Transition
from monitor.comovement import SETTLED_S, Others
from monitor.errors import ConfigError
from monitor.macro.correlation import at_day, change, log_returns
from monitor.replay import replay, stored_moments
from monitor.store import closes, ledger
from monitor.store.closes import CloseRow
from monitor.store.database import Database
from monitor.units import Address, BlockNumber, UnixTime
from monitor.watch.comovement import ComovementWatch
from monitor.watchlist import Watchlist, parse_watchlist
from tests.support.databases import GENESIS_TIME, block, new_database

DAY = 86_400
FIRST = GENESIS_TIME // DAY
DAYS = range(FIRST - 150, FIRST + 12)
EPOCH = date(1970, 1, 1).toordinal()
RULES = """
[[rule]]
name = "gold"
reading = "price.correlation"
with = "XAU/USD"
below = 0.2
"""


def walks() -> dict[str, dict[int, float]]:
    """ETH, a coin that follows it at first and then not, gold that rests two days of seven."""
    dice = random.Random(7)
    eth, coin, gold = {}, {}, {}
    now = [3_000.0, 90_000.0, 4_000.0]
    for day in DAYS:
        common = dice.gauss(0, 0.03)
        own = dice.gauss(0, 0.03)
        follows = day < FIRST - 30
        now[0] *= math.exp(common)
        now[1] *= math.exp(0.8 * common + 0.1 * own if follows else own)
        now[2] *= math.exp(0.2 * common + 0.01 * dice.gauss(0, 1))
        eth[day], coin[day] = now[0], now[1]
        if day % 7 not in {2, 3}:
            gold[day] = now[2]
    return {"ETH/USD": eth, "BTC/USD": coin, "XAU/USD": gold}


def rows(feed: str, series: dict[int, float], read_at: int = 1) -> Iterator[CloseRow]:
    """As the price job stores them: a day without a round has that of a day before."""
    newest: tuple[int, float] | None = None
    for day in DAYS:
        if day in series:
            newest = (day, series[day])
        if newest is not None:
            updated, price = newest
            yield CloseRow(
                feed, day, updated, round(price * 10**8), 8, UnixTime((updated + 1) * DAY - 600),
                Address("0x" + "11" * 20), BlockNumber(read_at),
            )  # fmt: skip


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """Twelve days of blocks, one in 40 minutes, and closes of them and of the 150 days before."""
    with new_database(tmp_path / "ethmon.db") as made:
        ledger.append(made, [block(number, seconds=2_400) for number in range(430)], UnixTime(0))
        for feed, series in walks().items():
            closes.save(made, rows(feed, series))
        yield made


def watch_of(text: str, folder: Path = Path()) -> Watchlist:
    return parse_watchlist(tomllib.loads(text), folder=folder)


def read(db: Database, text: str, time: int, folder: Path = Path()) -> list[Reading]:
    listed = watch_of(text, folder)
    at = BlockStamp(5, "0x", time)
    return list(ComovementWatch(Others(listed.series)).readings(db, listed.rules, at))


def by_pandas(first: dict[int, float], second: dict[int, float], day: int, window: int) -> float:
    both: Any = pd.DataFrame({"a": pd.Series(first), "b": pd.Series(second)}).dropna().sort_index()
    moves: Any = (both / both.shift(1)).map(math.log, na_action="ignore").iloc[1:].loc[:day]
    moves.index = pd.to_datetime(moves.index * DAY, unit="s")
    return float(moves["a"].rolling(f"{window}D").corr(moves["b"]).iloc[-1])


@pytest.mark.parametrize(("other", "window"), [("XAU/USD", 30), ("BTC/USD", 30), ("XAU/USD", 90)])
def test_the_reading_is_what_pandas_says_and_shows_that_it_is_an_estimate(
    db: Database, other: str, window: int
) -> None:
    text = RULES.replace("XAU/USD", other) + f'window = "{window}d"\n'
    day = FIRST + 3
    (told,) = read(db, text, (day + 1) * DAY + SETTLED_S)
    series = walks()
    expected = by_pandas(series["ETH/USD"], series[other], day, window)
    assert float(told.value) == pytest.approx(expected, abs=1e-4)  # type: ignore[arg-type]
    assert (told.labels, told.window_s) == ({"with": other}, window * DAY)
    interval, source = (fact.text for fact in told.facts)
    assert "an estimate from" in interval
    assert "daily returns" in interval
    assert date.fromordinal(EPOCH + day).isoformat() in source


def test_a_day_counts_an_hour_after_its_midnight(db: Database) -> None:
    settles = (FIRST + 4) * DAY + SETTLED_S
    before, after = (read(db, RULES, time)[0] for time in (settles - 1, settles))
    assert date.fromordinal(EPOCH + FIRST + 2).isoformat() in before.facts[1].text
    assert date.fromordinal(EPOCH + FIRST + 3).isoformat() in after.facts[1].text
    assert read(db, RULES, settles + DAY - SETTLED_S - 1)[0].value == after.value


def test_decoupling_is_told_with_what_chance_gives(db: Database) -> None:
    text = RULES.replace("price.correlation", "price.correlation_change").replace("XAU/USD", "BTC/USD")
    (told,) = read(db, text, (FIRST + 1) * DAY + SETTLED_S)
    series = walks()
    moved = change(log_returns(series["ETH/USD"], series["BTC/USD"]), FIRST, 30)
    assert moved.before.value is not None
    assert moved.before.value > 0.8
    assert float(told.value) == pytest.approx(moved.value, abs=1e-4)  # type: ignore[arg-type]
    assert told.value < -0.5  # type: ignore[operator]
    assert told.facts[2].text.endswith("standard errors: more than chance (95 %)")


def lived(db: Database, watchlist: Watchlist) -> list[Alert]:
    """As the daemon judges: one watch, block after block."""
    states: States = {}
    told: list[Alert] = []
    watch = ComovementWatch(Others(watchlist.series))
    for number in range(430):
        time = GENESIS_TIME + 2_400 * number
        at = BlockStamp(number, "0x" + "00" * 32, time)
        outcome = evaluate(watchlist.rules, watch.readings(db, watchlist.rules, at), states, at)
        states = outcome.states
        told += outcome.alerts
    return told


def test_a_replay_decides_what_living_it_decided(db: Database) -> None:
    text = (
        RULES.replace("below = 0.2", "below = [0.4, 0.2]")
        + '[[rule]]\nreading = "price.correlation"\nbelow = 0.1\n'
    )
    watchlist = watch_of(text)
    mine = [one for one in lived(db, watchlist) if one.rule.spec.key == "price.correlation"]
    again = replay(watchlist.rules, stored_moments(db, watchlist, BlockNumber(0), BlockNumber(429)))
    replayed = [one.alert for one in again.told if one.alert.rule.spec.key == "price.correlation"]
    assert mine
    assert [one.id for one in replayed] == [one.id for one in mine]
    later = [one.at.time - SETTLED_S for one in mine if one.at.time > GENESIS_TIME + DAY]
    assert later
    assert all(time // DAY > (time - 2_400) // DAY for time in later), "only where a day has just settled"


def test_a_message_reads_as_an_estimate(db: Database) -> None:
    told = lived(db, watch_of(RULES.replace("0.2", "0.99")))
    assert told[0].transition is Transition.OPENED
    message = compose(told[:1])
    assert message.title.startswith("ETH with XAU/USD over 30 days: correlation 0.")
    assert "an estimate from" in message.facts[0].text


def test_too_little_is_told_once_and_calmly_and_without_a_rule_never(tmp_path: Path) -> None:
    with new_database(tmp_path / "new.db") as fresh:
        assert lived(fresh, watch_of("")) == []
        blind = lived(fresh, watch_of(RULES))
        assert [one.transition for one in blind] == [Transition.BLIND]
        assert "no price of ETH/USD is stored" in blind[0].reason.cause
        some = dict(list(walks()["ETH/USD"].items())[-20:-8])
        closes.save(
            fresh, [row for feed in ("ETH/USD", "XAU/USD") for row in rows(feed, some) if row.day in some]
        )
        told = read(fresh, RULES, (max(some) + 1) * DAY + SETTLED_S)[0].value
        assert told == CannotSee("11 daily returns, 15 needed")


def test_a_series_that_ended_is_not_carried_on(db: Database, tmp_path: Path) -> None:
    gold = {day: price for day, price in walks()["XAU/USD"].items() if day < FIRST}
    (tmp_path / "qqq.csv").write_text(csv_of(gold, "adjusted"))
    time = (FIRST + 8) * DAY + SETTLED_S
    (told,) = read(db, SERIES, time, tmp_path)
    assert told.value == CannotSee(f"the newest common close is {FIRST + 7 - max(gold)} days old")


@pytest.mark.parametrize("feed", ["XAU/USD", "ETH/USD"])
def test_a_close_that_is_still_to_be_read_is_waited_for(db: Database, feed: str) -> None:
    settles = (FIRST + 4) * DAY + SETTLED_S
    with db.transaction() as connection:
        connection.execute("DELETE FROM price_close WHERE feed = ? AND day = ?", (feed, FIRST + 3))
    assert isinstance(read(db, RULES, settles - 1)[0].value, Decimal)
    assert read(db, RULES, settles)[0].value == CannotSee(f"the close of {feed} is not read yet")


def csv_of(series: dict[int, float], column: str = "close") -> str:
    lines = (f"{date.fromordinal(EPOCH + day)},{price:.6f}" for day, price in series.items())
    return f"date,{column}\n" + "\n".join(lines) + "\n"


SERIES = """
[[series]]
name = "Nasdaq 100"
file = "qqq.csv"
column = "adjusted"
source = "an exchange"

[[rule]]
reading = "price.correlation"
with = "Nasdaq 100"
below = 0.2
"""


def test_a_file_of_the_users_is_a_series_and_is_read_again_when_it_changes(
    db: Database, tmp_path: Path
) -> None:
    series, listed = walks(), watch_of(SERIES, tmp_path)
    watch = ComovementWatch(Others(listed.series))
    at = BlockStamp(5, "0x", (FIRST + 4) * DAY + SETTLED_S)

    def told() -> Reading:
        (one,) = watch.readings(db, listed.rules, at)
        return one

    missing = told().value
    assert missing == CannotSee(
        "[[series]] 'Nasdaq 100': file qqq.csv: cannot be read (No such file or directory)."
    )
    (tmp_path / "qqq.csv").write_text(csv_of(series["XAU/USD"], "adjusted"))
    found = at_day(log_returns(series["ETH/USD"], series["XAU/USD"]), FIRST + 3, 30)
    assert float(told().value) == pytest.approx(found.value, abs=1e-4)  # type: ignore[arg-type]
    assert "an exchange, as the user gave it" in told().facts[1].text
    (tmp_path / "qqq.csv").write_text("date,adjusted\n2026-01-01,-5\n")
    wrong = told().value
    assert isinstance(wrong, CannotSee)
    assert "line 2: '-5' is not a price above 0" in wrong.cause


def test_days_to_come_in_a_file_change_nothing(db: Database, tmp_path: Path) -> None:
    gold = walks()["XAU/USD"]
    (tmp_path / "qqq.csv").write_text(csv_of(gold, "adjusted"))
    time = (FIRST + 4) * DAY + SETTLED_S
    before = read(db, SERIES, time, tmp_path)[0].value
    (tmp_path / "qqq.csv").write_text(csv_of({**gold, FIRST + 4: 1.0, FIRST + 400: 1e9}, "adjusted"))
    assert read(db, SERIES, time, tmp_path)[0].value == before


def test_a_rule_that_names_no_series_looks_at_all(db: Database) -> None:
    told = read(db, '[[rule]]\nreading = "price.correlation"\nbelow = 0\n', (FIRST + 4) * DAY)
    assert [one.labels["with"] for one in told] == ["BTC/USD", "XAU/USD"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (RULES + 'window = "7d"\n', "window: '7d' is too short. Write \"14d\" or more."),
        (RULES.replace("XAU/USD", "Nasdaq"), "with: 'Nasdaq' is no series. Known are BTC/USD, XAU/USD."),
        (SERIES.replace("Nasdaq 100", "EUR/USD"), "name: holds a slash."),
        (SERIES.replace('file = "qqq.csv"', ""), "file: names no file."),
        (SERIES.replace('column = "adjusted"', "columns = 1"), "'columns' is not a key"),
        (SERIES + SERIES.partition("[[rule]]")[0], "series Nasdaq 100: stands twice."),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_by_name(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        watch_of(text)
    assert words in str(error.value)


def test_a_rollback_takes_closes_and_what_follows_from_them(db: Database) -> None:
    from monitor.past.closes import store_correlations
    from monitor.store import rollback

    assert store_correlations(db, Others()) == {}
    counts = dict(db.rows("SELECT series, count(*) FROM correlation WHERE window_days = 30 GROUP BY series"))
    assert counts == {"BTC/USD": len(DAYS) - 1, "XAU/USD": len(walks()["XAU/USD"]) - 1}
    (value,) = db.row(
        "SELECT r FROM correlation WHERE series = 'XAU/USD' AND window_days = 90 ORDER BY day DESC LIMIT 1"
    )
    series = walks()
    last = max(series["XAU/USD"])
    assert value == pytest.approx(by_pandas(series["ETH/USD"], series["XAU/USD"], last, 90), abs=1e-9)
    with db.transaction():
        rollback.empty_above(db, BlockNumber(0))
    assert db.row("SELECT (SELECT count(*) FROM correlation) + (SELECT count(*) FROM price_close)") == (0,)
