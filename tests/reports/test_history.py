"""`from monitor import History`: every frame is the store's own numbers, in UTC, exact where it says wei."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from monitor import History
from monitor.domain import FeedPrice
from monitor.errors import StoreError, UsageError
from monitor.store import ledger, prices
from monitor.store.query import run
from monitor.units import Address, UnixTime
from tests.support.databases import GENESIS_TIME, chain, new_database, ref
from tests.support.position_rows import save_track

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = [*chain(0, 3_000), *chain(3_011, 8_000)]
AT = UnixTime(1_800_000_000)
CENTS = (200_000_000_001, 199_000_000_002, 199_500_000_003)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of which 10 blocks are missing, a whale, three prices, one alert."""
    path = tmp_path_factory.mktemp("history") / "ethmon.db"
    with new_database(path) as db:
        ledger.append(db, BLOCKS, AT)
        save_track(db, name="Whale", prices=range(2_000, 1_800, -10))
        for number, answer in zip((10, 20, 30), CENTS, strict=True):
            feed = FeedPrice("ETH/USD", Address("0x" + "11" * 20), answer, 8, ref(number).timestamp)
            prices.save(db, ref(number), feed)
        with db.transaction() as connection:
            connection.execute(
                "INSERT INTO alert (id, incident, rule, subject, name, transition, severity, level, reason, title,"
                " occurrence, corrects, message_key, at_block, at_hash, at_time, on_chain, told_at)"
                " VALUES ('a', 'i', 'near', 's', 'Whale', 'opened', 2, 1, '', 'Whale is near', '', '', 'k', 40, '0x', ?, 1, 0)",
                (ref(40).timestamp,),
            )
    return path


@pytest.fixture(scope="module")
def history(path: Path) -> History:
    return History(path)


def burned(blocks: list[Any]) -> tuple[int, int]:
    rows = [block.row for block in blocks]
    return (
        sum(row.base_fee_wei * row.gas_used for row in rows),
        sum(row.blob_base_fee_wei * row.blob_gas_used for row in rows),
    )


def of_period(start: pd.Timestamp, seconds: int) -> list[Any]:
    begin = int(start.timestamp()) // seconds * seconds
    return [block for block in BLOCKS if begin <= block.ref.timestamp < begin + seconds]


def is_utc(frame: pd.DataFrame) -> bool:
    index = frame.index
    return isinstance(index, pd.DatetimeIndex) and str(index.tz) == "UTC" and index.name == "time"


@pytest.mark.parametrize(
    ("by", "seconds"), [("hour", 3_600), ("day", 86_400), ("week", None), ("month", None)]
)
def test_burn_is_the_sum_of_its_blocks_to_the_wei(history: History, by: Any, seconds: int | None) -> None:
    frame = history.burn("30d", by)
    assert is_utc(frame)
    assert sum(frame["blocks"]) == len(BLOCKS)
    assert sum(frame["missing"]) == 10
    assert (sum(frame["base_burn_wei"]), sum(frame["blob_burn_wei"])) == burned(BLOCKS)
    for start, row in frame.iterrows() if seconds else ():
        assert (row["base_burn_wei"], row["blob_burn_wei"]) == burned(of_period(start, seconds or 0))
        assert row["base_burn_eth"] == pytest.approx(row["base_burn_wei"] / 1e18)
        assert row["total_burn_wei"] == row["base_burn_wei"] + row["blob_burn_wei"]


def test_wei_are_python_integers(history: History) -> None:
    for frame in (history.burn("30d"), history.burn("1h", "block"), history.supply("30d", stake=(10**6, AT))):
        for name in (name for name in frame if str(name).endswith("_wei")):
            assert {type(value) for value in frame[name]} <= {int, type(None)}, name
    assert max(history.burn("30d")["base_burn_wei"]) > 2**63


