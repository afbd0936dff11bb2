"""`ethmon correlate` against pandas, which we did not write; what is too little to say is not said."""

from __future__ import annotations

import csv
import json
import math
import random
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.closes import closes_of_file
from monitor.comovement import eth_with
from monitor.domain import BlockRef, FeedPrice
from monitor.errors import EthmonError, UsageError
from monitor.macro.correlation import Return, at_day, change, log_returns, needed, pearson, rolling
from monitor.store import closes, ledger, prices
from monitor.store.closes import CloseRow
from monitor.units import Address, BlockNumber, UnixTime
from tests.support.commands import ROOT, ethmon
from tests.support.databases import block, block_hash, new_database, ref

DAYS = 86_400
REAL = ROOT.parent / "shared" / "data" / "prices" / "daily_eth_btc_gld_qqq_spy_2019-12_2026-06.csv"
EPOCH = date(1970, 1, 1).toordinal()
Series = dict[int, float]


def walk(seed: int, days: range, skip: int = 0) -> Series:
    """A random walk; with `skip` = 7 two days of each week are closed."""
    dice, price, out = random.Random(seed), 100.0, {}
    for day in days:
        price *= math.exp(dice.gauss(0, 0.03))
        if not (skip and day % skip in {2, 3}):
            out[day] = price
    return out


def store(path: Path, head_day: int, **feeds: Series) -> None:
    """A database whose head is at the beginning of `head_day`, with two answers of each feed a day."""
    with new_database(path) as db:
        head = block(1)
        at = UnixTime(head_day * DAYS + 60)
        row = head.row._replace(timestamp=at)
        ledger.append(db, [head._replace(ref=head.ref._replace(timestamp=at), row=row)], at)
        number = 10
        for feed, series in feeds.items():
            for day, price in series.items():
                for hour, answer in ((3, price * 1.5), (23, price)):
                    number += 1
                    where = BlockRef(ref(number).number, block_hash(number), block_hash(number - 1), UnixTime(day * DAYS + hour * 3_600))  # fmt: skip
                    said = FeedPrice(feed.replace("_", "/"), Address("0x" + "11" * 20), round(answer * 10**8), 8, where.timestamp)  # fmt: skip
                    prices.save(db, where, said)


def test_prices_as_far_apart_as_floats_go_have_returns() -> None:
    """A file may hold any of them; the quotient of two need not be a float."""
    wild = {day: 1e308 if day % 2 else 5e-324 for day in range(20)}
    returns = log_returns(wild, wild)
    assert all(math.isfinite(one.first) for one in returns)
    assert rolling(returns, 14)[-1].value == pytest.approx(1)


