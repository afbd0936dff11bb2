"""Laws of Liquity troves beyond the recorded ones."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from monitor.lending import liquity_v1, liquity_v2
from monitor.lending.outcome import AlreadyLiquidatable, LiquidatableBelow, NeverByEth, NeverReason
from monitor.lending.solver import DEFAULT_RANGE, solve
from monitor.units import SECONDS_PER_YEAR, WAD, UnixTime

small = st.integers(1, 200)


def system(coll, debt, troves=5, offset=0):
    return liquity_v1.System(coll, debt, troves, offset, 0, 0)


@given(st.tuples(small, small), st.tuples(small, small), st.integers(0, 400), small, st.integers(0, 60))
def test_what_is_proven_of_an_interval_holds_at_every_tick(own, others, offset, low, width):
    """Amounts of a few wei against prices of a few ticks: every floor of the two ratios is coarse."""
    trove = liquity_v1.Entire(own[0] * 10**8, own[1] * 10**18)
    total = (trove.coll + others[0] * 10**8, trove.debt + others[1] * 10**18)
    around = system(*total, offset=offset * 10**18)
    test = liquity_v1.TroveTest(trove, around)
    proven = test.over(low, low + width)
    if proven is not None:
        assert {test.at(tick) for tick in range(low, low + width + 1)} == {proven}


def test_recovery_mode_needs_a_pool_that_takes_the_whole_debt():
    trove = liquity_v1.Entire(12 * WAD, 10_000 * WAD)
    price = 1100 * WAD
    empty, full = (system(140 * WAD, 110_000 * WAD, offset=amount) for amount in (0, 10_000 * WAD))
    assert liquity_v1.in_recovery(full, price)
    assert liquity_v1.collateral_ratio(*trove, price) >= liquity_v1.MCR
    assert not liquity_v1.is_liquidatable(trove, empty, price)
    assert liquity_v1.is_liquidatable(trove, full, price)
    average = liquity_v1.Entire(14 * WAD, 11_000 * WAD)
    assert liquity_v1.collateral_ratio(*average, price) == liquity_v1.total_ratio(full, price)
    assert not liquity_v1.is_liquidatable(average, replace(full, max_offset=10**30), price)


def test_the_last_trove_is_never_liquidated():
    trove = liquity_v1.Entire(WAD, 2000 * WAD)
    alone = system(WAD, 2000 * WAD, troves=1)
    found = liquity_v1.outcome(trove, alone, 10**11)
    assert isinstance(found, NeverByEth)
    assert found.reason is NeverReason.NO_PRICE
    branch = liquity_v2.Branch(11 * WAD // 10, UnixTime(0), 1)
    latest = liquity_v2.Latest(WAD, 2000 * WAD, 2000 * WAD, 0, 0)
    assert isinstance(liquity_v2.outcome(latest, branch, None, 10**11), NeverByEth)


def test_recovery_mode_raises_the_liquidation_price():
    trove = liquity_v1.Entire(12 * WAD, 10_000 * WAD)
    tick = 2000 * 10**8
    normal = liquity_v1.outcome(trove, system(140 * WAD, 110_000 * WAD), tick)
    reached = liquity_v1.outcome(trove, system(140 * WAD, 110_000 * WAD, offset=10**23), tick)
    assert isinstance(normal, LiquidatableBelow)
    assert isinstance(reached, LiquidatableBelow)
    assert reached.tick > normal.tick
    assert reached.tick == liquity_v1.recovery_tick(system(140 * WAD, 110_000 * WAD))


def test_terms_are_capped_in_recovery_mode():
    trove = liquity_v1.Entire(12 * WAD, 10_000 * WAD)
    around = system(140 * WAD, 110_000 * WAD, offset=10**23)
    assert liquity_v1.terms(trove, 1100 * WAD, around).penalty == WAD // 10
    assert liquity_v1.terms(trove, 850 * WAD, around).penalty == 2 * WAD // 100


@given(
    coll=st.integers(1, 10**25),
    debt=st.integers(1, 10**28),
    rate=st.one_of(st.none(), st.integers(WAD, 2 * WAD)),
)
def test_the_branch_formula_agrees_with_the_search(coll, debt, rate):
    branch = liquity_v2.Branch(11 * WAD // 10, UnixTime(0), 3)
    trove = liquity_v2.Latest(coll, debt, debt, 0, 0)
    price = liquity_v2.liquidation_price(trove, branch) or 0
    found = liquity_v2.outcome(trove, branch, rate, DEFAULT_RANGE.high)
    if isinstance(found, LiquidatableBelow):
        assert liquity_v2.price_at(found.tick, rate) <= price < liquity_v2.price_at(found.tick + 1, rate)
    elif isinstance(found, AlreadyLiquidatable):
        assert liquity_v2.price_at(DEFAULT_RANGE.high, rate) <= price
    else:
        assert price < liquity_v2.price_at(DEFAULT_RANGE.low, rate)


@given(st.integers(0, 10**28), st.integers(0, WAD), st.integers(0, 10**8))
def test_interest_stops_at_the_shutdown(debt, rate, waited):
    closed = UnixTime(1000)
    branch = liquity_v2.Branch(11 * WAD // 10, closed, 3)
    trove = liquity_v2.TroveV2(WAD, debt, rate, UnixTime(400), liquity_v2.Redistribution(0, 0))
    at_close = liquity_v2.latest(trove, branch, closed)
    assert liquity_v2.latest(trove, branch, UnixTime(closed + waited)) == at_close
    touched_after = liquity_v2.interest_period(branch, UnixTime(1500), UnixTime(2000))
    assert touched_after == 0


@given(st.integers(1, 10**24), st.integers(0, WAD), st.integers(0, WAD), st.integers(1, 10**24))
def test_a_batch_shares_out_no_more_than_it_owes(debt, rate, fee, shares):
    branch = liquity_v2.Branch(11 * WAD // 10, UnixTime(0), 3)
    batch = liquity_v2.Batch(debt, rate, fee, shares * 3, UnixTime(0))
    trove = liquity_v2.TroveV2(WAD, 0, 0, UnixTime(0), liquity_v2.Redistribution(0, 0), batch, shares)
    part = liquity_v2.latest(trove, branch, UnixTime(SECONDS_PER_YEAR))
    whole = debt + debt * rate // WAD + debt * fee // WAD
    assert 3 * part.debt <= whole <= 3 * part.debt + 9


def test_a_system_search_ends_on_hostile_numbers():
    trove = liquity_v1.Entire(2**255, 2**255)
    found = solve(liquity_v1.TroveTest(trove, system(2**256, 2**256, offset=2**255)), 10**11)
    assert not found.liquidatable_now
