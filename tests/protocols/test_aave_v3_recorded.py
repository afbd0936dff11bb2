"""The adapter on the recorded contracts of every generation: v3.0 to v3.7 and SparkLend's variants.

No package has compiled contracts from v3.4 on, so their recorded answers stand in for the pool.
"""

from __future__ import annotations

from typing import Any

import pytest

from contracts_abi import aave_v3 as abi
from monitor.domain import BlockRef
from monitor.lending.outcome import (
    AlreadyLiquidatable,
    Insensitive,
    LiquidatableAbove,
    LiquidatableBelow,
    NeverByEth,
    NeverReason,
)
from monitor.lending.position import Position, Seen, Unseen
from monitor.protocols.aave_v3 import AaveV3
from monitor.units import BlockHash, BlockNumber, UnixTime
from tests.support.aave_vectors import instances
from tests.support.recorded_pool import ORACLE, POOL, RecordedPool, account_of, category_asset
from tests.support.supposed import check_supposed


@pytest.fixture(scope="module", params=[pytest.param(one, id=name) for name, one in instances()])
def instance(request: pytest.FixtureRequest) -> dict[str, Any]:
    return request.param


def block_of(instance: dict[str, Any]) -> BlockRef:
    market = instance["market"]
    unknown = BlockHash("0x" + "00" * 32)
    return BlockRef(BlockNumber(int(market["block"])), unknown, unknown, UnixTime(int(market["timestamp"])))


def read(pool: RecordedPool, instance: dict[str, Any]) -> tuple[dict[str, Seen], AaveV3]:
    adapter = AaveV3((pool.deployment,))
    seen = pool.run(adapter.read(pool.accounts, block_of(instance)))
    return {one.key.account: one for one in seen}, adapter


def test_every_account_is_reproduced_and_its_boundary_is_the_recorded_one(instance: dict[str, Any]) -> None:
    seen, adapter = read(RecordedPool(instance), instance)
    assert [rule.name for rule in adapter.rules[POOL]] == [instance["market"]["formula"]]
    assert not [one for one in seen.values() if isinstance(one, Unseen)]
    expected = f"{instance['market']['formula']}, {instance['market']['debt_index_formula']} index"
    assert {one.rule for one in seen.values() if isinstance(one, Position)} == {expected}
    for entry in instance["accounts"]:
        flagged = any(row[2] or row[3] for row in entry["rows"].values())
        one = seen.get(account_of(entry["id"]))
        assert (one is not None) == flagged
        if isinstance(one, Position):
            check(one, entry, str(entry["id"]))


def check(one: Position, entry: dict[str, Any], name: str) -> None:
    check_supposed(one)
    boundary, found = entry["boundary"], one.outcome
    if boundary["liquidatable_now"]:
        assert isinstance(found, AlreadyLiquidatable), name
    elif isinstance(found, LiquidatableBelow):
        assert (found.tick, found.other_side) == (boundary["first_down"], boundary["first_up"]), name
    elif isinstance(found, LiquidatableAbove) and boundary["first_up"] is not None:
        assert (found.tick, found.other_side) == (boundary["first_up"], boundary["first_down"]), name
    elif isinstance(found, NeverByEth):
        assert (boundary["first_down"], boundary["first_up"]) == (None, None), name
        owes = any(leg.amount for leg in one.debts)
        assert (found.reason is NeverReason.NO_DEBT) == (not owes), name
    else:
        # Beyond the recorded range of $100,000, or a loop whose crossings are rounding or far away.
        assert isinstance(found, LiquidatableAbove | Insensitive), name


def test_no_note_is_made_where_nothing_is_odd(instance: dict[str, Any]) -> None:
    seen, _ = read(RecordedPool(instance), instance)
    assert {note for one in seen.values() if isinstance(one, Position) for note in one.notes} == set()


def test_an_account_that_the_pool_reports_otherwise_is_a_gap_and_the_others_are_not(
    instance: dict[str, Any],
) -> None:
    changed = {**instance, "accounts": [dict(entry) for entry in instance["accounts"]]}
    strange = next(one for one in changed["accounts"] if any(row[2] for row in one["rows"].values()))
    strange["out"] = [str(int(strange["out"][0]) + 1), *strange["out"][1:]]
    seen, adapter = read(RecordedPool(changed), changed)
    gaps = [one for one in seen.values() if isinstance(one, Unseen)]
    assert [one.key.account for one in gaps] == [account_of(strange["id"])]
    assert "no known rounding rule reproduces" in gaps[0].cause
    assert adapter.rules[POOL][0].name == instance["market"]["formula"]


def test_an_upgrade_of_the_contracts_is_followed(instance: dict[str, Any]) -> None:
    """The rules that fitted before are given up when they do not fit any more."""
    pool = RecordedPool(instance)
    adapter = AaveV3((pool.deployment,))
    others = [one for name, one in instances() if one["market"]["formula"] != instance["market"]["formula"]]
    before = next(one for one in others if ("bitmap" in one["market"]["formula"]) == pool.bitmaps)
    earlier = RecordedPool(before)
    earlier.run(adapter.read(earlier.accounts, block_of(before)))
    seen = pool.run(adapter.read(pool.accounts, block_of(instance)))
    assert not [one for one in seen if isinstance(one, Unseen)]
    assert adapter.rules[POOL][0].name == instance["market"]["formula"]


def test_a_pool_that_does_not_answer_is_a_gap_for_all(instance: dict[str, Any]) -> None:
    pool = RecordedPool(instance)
    adapter = AaveV3((pool.deployment,))
    pool.answers.clear()
    seen = pool.run(adapter.read(pool.accounts, block_of(instance)))
    assert len(seen) == len(pool.accounts)
    assert all(isinstance(one, Unseen) and "pool" in one.cause for one in seen)


def test_a_category_without_its_price_hides_only_its_users(instance: dict[str, Any]) -> None:
    priced = {int(id_) for id_, one in instance["market"]["emodes"].items() if one.get("price_answer")}
    pool = RecordedPool(instance)
    for id_ in priced:
        del pool.answers[(ORACLE, abi.ASSET_PRICE.encode(category_asset(id_)))]
    seen, adapter = read(pool, instance)
    users = {account_of(entry["id"]) for entry in instance["accounts"] if entry["emode"] in priced}
    hidden = {one.key.account for one in seen.values() if isinstance(one, Unseen)}
    assert hidden <= users
    assert bool(hidden) == bool(users & set(seen))
    assert adapter.rules[POOL][0].name == instance["market"]["formula"]