def test_a_file_of_any_size_is_not_read(tmp_path: Path) -> None:
    huge = tmp_path / "huge.csv"
    line = b"2026-01-01,5\n"
    huge.write_bytes(b"date,close\n" + line * (8 * 1024 * 1024 // len(line)))
    with pytest.raises(UsageError, match="larger than 8 MB"):
        closes_of_file(huge)


def test_a_moment_belongs_to_its_day_in_utc(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("time,close\n2026-02-04T01:00:00+02:00,5\n2026-02-04T23:00:00-02:00,7\n")
    assert closes_of_file(file) == {20_487: 5.0, 20_489: 7.0}


def test_a_hole_of_five_days_is_a_holiday_and_one_of_six_is_a_hole() -> None:
    first = {0: 1.0, 5: 2.0, 11: 4.0}
    assert [one.day for one in log_returns(first, first)] == [5]


def of_r(r: float, start: int) -> list[Return]:
    """28 days whose correlation is `r`: a multiple of four of signs that are orthogonal."""
    signs = [(1, 1), (-1, 1), (1, -1), (-1, -1)] * 7
    return [
        Return(start + place, one, r * one + math.sqrt(1 - r * r) * other)
        for place, (one, other) in enumerate(signs)
    ]


def test_the_interval_and_the_surprise_are_those_of_fishers_tables() -> None:
    """r = 0.5 is z = 0.5493; of 28 returns its standard error is 1/5."""
    low, high = math.tanh(0.549306 - 1.959964 / 5), math.tanh(0.549306 + 1.959964 / 5)
    found = at_day(of_r(0.5, 0), 27, 28)
    assert (found.value, found.low, found.high) == tuple(pytest.approx(x, abs=1e-6) for x in (0.5, low, high))
    moved = change([*of_r(-0.5, 0), *of_r(0.5, 28)], 55, 28)
    assert moved.value == pytest.approx(1)
    assert moved.surprise == pytest.approx(2 * 0.549306 / math.sqrt(2 / 25), abs=1e-5)


def test_a_close_of_nothing_is_none_and_an_old_answer_is_no_close_of_the_day(tmp_path: Path) -> None:
    feed, end = "ETH/USD", UnixTime(9 * DAYS)

    def row(day: int, answer: int, time: int) -> CloseRow:
        return CloseRow(feed, day, day, answer, 0, UnixTime(time), Address("0x" + "11" * 20), BlockNumber(1))

    with new_database(tmp_path / "ethmon.db") as db:
        rows = [row(3, 7, 3 * DAYS - 1), row(4, 5, 4 * DAYS), row(5, 0, 6 * DAYS - 1), row(6, -5, 7 * DAYS - 1), row(8, 6, 9 * DAYS - 1)]  # fmt: skip
        closes.save(db, rows)
        assert prices.daily_closes(db, feed, end) == {4: 5, 8: 6}
        assert prices.daily_closes(db, feed, UnixTime(end - 1)) == {4: 5}


def by_pandas(first: Series, second: Series, window: int) -> pd.Series:
    """pandas' own rolling correlation by time over the common days."""
    both = pd.DataFrame({"a": pd.Series(first), "b": pd.Series(second)}).dropna().sort_index()
    both.index = pd.to_datetime(both.index * DAYS, unit="s")
    moves = (both / both.shift(1)).map(math.log, na_action="ignore").iloc[1:]
    return moves["a"].rolling(f"{window}D", min_periods=needed(window)).corr(moves["b"])


@pytest.mark.parametrize(("skip", "window"), [(0, 14), (0, 30), (7, 30), (7, 90)])
def test_it_is_what_pandas_says(skip: int, window: int) -> None:
    eth, other = walk(1, range(20_000, 20_200)), walk(2, range(19_990, 20_190), skip)
    found = rolling(log_returns(eth, other), window)
    expected = by_pandas(eth, other, window)
    assert [one.day * DAYS for one in found] == [int(at.timestamp()) for at in expected.index]
    for one, value in zip(found, expected, strict=True):
        assert (one.value is None) == math.isnan(value)
        if one.value is not None and one.low is not None and one.high is not None:
            assert one.value == pytest.approx(value, abs=1e-9)
            assert -1 <= one.low <= one.value <= one.high <= 1


@given(st.lists(st.floats(-1, 1), min_size=10, max_size=40), st.floats(0.1, 10), st.floats(-1, 1))
def test_a_line_is_one_and_scale_does_not_matter(values: list[float], scale: float, offset: float) -> None:
    found = pearson(values, [scale * value + offset for value in values])
    down = pearson(values, [-scale * value + offset for value in values])
    if found is None or max(values) - min(values) < 1e-3:
        return
    assert found == pytest.approx(1)
    assert down == pytest.approx(-1)


def test_what_did_not_move_has_no_correlation() -> None:
    eth = walk(1, range(20_000, 20_040))
    found = rolling(log_returns(eth, dict.fromkeys(eth, 1.0)), 30)
    assert {one.value for one in found} == {None}
    assert found[-1].cause == "one of the prices did not move"


def test_a_hole_gives_no_return() -> None:
    eth = walk(1, range(20_000, 20_040))
    holed = {day: price for day, price in eth.items() if not 20_010 <= day < 20_016}
    days = [one.day for one in log_returns(eth, holed)]
    assert 20_016 not in days
    assert days == [*range(20_001, 20_010), *range(20_017, 20_040)]


def test_stored_feeds_are_closed_at_midnight_and_the_running_day_is_not(tmp_path: Path) -> None:
    eth, btc = walk(1, range(20_000, 20_061)), walk(2, range(20_000, 20_061))
    store(tmp_path / "ethmon.db", 20_060, ETH_USD=eth, BTC_USD=btc)
    found = eth_with(tmp_path / "ethmon.db", "BTC/USD", 30)
    assert found[-1].day == 20_059
    expected = rolling(log_returns(eth, btc), 30)[:-1]
    assert [one.day for one in found] == [one.day for one in expected]
    assert found[-1].value == pytest.approx(expected[-1].value or 9, abs=1e-6)
    assert found[-1].returns == 30


def test_from_the_command_line(tmp_path: Path) -> None:
    eth, gold = walk(1, range(20_000, 20_060)), walk(3, range(20_000, 20_060), skip=7)
    store(tmp_path / "ethmon.db", 20_060, ETH_USD=eth, XAU_USD=gold)
    shown = ethmon(tmp_path, "correlate", "--with", "XAU/USD")
    assert shown.returncode == 0, shown.stderr
    assert "window 30 days" in shown.stdout
    assert len(shown.stdout.splitlines()) == 12
    rows = json.loads(ethmon(tmp_path, "correlate", "--with", "XAU/USD", "--json").stdout)
    expected = rolling(log_returns(eth, gold), 30)
    assert [row["returns"] for row in rows] == [one.returns for one in expected]
    assert rows[-1]["correlation"] == pytest.approx(expected[-1].value or 9, abs=1e-3)
    assert rows[0]["correlation"] is None
    assert rows[0]["not_known"] == "1 daily returns, 15 needed"
    (tmp_path / "gold.csv").write_text("date,close\n" + "".join(f"{date.fromordinal(EPOCH + day)},{price}\n" for day, price in gold.items()))  # fmt: skip
    same = json.loads(ethmon(tmp_path, "correlate", "--with", "gold.csv", "--json").stdout)
    assert [row["day"] for row in same] == [row["day"] for row in rows]
    assert same[-1]["correlation"] == pytest.approx(rows[-1]["correlation"], abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--with", "XAU/USD"], 1, "not known: no price of XAU/USD is stored (there is: BTC/USD, ETH/USD)"),
        (
            ["--with", "BTC/USD"],
            1,
            "not known: 8 daily returns of ETH/USD and BTC/USD at most in 30 days, 15 needed",
        ),
        (["--with", "BTC/USD", "--window", "7d"], 2, "write 14d or more"),
        (["--with", "none.csv"], 2, "cannot be read"),
    ],
)
def test_too_little_is_not_known(arguments: list[str], code: int, words: str, tmp_path: Path) -> None:
    few = range(20_000, 20_009)
    store(tmp_path / "ethmon.db", 20_010, ETH_USD=walk(1, few), BTC_USD=walk(2, few))
    done = ethmon(tmp_path, "correlate", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr


def test_without_any_price_it_is_not_known(tmp_path: Path) -> None:
    new_database(tmp_path / "ethmon.db").close()
    with pytest.raises(EthmonError, match="no price of ETH/USD is stored \\(there is: none\\)"):
        eth_with(tmp_path / "ethmon.db", "BTC/USD", 30)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must name a column 'date'"),
        ("when,close\n", "must name a column 'date'"),
        ("date,a,b\n2026-01-01,1,2\n", "has no column 'close'. Name one with --column: a, b"),
        ("date,close\n2026-01-01,0\n", "line 2: '0' is not a price above 0"),
        ("date,close\n2026-01-01,nan\n", "line 2: 'nan' is not a price"),
        ("date,close\n01/02/2026,5\n", "line 2: '01/02/2026' is not a day"),
        ("date,close\n2026-01-01\n", "line 2 has 1 columns"),
        ("date,close\n2026-01-01,\xff\n", "is not CSV in UTF-8"),
    ],
)
def test_a_file_that_is_not_understood_is_named_with_its_line(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError) as error:
        closes_of_file(tmp_path / "x.csv")
    assert words in str(error.value)


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    for place in (tmp_path, Path("/dev/zero")):
        with pytest.raises(UsageError, match="is not a file"):
            closes_of_file(place)


def test_the_last_line_of_a_day_is_its_close(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        "ts,open,close\n1767225600,1,2\n1767229200,2,3\n1767312000,3,\n1767398400,4,5\n"
    )
    assert closes_of_file(tmp_path / "x.csv") == {20_454: 3.0, 20_456: 5.0}
    assert closes_of_file(tmp_path / "x.csv", "open") == {20_454: 2.0, 20_455: 3.0, 20_456: 4.0}


@pytest.mark.shared
@pytest.mark.skipif(not REAL.exists(), reason="real prices are not part of the project")
@pytest.mark.parametrize("column", ["btc_close", "gld_close", "qqq_close"])
def test_real_prices_from_the_database_and_a_file_are_what_pandas_says(column: str, tmp_path: Path) -> None:
    with REAL.open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["date"] >= "2025-09-01"]
    eth = {date.fromisoformat(row["date"]).toordinal() - EPOCH: float(row["eth_close"]) for row in rows}
    store(tmp_path / "ethmon.db", max(eth) + 1, ETH_USD=eth)
    found = eth_with(tmp_path / "ethmon.db", str(REAL), 90, column)
    expected = by_pandas(eth, closes_of_file(REAL, column), 90)
    known = [(one.value, value) for one, value in zip(found, expected, strict=True) if one.value is not None]
    assert len(known) > 100
    for ours, theirs in known:
        assert ours == pytest.approx(theirs, abs=1e-6)
