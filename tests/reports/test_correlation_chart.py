"""The picture of correlations: what it draws is what the store says, holes stay empty, and messages carry it."""

from __future__ import annotations

import math
import random
import struct
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from alerts.model import ChartRequest
from monitor import History
from monitor.comovement import Others
from monitor.domain import BlockRef
from monitor.errors import EthmonError, UsageError
from monitor.macro.correlation import log_returns, rolling
from monitor.reports.alert_chart import ChartRenderer
from monitor.reports.charts.correlation import correlation
from monitor.reports.charts.style import Look
from monitor.reports.comovement import comovement
from monitor.store import closes, ledger
from monitor.store.closes import CloseRow
from monitor.store.database import Database, open_reader
from monitor.units import Address, BlockNumber, UnixTime
from monitor.watchlist import Series
from tests.support.commands import ethmon
from tests.support.databases import block, block_hash, new_database

DAY = 86_400
LAST = 20_500
DAYS = range(LAST - 299, LAST + 1)
HOLE = range(LAST - 100, LAST - 60)
EPOCH = date(1970, 1, 1).toordinal()
HOSTILE = "$x^2$ _{1} </text><script>alert(1)</script> \u202e --> "


def walk(seed: int, rest: bool = False) -> dict[int, float]:
    dice, price, found = random.Random(seed), 100.0, dict[int, float]()
    for day in DAYS:
        price *= math.exp(dice.gauss(0, 0.02))
        if not (rest and day % 7 in {2, 3}):
            found[day] = round(price, 6)
    return found


ETH = walk(1)
BTC = {day: price for day, price in walk(2).items() if day not in HOLE}
GOLD = walk(3, rest=True)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("correlations") / "ethmon.db"
    with new_database(path) as db:
        time = UnixTime((LAST + 1) * DAY + 4_000)
        first, second = (
            one._replace(
                ref=BlockRef(
                    one.ref.number, block_hash(number), block_hash(number - 1), UnixTime(time + 12 * number)
                ),
                row=one.row._replace(timestamp=UnixTime(time + 12 * number)),
            )
            for number, one in enumerate((block(0), block(1)))
        )
        ledger.append(db, [first, second], time)
        for feed, series in (("ETH/USD", ETH), ("BTC/USD", BTC), ("XAU/USD", GOLD)):
            closes.save(
                db,
                (
                    CloseRow(
                        feed,
                        day,
                        day,
                        round(price * 10**8),
                        8,
                        UnixTime((day + 1) * DAY - 60),
                        Address("0x" + "11" * 20),
                        BlockNumber(1),
                    )
                    for day, price in series.items()
                ),
            )
    return path


@pytest.fixture
def db(path: Path) -> Iterator[Database]:
    with open_reader(path) as opened:
        yield opened


def test_what_is_drawn_is_what_the_closes_say(db: Database) -> None:
    found = comovement(db, ["XAU/USD"], 30, "90d", Others())
    assert (found.first, found.last) == (LAST - 89, LAST)
    assert found.eth == pytest.approx({day: price for day, price in ETH.items() if day >= found.first})
    expected = [one for one in rolling(log_returns(ETH, GOLD), 30) if one.day >= found.first]
    assert [one.day for one in found.pairs[0].points] == [one.day for one in expected]
    assert [one.value for one in found.pairs[0].points] == pytest.approx(
        [one.value for one in expected], abs=1e-6
    )
    assert found.pairs[0].points[0].returns > 15, "windows reach back before the first day that is shown"


def test_it_begins_where_the_closes_of_eth_begin_and_says_so(db: Database) -> None:
    found = comovement(db, ["XAU/USD"], 30, "3y", Others())
    assert (found.first, found.begins_late) == (DAYS[0], True)
    assert not comovement(db, ["XAU/USD"], 30, "90d", Others()).begins_late


def test_the_default_is_what_there_is_and_a_broken_series_is_left_out(db: Database, tmp_path: Path) -> None:
    broken = Series("Mine", tmp_path / "mine.csv", "", "")
    found = comovement(db, [], 30, "1y", Others([broken]))
    assert [pair.other for pair in found.pairs] == ["BTC/USD", "XAU/USD"]
    assert list(found.left_out) == ["Mine"]
    assert "mine.csv: cannot be read" in found.left_out["Mine"]
    with pytest.raises(EthmonError, match="cannot be read"):
        comovement(db, ["Mine"], 30, "1y", Others([broken]))
    with pytest.raises(UsageError, match="Name up to 4"):
        comovement(db, list("abcde"), 30, "1y", Others())


