"""What a row's distance is measured from, and which prices are compared with ETH's."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from alerts.model import BlockStamp, CannotSee
from monitor.domain import FeedPrice
from monitor.lending.outcome import (
    AlreadyLiquidatable,
    Cluster,
    Insensitive,
    LiquidatableAbove,
    LiquidatableBelow,
    Outcome,
    Range,
    distance,
    gap,
)
from monitor.lending.position import NO_ETH_PRICE, Position, Proof, ProofState, ProtocolPrice, measured_from
from monitor.readings.positions import facts_of, position_readings
from monitor.replay import stored_reading
from monitor.reports.ladder import live_ladder
from monitor.store import positions
from monitor.units import TICKS_PER_USD, UnixTime, Wad
from monitor.watch.readings import _oracles
from monitor.watch.snapshot import Snapshot
from tests.support.databases import ref
from tests.support.position_rows import KEY, whale

AT = BlockStamp(1, "0x" + "01" * 32, UnixTime(1_800_000_000))
USD = TICKS_PER_USD


def one_at(price: int, outcome: Outcome) -> Position:
    return replace(whale(price), outcome=outcome)


def told_distance(position: Position) -> object:
    return next(one.value for one in position_readings([position], {}, AT) if one.key == "position.distance")


CLUSTER = Cluster(1, 2, single=False)


@pytest.mark.parametrize(
    ("outcome", "price", "left"),
    [
        (Range(1_700 * USD, 1_500 * USD), 2_000, 300),
        (Range(1_700 * USD, 1_500 * USD), 1_700, 0),
        (Range(1_700 * USD, 1_500 * USD), 1_600, 0),
        (Range(1_700 * USD, 1_500 * USD), 1_000, 0),
        (LiquidatableBelow(1_700 * USD, CLUSTER), 2_000, 300),
        (LiquidatableBelow(1_700 * USD, CLUSTER), 1_600, 0),
        (LiquidatableAbove(2_500 * USD, CLUSTER), 2_000, 500),
        (LiquidatableAbove(2_500 * USD, CLUSTER), 2_600, 0),
        (AlreadyLiquidatable(1, 2), 2_000, 0),
    ],
)
def test_inside_and_beyond_there_is_no_distance_left(outcome: Outcome, price: int, left: int) -> None:
    """A loan deep inside its bands was once the farther from them the lower the price fell."""
    position = one_at(price, outcome)
    assert gap(outcome, price * USD) == left * USD
    assert distance(outcome, price * USD) == left / price
    assert told_distance(position) == Decimal(left) * 100 / price
    stored = positions.stored(positions.row_of(ref(1), position, ""))
    assert stored.distance == left / price


def test_the_next_price_counts_where_it_is_nearer() -> None:
    position = one_at(2_000, LiquidatableBelow(1_800 * USD, CLUSTER))
    queued = ProtocolPrice(1_900 * USD, 8, UnixTime(1_800_003_600))
    assert measured_from(replace(position, queued=queued)) == 1_900 * USD
    assert measured_from(replace(position, queued=replace(queued, answer=2_100 * USD))) == 2_000 * USD
    assert measured_from(replace(position, queued=replace(queued, answer=0))) == 2_000 * USD
    doomed = replace(position, queued=replace(queued, answer=1_799 * USD))
    assert told_distance(doomed) == 0
    assert positions.stored(positions.row_of(ref(1), doomed, "")).distance == 0
    assert ("Its next price", "$1,799.00, from 09:00 UTC") in {
        (fact.label, fact.text) for fact in facts_of(doomed, AT.time)
    }


def test_a_position_without_an_eth_price_has_none_in_rows_facts_ladders_and_comparisons() -> None:
    """The price of wstETH in WETH, or of bitcoin, was once compared with the ETH/USD feed: 99.9 % apart."""
    loop = replace(
        whale(2_000), outcome=Insensitive(0.01, None), price=NO_ETH_PRICE, key=replace(KEY, market="loop")
    )
    token = replace(
        whale(2_160), price=ProtocolPrice(2_160 * USD, of_token=True), key=replace(KEY, market="weETH")
    )
    eth = whale(2_000)
    feed = FeedPrice("ETH/USD", KEY.account, 2_000 * USD, 8, None)
    snapshot = Snapshot(ref(1), [loop, token, eth], "", {"ETH/USD": feed}, (), {})
    told = list(_oracles(snapshot, AT))
    assert [(one.subject, one.value) for one in told] == [("oracle:aave_v3:Core", Decimal(0))]
    assert live_ladder(ref(1), [loop, token, loop, eth, token]).price == 2_000 * USD
    row = positions.stored(positions.row_of(ref(1), loop, ""))
    assert (row.price, row.price_usd, row.distance) == (None, None, None)
    stuck = replace(loop, outcome=AlreadyLiquidatable(1, 70_000 * 10**18, 18))
    assert next(facts_of(stuck, AT.time)).text == "liquidatable now, at any ETH price"
    assert "Protocol's ETH price" not in {fact.label for fact in facts_of(loop, AT.time)}


@pytest.mark.parametrize("outcome", [LiquidatableBelow(1_700 * USD, CLUSTER), AlreadyLiquidatable(1, 2)])
def test_a_price_that_the_contract_refutes_has_no_distance_lived_stored_or_replayed(outcome: Outcome) -> None:
    position = replace(one_at(2_000, outcome), proof=Proof(ProofState.REFUTED, "it is safe there"))
    stored = positions.stored(positions.row_of(ref(1), position, ""))
    assert stored.is_refuted
    assert stored.distance is None
    assert stored_reading(stored, {}, AT).value == told_distance(position)
    assert isinstance(told_distance(position), CannotSee)


def test_a_message_never_rounds_a_health_factor_up_to_safety() -> None:
    position = replace(whale(2_000), health_factor=Wad(10**18 - 1))
    facts = {fact.label: fact.text for fact in facts_of(position, AT.time)}
    assert facts["Health factor"] == "0.9999"