def test_blocks_are_those_of_the_frame(history: History) -> None:
    frame = history.burn("1h", by="block")
    expected = BLOCKS[-300:]
    assert is_utc(frame)
    assert list(frame["number"]) == [block.ref.number for block in expected]
    assert [int(time.timestamp()) for time in frame.index] == [block.ref.timestamp for block in expected]
    assert (sum(frame["base_burn_wei"]), sum(frame["blob_burn_wei"])) == burned(expected)
    assert list(frame["blobs"]) == [block.row.blob_gas_used // 131_072 for block in expected]
    assert list(frame["base_fee_gwei"]) == [block.row.base_fee_wei / 10**9 for block in expected]


def test_a_block_has_every_column_that_a_period_has(history: History) -> None:
    blocks, days = history.burn("30d", "block"), history.burn("30d", "day")
    assert set(days) <= set(blocks)
    assert sum(blocks["total_burn_wei"]) == sum(days["total_burn_wei"]) == sum(burned(BLOCKS))
    assert sum(blocks["blocks"]) == sum(days["blocks"])
    assert max(blocks["base_fee_max_gwei"]) == max(days["base_fee_max_gwei"])


def test_what_is_not_known_is_not_a_number(tmp_path: Path) -> None:
    rows = [
        block._replace(
            row=block.row._replace(blob_gas_used=None, excess_blob_gas=None, blob_base_fee_wei=None)
        )
        if block.ref.number < 2
        else block
        for block in chain(0, 3)
    ]
    with new_database(tmp_path / "ethmon.db") as db:
        ledger.append(db, rows, AT)
    frame = History(tmp_path / "ethmon.db").burn("1h", "block")
    assert list(frame["blobs"].isna()) == [True, True, False, False]
    assert list(frame["blob_burn_wei"])[:2] == [None, None]
    assert str(frame["blobs"].dtype) == "Int64"


def test_supply_is_issuance_less_burn(history: History) -> None:
    frame = history.supply("30d", by="day", stake=(36_000_000, GENESIS_TIME))
    assert is_utc(frame)
    assert sum(frame["burned_wei"]) == sum(burned(BLOCKS))
    whole = frame[[value is not None for value in frame["net_low_wei"]]]
    assert len(whole)
    for _, row in whole.iterrows():
        assert row["net_low_wei"] == row["issued_low_wei"] - row["burned_wei"]
        assert row["net_high_wei"] == row["issued_high_wei"] - row["burned_wei"]
        assert 0 < row["issued_low_wei"] < row["issued_high_wei"]
    holed = [row["net_low_wei"] for start, row in frame.iterrows() if len(of_period(start, 86_400)) == 7_190]
    assert holed == [None], "a day with missing blocks has no net change"


def test_supply_without_a_source_of_issuance_is_not_known(history: History) -> None:
    frame = history.supply("30d")
    assert set(frame["net_low_wei"]) == set(frame["issued_high_wei"]) == {None}
    assert all(frame["method"])


def test_positions_are_the_rows_of_the_table(history: History, path: Path) -> None:
    frame = history.positions("Whale")
    stored = run(
        path, "SELECT block_time, price_usd, liquidation_usd, distance FROM position ORDER BY id"
    ).rows
    assert len(stored) == 20
    assert [(int(at.timestamp()), *row) for at, *row in frame[["price_usd", "liquidation_usd", "distance"]].itertuples()] == [tuple(row) for row in stored]  # fmt: skip
    assert is_utc(frame)
    assert len(history.positions()) == 20
    assert history.positions("nobody").empty
    assert list(history.positions("nobody").columns) == list(frame.columns)


def test_prices_are_the_answers_of_the_feed(history: History) -> None:
    frame = history.prices()
    assert list(frame["usd"]) == [cents / 10**8 for cents in CENTS]
    assert [int(at.timestamp()) for at in frame.index] == [ref(number).timestamp for number in (10, 20, 30)]
    assert history.prices("XAU/USD").empty


def test_alerts_are_what_was_told(history: History) -> None:
    (row,) = history.alerts().reset_index().to_dict("records")
    assert row["time"] == pd.Timestamp(ref(40).timestamp, unit="s", tz="UTC")
    assert (row["rule"], row["severity"], row["standing"], row["at_block"]) == ("near", 2, 1, 40)


def test_a_query_is_its_rows(history: History, path: Path) -> None:
    sql = "SELECT number, time_utc, burn_eth FROM v_block WHERE number < 5"
    assert [tuple(row) for row in history.query(sql).itertuples(index=False)] == list(run(path, sql).rows)


def test_an_empty_database_gives_empty_frames_or_says_why(tmp_path: Path) -> None:
    new_database(tmp_path / "ethmon.db").close()
    empty = History(tmp_path / "ethmon.db")
    for frame in (empty.positions(), empty.prices(), empty.alerts()):
        assert frame.empty
        assert is_utc(frame)
        assert len(frame.columns) > 2
    for ask in (empty.burn, empty.supply, lambda: empty.burn(by="block")):
        with pytest.raises(StoreError, match="holds no block yet"):
            ask()
    with pytest.raises(StoreError, match="does not exist"):
        History(tmp_path / "none.db")


def test_wrong_questions_name_the_fix(history: History) -> None:
    with pytest.raises(UsageError, match="block, hour, day, week, month"):
        history.burn(by="year")  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        history.burn("yesterday-ish")
    with pytest.raises(UsageError, match="may only read"):
        history.query("DELETE FROM block")


def test_the_page_runs_from_top_to_bottom(path: Path) -> None:
    page = (ROOT / "docs" / "python.md").read_text()
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=path.parent, env={"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    exact = re.search(r"^(\d+) wei, exactly$", done.stdout, re.MULTILINE)
    assert exact
    assert int(exact[1]) == sum(burned(BLOCKS))
