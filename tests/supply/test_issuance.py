"""Laws of issuance figures, and the measured days of mainnet."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.supply.consensus import (
    FULL,
    USUAL,
    Participation,
    issuance_bounds,
    issuance_ratio,
    max_issuance_per_epoch,
    stake_from_sync_reward,
)
from monitor.supply.estimate import PECTRA, Flow, StakeAnchor, estimate, estimate_by_drift
from monitor.supply.issuance import (
    ConsensusTotal,
    Estimated,
    IssuancePoint,
    Measured,
    Method,
    Unknown,
    between,
    bounds_gwei,
    measure,
    per_second,
    running_total,
)
from monitor.supply.sweep import BUILDER_BIT, Payout, SweepTally, sweep_estimate

ETH = 10**9
shares = st.fractions(0, 1, max_denominator=1000)
participations = st.builds(Participation, shares, shares, shares, shares)


def total(slot: int, gwei: int, pending: int = 0, builders: int = 0) -> ConsensusTotal:
    return ConsensusTotal(slot, slot, f"0x{slot}", slot * 12, slot, gwei, pending, builders, True)


def test_perfect_duty_issues_the_maximum_and_absence_costs() -> None:
    assert issuance_ratio(FULL) == 1
    assert issuance_ratio(Participation(*[Fraction(0)] * 4)) == Fraction(-42, 64)
    assert float(issuance_ratio(Participation(*[Fraction(7, 8)] * 3, Fraction(15, 16)))) == pytest.approx(
        0.704869, abs=1e-6
    )


@given(participations, st.integers(0, 3), shares)
def test_more_participation_never_issues_less(low: Participation, place: int, more: Fraction) -> None:
    values = list(low)
    values[place] = max(values[place], more)
    assert issuance_ratio(low) <= issuance_ratio(Participation(*values)) <= 1


@given(st.integers(0, 60_000_000), st.integers(0, 3_000_000), st.data())
def test_bounds_hold_any_stake_between(least: int, width: int, data: st.DataObject) -> None:
    """Also across the steps of the base reward, where more stake issues less."""
    low, high = issuance_bounds(least * ETH, (least + width) * ETH)
    inside = data.draw(st.integers(least, least + width))
    assert low <= max_issuance_per_epoch(inside * ETH) <= high
    assert {low, high} == {max_issuance_per_epoch(least * ETH)} or width


def test_the_saw_of_the_base_reward_is_real() -> None:
    """Why bounds need more than the ends of an interval: one more ETH can issue 0.3 % less."""
    stake = 35_019_322 * ETH
    assert max_issuance_per_epoch(stake - ETH) < max_issuance_per_epoch(stake)
    low, high = issuance_bounds(stake - ETH, stake + 2 * ETH)
    assert high == max_issuance_per_epoch(stake) > low == max_issuance_per_epoch(stake + ETH)


@given(st.integers(3_000, 60_000_000))
def test_stake_behind_a_sync_reward_is_found(stake: int) -> None:
    reward = max_issuance_per_epoch(stake * ETH) * 2 // 64 // 32 // 512
    low, high = stake_from_sync_reward(reward)
    assert low <= stake * ETH <= high
    assert stake < 10_000_000 or high - low < low * 7 // 1000


def test_no_stake_pays_nonsense() -> None:
    assert stake_from_sync_reward(0) is None
    assert stake_from_sync_reward(-5) is None
    # A whole balance instead of a reward, as one client's endpoint once answered.
    absurd = stake_from_sync_reward(32_002_000_000)
    assert absurd is None or absurd[0] > 10**9 * ETH


@pytest.mark.shared
def test_measured_days_lie_in_the_stated_interval(shared_data: Path) -> None:
    """Real consensus rewards of 2022 against the interval that the estimate would have stated."""
    rows = json.loads((shared_data / "supply/ethstore_measured_issuance.json").read_text())["rows"]
    days = [row for row in rows if not row.get("phase0")]
    assert len(days) == 4
    for row in days:
        stake, rewards = int(row["effectiveBalanceGwei"]), int(row["consensusRewardsGwei"])
        anchor = StakeAnchor(0, stake, stake, stake, 0, "start of the day")
        estimated = estimate(anchor, [], [Flow(row["epochs"] * 384, 0, 0)], USUAL)
        assert estimated.low_gwei <= rewards <= estimated.high_gwei
        assert estimated.spread_gwei < estimated.middle_gwei * 3 // 100
        older = StakeAnchor(0, stake, stake, stake, 0, "ten days before")
        drifted = estimate_by_drift(older, 10 * 86_400, 11 * 86_400, USUAL)
        assert drifted.low_gwei <= rewards <= drifted.high_gwei


def test_measured_is_balances_less_deposits_plus_withdrawals() -> None:
    start, end = total(10, 1_000, 50, 7), total(20, 1_100, 20, 9)
    assert measure(start, end, 40, 15) == Measured(1_129 - 1_057 - 40 + 15)
    assert isinstance(measure(start, end, None, 0), Unknown)
    assert isinstance(measure(start, end, 0, None), Unknown)
    assert isinstance(measure(end, start, 0, 0), Unknown)
    assert isinstance(measure(start, start, 0, 0), Unknown)


def test_moves_between_balances_and_the_queue_are_no_issuance() -> None:
    """Pectra moved 90,609.709835714 ETH of balances into the queue in one slot."""
    moved = 90_609_709_835_714
    assert measure(total(1, 10**17), total(2, 10**17 - moved, moved), 0, 0) == Measured(0)


@given(st.lists(st.integers(-(10**6), 10**9), min_size=1, max_size=20), st.data())
def test_samples_add_up_over_any_stretch(steps: list[int], data: st.DataObject) -> None:
    samples = [total(slot, 10**15) for slot in range(len(steps) + 1)]
    [points] = running_total(samples, [Measured(step) for step in steps])
    first = data.draw(st.integers(0, len(steps) - 1))
    last = data.draw(st.integers(first + 1, len(steps)))
    assert between(points, first * 12, last * 12) == Measured(sum(steps[first:last]))


def test_a_gap_between_samples_is_not_bridged() -> None:
    samples = [total(slot, 0) for slot in range(5)]
    series = running_total(samples, [Measured(5), Unknown("node down"), Measured(7), Measured(7)])
    assert [[point.total_gwei for point in points] for points in series] == [[0, 5], [0, 7, 14]]
    assert isinstance(between(series[1], 12, 48), Unknown)
    assert between(series[1], 24, 48) == Measured(14)
    assert isinstance(between([], 0, 1), Unknown)
    assert isinstance(between(series[1], 24, 49), Unknown)


@given(st.lists(st.integers(0, 10**9), min_size=3, max_size=12), st.integers(0, 400), st.integers(1, 400))
def test_between_samples_the_interval_holds_the_truth(steps: list[int], start: int, length: int) -> None:
    """Issuance accrues at some rate inside each step; whatever it is, the interval covers it."""
    edge = 12 * len(steps)
    start, end = start % edge, min(start % edge + length, edge)
    assume(start < end)
    totals = np.concatenate([[0], np.cumsum(steps)])
    points = [IssuancePoint(12 * index, int(value)) for index, value in enumerate(totals)]
    figure = between(points, start, end)
    low, high = bounds_gwei(figure)
    truth = np.interp(end, [p.timestamp for p in points], totals) - np.interp(
        start, [p.timestamp for p in points], totals
    )
    assert low - 1 <= truth <= high + 1
    if start % 12 == end % 12 == 0:
        assert isinstance(figure, Measured)


def test_an_interval_is_never_narrower_when_shown() -> None:
    odd = Estimated(10, 15, Method.SWEEP, "", 0)
    assert odd.middle_gwei - odd.spread_gwei <= 10
    assert odd.middle_gwei + odd.spread_gwei >= 15
    assert per_second(odd, 7) == (10 * 10**9 // 7, -(-15 * 10**9 // 7))


flows = st.lists(
    st.builds(Flow, st.integers(1, 90_000), st.integers(0, 60_000 * ETH), st.integers(0, 60_000 * ETH)),
    max_size=10,
)


@given(flows, flows)
def test_estimates_are_ordered_and_older_anchors_know_less(before: list[Flow], within: list[Flow]) -> None:
    anchor = StakeAnchor(0, 37_000_000 * ETH, 35_900_000 * ETH, 36_000_000 * ETH, 900_000 * ETH, "test")
    figure = estimate(anchor, before, within, USUAL)
    assert 0 <= figure.low_gwei <= figure.high_gwei
    assert figure.anchor_age_s == sum(flow.seconds for flow in before + within)
    both = estimate(anchor, [], before + within, USUAL)
    alone = estimate(anchor, [], before, USUAL)
    assert both.low_gwei == alone.low_gwei + figure.low_gwei
    assert both.high_gwei == alone.high_gwei + figure.high_gwei


def test_a_month_after_the_anchor_the_estimate_is_still_of_use() -> None:
    anchor = StakeAnchor(0, 37_000_000 * ETH, 36_000_000 * ETH, 36_000_000 * ETH, 0, "test")
    month = [Flow(86_400, 20_000 * ETH, 22_000 * ETH)] * 30
    figure = estimate(anchor, month[:-1], month[-1:], USUAL)
    assert 2_500 * ETH < figure.low_gwei < 2_675 * ETH < figure.high_gwei < 2_760 * ETH
    drift = estimate_by_drift(anchor, 29 * 86_400, 30 * 86_400, USUAL)
    assert drift.low_gwei < figure.low_gwei < figure.high_gwei < drift.high_gwei
    backwards = estimate_by_drift(anchor, -30 * 86_400, -29 * 86_400, USUAL)
    assert backwards == drift
    assert PECTRA.seconds_per_epoch == 384


def swept_network(seed: int, validators: int, offline: float) -> tuple[SweepTally, int, int]:
    """A made-up network: steady attestation pay, rare big proposals, a sweep every nine days."""
    rng = np.random.default_rng(seed)
    period, rounds, pay = 777_600, 3, 22
    tally = SweepTally()
    issued = 0
    down = rng.random(validators) < offline
    for turn in range(rounds + 1):
        proposals = rng.poisson(0.55, validators) * 35_000_000
        earned = np.where(down, -pay * period // 1_000 * 10, pay * period // 10 + proposals)
        issued += int(earned.sum()) if turn else 0
        start = turn * period
        tally.add(
            Payout(int(index), int(earned[index]), start + int(index) * period // validators)
            for index in np.flatnonzero(~down)
        )
    return tally, rounds * period, issued


@pytest.mark.parametrize("seed", range(8))
def test_the_sweep_tells_the_mean_reward_of_a_made_up_network(seed: int) -> None:
    validators = 3_000
    tally, seconds, issued = swept_network(seed, validators, 0.01)
    stake = validators * 32 * ETH
    figure = sweep_estimate(tally, seconds, stake, stake)
    assert figure.low_gwei <= issued <= figure.high_gwei
    assert figure.spread_gwei < figure.middle_gwei // 8


@pytest.mark.parametrize("seed", range(8))
def test_the_sweep_speaks_for_those_it_does_not_see(seed: int) -> None:
    """Two thousand swept validators stand for ten thousand; proposals fall where chance has them."""
    rng = np.random.default_rng(seed)
    period, rounds, validators, swept = 777_600, 3, 10_000, 2_000
    earned = 22 * period // 10 + rng.poisson(0.55, (rounds, validators)) * 35_000_000
    tally = SweepTally()
    for turn in range(rounds + 1):
        amounts = earned[turn - 1] if turn else earned[0]
        tally.add(Payout(index, int(amounts[index]), turn * period + index) for index in range(swept))
    stake = validators * 32 * ETH
    figure = sweep_estimate(tally, rounds * period, stake, stake, offline_permille=(0, 0))
    assert figure.low_gwei <= int(earned.sum()) <= figure.high_gwei
    assert 0 < figure.spread_gwei < figure.middle_gwei // 10


def test_the_sweep_counts_only_what_is_a_reward_of_a_known_period() -> None:
    tally = SweepTally()
    tally.add([Payout(1, 100, 0), Payout(2, 32 * ETH, 0), Payout(BUILDER_BIT | 1, 100, 0)])
    assert tally.periods == 0
    tally.add([Payout(1, 50, 10), Payout(2, 40, 10), Payout(BUILDER_BIT | 1, 100, 10)])
    assert (tally.periods, tally.earned_gwei, tally.seconds) == (1, 50, 10)
    tally.add([Payout(1, 5 * ETH, 20), Payout(1, 7, 30), Payout(2, 4, 14)])
    assert (tally.periods, tally.earned_gwei, tally.seconds) == (2, 54, 14)
    assert isinstance(sweep_estimate(tally, 100, ETH, ETH), Unknown)


@given(st.lists(st.tuples(st.integers(1, 10**8), st.integers(1, 10**6)), min_size=2, max_size=50))
def test_the_sweeps_deviation_is_the_ratio_estimators(periods: list[tuple[int, int]]) -> None:
    tally = SweepTally()
    for index, (amount, seconds) in enumerate(periods):
        tally.add([Payout(index, 0, 0), Payout(index, amount, seconds)])
    amounts, times = np.array(periods, dtype=object).T
    rate = Fraction(sum(amounts), sum(times))
    exact = sum((amount - rate * time) ** 2 for amount, time in zip(amounts, times, strict=True))
    deviation = tally.deviation_gwei()
    assert (deviation - 2) ** 2 <= exact or deviation <= 2
    assert exact <= deviation**2
