"""What an event moved, in dollars, also where the position it belongs to was never seen with its assets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from alerts.model import BlockStamp, Message, Severity
from alerts.rules import parse_rules
from monitor.domain import BlockRef
from monitor.lending.outcome import AlreadyLiquidatable
from monitor.lending.position import EventKind, Leg, PositionEvent, PositionKey
from monitor.readings.catalogue import CATALOGUE
from monitor.readings.positions import facts_of, position_readings
from monitor.store import incidents
from monitor.store.position_events import EventAt
from monitor.units import TICKS_PER_USD, Address
from monitor.watch.readings import _events
from monitor.watch.snapshot import Snapshot
from tests.support.databases import new_database, ref
from tests.support.position_rows import KEY, whale

AT = BlockStamp(9, ref(9).hash, ref(9).timestamp)
USD = TICKS_PER_USD
OTHER = replace(KEY, account=Address("0x" + "cd" * 20))
WETH, USDT = whale(2_000).collaterals[0], whale(2_000).debts[0]
GONE = PositionEvent(
    KEY, EventKind.LIQUIDATION, USDT.token, 5_000_000 * 10**6, seized=(WETH.token, 2_600 * 10**18)
)
Legs = Mapping[PositionKey, Sequence[Leg]]


def told(folder: Path, legs: Legs, block: BlockRef | None = None) -> Message:
    """The message about a liquidation, by the default rules."""
    snapshot = Snapshot(ref(9), (), "", {}, [EventAt(block or ref(9), 3, "0x" + "ee" * 32, GONE)], {})
    readings = list(_events(snapshot, legs, {KEY.account: "Whale"}, AT, 1))
    with new_database(folder / "ethmon.db") as db:
        (message,) = incidents.decide(
            db, parse_rules({}, CATALOGUE), readings, at=AT, channels=[], now_wall=0.0
        )
    return message


@pytest.mark.parametrize(
    "legs",
    [{KEY: (WETH, USDT)}, {OTHER: (WETH, USDT)}, {KEY: (), OTHER: (USDT, WETH)}],
    ids=["its own", "of another on the market", "it has none left"],
)
def test_it_is_priced_by_its_own_assets_or_those_of_others_on_the_market(tmp_path: Path, legs: Legs) -> None:
    message = told(tmp_path, legs)
    assert "liquidated, $5.00M of debt repaid" in message.title
    facts = {fact.label: fact.text for fact in message.facts}
    assert facts["What"] == "was liquidated for 5,000,000.00 USDT ($5.00M)"
    assert facts["Seized"] == "2,600.00 WETH ($5.20M)"


def test_its_own_assets_come_first(tmp_path: Path) -> None:
    dearer = replace(USDT, value=USDT.value * 2 if USDT.value else None)
    assert "liquidated, $5.00M" in told(tmp_path, {OTHER: (WETH, dearer), KEY: (WETH, USDT)}).title


@pytest.mark.parametrize(
    "legs",
    [
        {},
        {OTHER: (WETH,)},
        {OTHER: (replace(USDT, value=None),)},
        {replace(OTHER, market="Prime"): (WETH, USDT)},
        {replace(OTHER, protocol="sparklend"): (WETH, USDT)},
    ],
    ids=["nobody is known", "another asset", "no price", "another market", "another protocol"],
)
def test_what_nothing_prices_is_told_all_the_same_and_never_as_a_number(tmp_path: Path, legs: Legs) -> None:
    message = told(tmp_path, legs)
    assert "liquidated, an unknown amount of debt repaid" in message.title
    assert message.severity is Severity.CRITICAL
    assert "How much is not known" in message.lead
    assert "$5.0" not in str(message)


def test_what_happened_before_says_when(tmp_path: Path) -> None:
    """Read after an absence it is told at the newest block, whose time stands below the message."""
    message = told(tmp_path, {KEY: (WETH, USDT)}, block=ref(2))
    assert ("When", "block 2, 84 s before this one") in {(fact.label, fact.text) for fact in message.facts}
    (tmp_path / "ethmon.db").unlink()
    assert "When" not in {fact.label for fact in told(tmp_path, {KEY: (WETH, USDT)}).facts}


@pytest.mark.parametrize(
    ("lowest", "highest", "words"),
    [
        (1, 2_100, "liquidatable now; at or below $2,100.00"),
        (1_900, 9_000_000, "liquidatable now; at or above $1,900.00"),
        (1_900, 2_100, "liquidatable now; from $1,900.00 to $2,100.00"),
    ],
)
def test_a_position_that_can_be_liquidated_says_so_and_where_that_ends(
    tmp_path: Path, lowest: int, highest: int, words: str
) -> None:
    position = replace(whale(2_000), outcome=AlreadyLiquidatable(lowest * USD, highest * USD))
    assert next(facts_of(position, AT.time)).text == words
    readings = position_readings([position], {KEY.account: "Whale"}, AT)
    assert next(one.value for one in readings if one.key == "position.distance") == Decimal(0)
    rules = parse_rules({"wallet": [{"name": "Whale", "alert_at": "5%"}]}, CATALOGUE)
    with new_database(tmp_path / "ethmon.db") as db:
        (message,) = incidents.decide(db, rules, readings, at=AT, channels=[], now_wall=0.0)
    assert message.title.endswith(": liquidatable now")