def test_a_hole_is_hatched_and_no_line_crosses_it(db: Database) -> None:
    found = comovement(db, ["BTC/USD"], 30, "1y", Others())
    with_hole = correlation(found, Look(vector=True)).decode()
    whole = correlation(comovement(db, ["XAU/USD"], 30, "90d", Others()), Look(vector=True)).decode()
    assert "not known" not in whole
    unknown = {one.day for one in found.pairs[0].points if one.value is None}
    assert unknown >= set(range(HOLE.stop + 1, HOLE.stop + 12))
    assert with_hole.count("<pattern") > whole.count("<pattern"), "hatching is a pattern"


@pytest.mark.parametrize("look", [Look(), Look(dark=True), Look(phone=True), Look(vector=True)])
def test_every_look_is_a_true_picture_that_names_its_block(path: Path, look: Look, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(
        "date,close\n" + "".join(f"{date.fromordinal(EPOCH + day)},{price}\n" for day, price in GOLD.items())
    )
    others = Others([Series(HOSTILE, tmp_path / "own.csv", "", HOSTILE)])
    with open_reader(path) as db:
        picture = correlation(comovement(db, [], 30, "1y", others), look)
    assert block_hash(1).encode() in picture
    if look.vector:
        assert ET.fromstring(picture).tag.endswith("svg")
        assert b"<script" not in picture
    else:
        width, height = struct.unpack(">II", picture[16:24])
        assert width == (960 if look.phone else 1200)
        assert height > width * 0.7


def test_a_message_carries_the_picture_of_the_day_that_was_judged(path: Path, tmp_path: Path) -> None:
    render = ChartRenderer(path, tmp_path / "none.toml", timeout_s=60)
    try:
        pictures = [
            render(ChartRequest("correlation", {"with": other, "days": "30", "day": str(day)}))
            for other, day in (("XAU/USD", LAST), ("XAU/USD", LAST - 20), ("NO/USD", LAST))
        ]
    finally:
        render.close()
    assert pictures[0] is not None
    assert pictures[0].startswith(b"\x89PNG")
    assert pictures[1] is not None
    assert pictures[1] != pictures[0]
    assert pictures[2] is None, "the message goes out without"


def test_pandas_sees_the_same(path: Path) -> None:
    history = History(path)
    gold = history.closes("XAU/USD")
    assert list(gold["usd"]) == pytest.approx(list(GOLD.values()))
    assert int(gold.index[-1].timestamp()) == (max(GOLD) + 1) * DAY
    frame = history.correlation("XAU/USD", "90d")
    expected = rolling(log_returns(ETH, GOLD), 90)
    assert list(frame["returns"]) == [one.returns for one in expected]
    assert frame["r"].iloc[-1] == pytest.approx(expected[-1].value)
    assert frame["low_95"].iloc[-1] < frame["r"].iloc[-1] < frame["high_95"].iloc[-1]


def test_from_the_command_line(path: Path, tmp_path: Path) -> None:
    drawn = ethmon(
        tmp_path, "chart", "correlation", "--with", "XAU/USD", "--out", "gold.svg", ETHMON_DB=str(path)
    )
    assert (drawn.returncode, drawn.stdout) == (0, "gold.svg\n"), drawn.stderr
    assert ET.parse(tmp_path / "gold.svg").getroot().tag.endswith("svg")
    unknown = ethmon(tmp_path, "chart", "correlation", "--with", "EUR/USD", ETHMON_DB=str(path))
    assert unknown.returncode == 1
    assert "no price of EUR/USD is stored" in unknown.stderr
    report = ethmon(tmp_path, "report", "--since", "24h", ETHMON_DB=str(path))
    assert report.returncode == 0, report.stderr
    text = (tmp_path / "report.html").read_text()
    assert "ETH and other prices" in text
    assert 'aria-label="Correlation of ETH with other prices"' in text
