"""Every trove of the recorded Liquity v1 and v2 scenes: amounts, ratios, answers, boundaries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.lending import liquity_v1, liquity_v2
from monitor.lending.outcome import AlreadyLiquidatable, LiquidatableBelow
from monitor.lending.remedy import Remedy
from monitor.lending.solver import Monotone, PriceRange, solve
from monitor.units import UnixTime
from tests.support import vectors

V1 = [
    pytest.param(data, scene, id=f"{label}-{number}-{scene['name']}")
    for label, data in vectors.of_protocol("Liquity v1")
    for number, deployment in enumerate(data["deployments"])
    for scene in deployment["scenes"]
]
V2 = [
    pytest.param(data, branch, scene, id=f"{label}-{branch['name']}-{scene['name']}")
    for label, data in vectors.of_protocol("Liquity v2 (BOLD)")
    for branch in data["branches"]
    for scene in branch["scenes"]
]


def check_boundary(test, price, expected, within):
    found = solve(test, price, within)
    if expected["tick"] is None:
        assert found.cluster is None
        assert found.liquidatable_now == ("not liquidatable" not in expected["reason"])
        return
    tick = int(expected["tick"])
    assert expected["direction"] == "below"
    assert [str(int(test.at(near))) for near in (tick - 1, tick, tick + 1)] == expected["answers"]
    if found.liquidatable_now:
        assert tick in found.stretch
    else:
        assert (found.first_down, found.first_up) == (tick, None)


def range_of(data):
    return PriceRange(*map(int, data["scan_range_ticks"]))


def system_of(data, scene):
    names = ("entireSystemColl", "entireSystemDebt", "trove_count", "sp_max_offset", "L_ETH", "L_LUSDDebt")
    numbers = [int(scene[name]) for name in names]
    return liquity_v1.System(*numbers, int(data["constants"]["MCR"]), int(data["constants"]["CCR"]))


def trove_of(account):
    names = ("coll", "debt", "stake", "snapshot_ETH", "snapshot_LUSDDebt")
    return liquity_v1.Trove(*(int(account[name]) for name in names))


@pytest.mark.parametrize(("data", "scene"), V1)
def test_v1_system_ratio_and_recovery_mode(data, scene):
    system, price = system_of(data, scene), int(scene["price"])
    assert price == int(scene["eth_usd_tick"]) * liquity_v1.WAD_PER_TICK
    assert liquity_v1.total_ratio(system, price) == int(scene["TCR"])
    assert liquity_v1.in_recovery(system, price) == scene["recovery_mode"]
    expected = scene["boundary_recovery_mode"]
    tick = liquity_v1.recovery_tick(system)
    assert tick == int(expected["tick"])
    near = [liquity_v1.in_recovery(system, at * liquity_v1.WAD_PER_TICK) for at in (tick - 1, tick, tick + 1)]
    assert [str(int(answer)) for answer in near] == expected["answers"]


@pytest.mark.parametrize(("data", "scene"), V1)
def test_v1_amounts_and_answers(data, scene):
    system, price = system_of(data, scene), int(scene["price"])
    for account in scene["accounts"]:
        trove = trove_of(account)
        gain, total = liquity_v1.pending(trove, system), liquity_v1.entire(trove, system)
        assert gain == (int(account["pending_coll"]), int(account["pending_debt"])), account["id"]
        assert total == (int(account["entire_coll"]), int(account["entire_debt"])), account["id"]
        assert liquity_v1.collateral_ratio(*total, price) == int(account["ICR"]), account["id"]
        answer = liquity_v1.is_liquidatable(total, system, price)
        assert answer == account["liquidate_succeeds"], account["id"]


@pytest.mark.parametrize(("data", "scene"), V1)
def test_v1_boundaries(data, scene):
    system = system_of(data, scene)
    for account in scene["accounts"]:
        test = liquity_v1.TroveTest(liquity_v1.entire(trove_of(account), system), system)
        check_boundary(test, int(scene["eth_usd_tick"]), account["boundary_eth_tick"], range_of(data))


def branch_of(branch, scene):
    shutdown = UnixTime(int(scene["shutdownTime"]))
    return liquity_v2.Branch(int(branch["MCR"]), shutdown, len(scene["accounts"]))


def batch_of(scene):
    names = (
        "recordedDebt",
        "annualInterestRate",
        "annualManagementFee",
        "totalDebtShares",
        "lastDebtUpdateTime",
    )
    return liquity_v2.Batch(*(int(scene["batch"][name]) for name in names))


def trove_v2_of(account, scene):
    gains = liquity_v2.Redistribution(int(account["redistCollGain"]), int(account["redistBoldDebtGain"]))
    return liquity_v2.TroveV2(
        coll=int(account["stored_coll"]),
        recorded_debt=int(account["stored_debt"]),
        annual_rate=int(account["annualInterestRate"]),
        last_update=UnixTime(int(account["lastDebtUpdateTime"])),
        redistributed=gains,
        batch=batch_of(scene) if account["in_batch"] else None,
        shares=int(account["batchDebtShares"]),
    )


def rate_of(scene):
    return None if scene["rate"] is None else int(scene["rate"])


@pytest.mark.parametrize(("data", "branch", "scene"), V2)
def test_v2_amounts_and_answers(data, branch, scene):
    terms, now, price = branch_of(branch, scene), UnixTime(int(scene["block_timestamp"])), int(scene["price"])
    assert liquity_v2.price_at(int(scene["eth_usd_tick"]), rate_of(scene)) == price
    for account in scene["accounts"]:
        trove = liquity_v2.latest(trove_v2_of(account, scene), terms, now)
        names = ("entireColl", "entireDebt", "recordedDebt", "accruedInterest", "accruedBatchManagementFee")
        assert trove == tuple(int(account[name]) for name in names), account["id"]
        assert liquity_v1.collateral_ratio(trove.coll, trove.debt, price) == int(account["ICR"])
        answer = liquity_v2.is_liquidatable(trove, terms, price)
        assert answer == account["liquidate_succeeds"], account["id"]


@pytest.mark.parametrize(("data", "branch", "scene"), V2)
def test_v2_batch_amounts(data, branch, scene):
    terms, now, batch = branch_of(branch, scene), UnixTime(int(scene["block_timestamp"])), batch_of(scene)
    period = liquity_v2.interest_period(terms, batch.last_update, now)
    recorded = scene["batch"]
    own = liquity_v2.interest(batch.recorded_debt, batch.annual_rate, period)
    fee = liquity_v2.interest(batch.recorded_debt, batch.annual_fee, period)
    assert (own, fee) == (int(recorded["accruedInterest"]), int(recorded["accruedManagementFee"]))
    assert batch.recorded_debt + own + fee == int(recorded["entireDebtWithoutRedistribution"])


@pytest.mark.parametrize(("data", "branch", "scene"), V2)
def test_v2_boundaries(data, branch, scene):
    terms, now = branch_of(branch, scene), UnixTime(int(scene["block_timestamp"]))
    for account in scene["accounts"]:
        trove = liquity_v2.latest(trove_v2_of(account, scene), terms, now)
        test = Monotone(liquity_v2.TroveV2Test(trove, terms, rate_of(scene)))
        check_boundary(test, int(scene["eth_usd_tick"]), account["boundary_eth_tick"], range_of(data))


def test_the_vectors_are_there():
    assert sum(len(scene.values[-1]["accounts"]) for scene in V1) >= 2 * 5 * 20
    assert sum(len(scene.values[-1]["accounts"]) for scene in V2) >= 5 * 20


@pytest.mark.parametrize(("data", "scene"), V1)
def test_v1_outcome_and_remedy(data, scene):
    system, price = system_of(data, scene), int(scene["price"])
    for account in scene["accounts"]:
        trove = liquity_v1.entire(trove_of(account), system)
        found = liquity_v1.outcome(trove, system, int(scene["eth_usd_tick"]))
        remedy = liquity_v1.remedy(trove, system, price)
        if account["liquidate_succeeds"]:
            assert isinstance(found, AlreadyLiquidatable), account["id"]
            assert remedy.repay > 0
            assert remedy.add > 0
            less = liquity_v1.Entire(trove.coll, trove.debt - remedy.repay)
            smaller = replace(system, debt=system.debt - remedy.repay)
            assert not liquity_v1.is_liquidatable(less, smaller, price)
        else:
            assert isinstance(found, LiquidatableBelow)
            assert found.tick == int(account["boundary_eth_tick"]["tick"])
            assert remedy == Remedy(0, 0)


@pytest.mark.parametrize(("data", "branch", "scene"), V2)
def test_v2_outcome_and_remedy(data, branch, scene):
    terms, now, price = branch_of(branch, scene), UnixTime(int(scene["block_timestamp"])), int(scene["price"])
    for account in scene["accounts"]:
        trove = liquity_v2.latest(trove_v2_of(account, scene), terms, now)
        found = liquity_v2.outcome(trove, terms, rate_of(scene), int(scene["eth_usd_tick"]))
        remedy = liquity_v2.remedy(trove, terms, price)
        if not account["liquidate_succeeds"]:
            assert isinstance(found, LiquidatableBelow)
            assert found.tick == int(account["boundary_eth_tick"]["tick"])
            assert remedy == Remedy(0, 0)
            continue
        assert isinstance(found, AlreadyLiquidatable), account["id"]
        for more, still in ((-1, True), (0, False)):
            paid = trove._replace(debt=trove.debt - remedy.repay - more)
            richer = trove._replace(coll=trove.coll + remedy.add + more)
            assert liquity_v2.is_liquidatable(paid, terms, price) == still
            assert liquity_v2.is_liquidatable(richer, terms, price) == still
