"""The bookkeeping estimate against a stake that moves as freely as the protocol's queues allow."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.supply.consensus import Participation, ParticipationRange, issuance_ratio, max_issuance_per_epoch
from monitor.supply.estimate import Flow, StakeAnchor, estimate, estimate_by_drift
from tests.support.stake_layer import ETH, HIGH, RANGE, RULES, Layer, epochs


@settings(max_examples=300)
@given(
    history=st.lists(epochs, min_size=1, max_size=60),
    lag=st.integers(1, RULES.exit_lag_epochs),
    compounding=st.integers(0, 100),
    share=st.integers(980, 1000),
    stretch=st.integers(1, 8),
    waiting=st.integers(0, 5_000),
    may_leave=st.booleans(),
)
@example(
    history=[(0, 0, 0), (0, 145, 0)], lag=1, compounding=0, share=993, stretch=2, waiting=145, may_leave=True
)
def test_the_truth_is_inside_whatever_the_queues_do(
    history: list[tuple[int, int, int]],
    lag: int,
    compounding: int,
    share: int,
    stretch: int,
    waiting: int,
    may_leave: bool,
) -> None:
    """A small network, so that 256 ETH an epoch moves its stake as years do on mainnet.

    Where nobody may leave, the lower bound has no slack from exits: entries alone must hold it.
    """
    rules = RULES if may_leave else RULES._replace(exit_gwei=0)
    layer = Layer(2_000 * ETH, queue=[[9, waiting * ETH]] if waiting else [])
    anchor = StakeAnchor(0, layer.total, layer.active, layer.active, waiting * ETH, "test")
    ratio = issuance_ratio(Participation(*[Fraction(share, 1000)] * 4))
    flows: list[Flow] = []
    for start in range(0, len(history), stretch):
        part = history[start : start + stretch]
        paid = sum(
            layer.epoch(deposit * ETH, exits * ETH * may_leave, lag, compounding, ratio, sweep)
            for deposit, exits, sweep in part
        )
        entered = sum(deposit * ETH for deposit, _, _ in part)
        flows.append(Flow(384 * len(part), entered, paid))
        figure = estimate(anchor, [], flows, RANGE, rules)
        assert figure.low_gwei <= layer.issued <= figure.high_gwei
        drift = estimate_by_drift(anchor, 0, sum(flow.seconds for flow in flows), RANGE, rules)
        assert drift.low_gwei <= layer.issued <= drift.high_gwei
    expected = anchor.total_gwei + layer.issued + sum(f.deposits_gwei - f.withdrawals_gwei for f in flows)
    assert layer.total == expected


def test_the_interval_is_no_wider_than_the_queues_allow() -> None:
    """Nothing came and nothing left: only what may be on its way out widens the lower bound."""
    anchor = StakeAnchor(0, 36_000_000 * ETH, 36_000_000 * ETH, 36_000_000 * ETH, 0, "test")
    full = ParticipationRange(HIGH, HIGH, "full")
    quiet = estimate(anchor, [], [Flow(384 * 10, 0, 0)], full, RULES)
    perfect = 10 * max_issuance_per_epoch(36_000_000 * ETH)
    assert quiet.high_gwei - perfect < perfect // 100
    assert perfect - quiet.low_gwei < perfect // 100
    entering = estimate(anchor, [], [Flow(384 * 10, 2_560 * ETH, 0)] * 10, full, RULES)
    assert entering.high_gwei > quiet.high_gwei * 10


def test_what_waited_and_what_came_may_all_enter_at_once() -> None:
    """Where the queue runs dry within a stretch, all of it may have earned from the stretch's start."""
    stake, waiting, came = 10_000 * ETH, 900 * ETH, 1_000 * ETH
    anchor = StakeAnchor(0, stake + waiting, stake, stake, waiting, "test")
    full = ParticipationRange(HIGH, HIGH, "full")
    figure = estimate(anchor, [], [Flow(384 * 8, came, 0)], full, RULES._replace(exit_gwei=0))
    assert figure.high_gwei >= 8 * max_issuance_per_epoch(stake + waiting + came)


def test_a_year_of_compounding_stays_inside() -> None:
    """Every reward becomes stake: the upper bound grows with it."""
    start = 1_000_000 * ETH
    active, issued = start, 0
    for _ in range(365 * 225):
        reward = max_issuance_per_epoch(active)
        active, issued = active + reward, issued + reward
    anchor = StakeAnchor(0, start, start, start, 0, "test")
    full = ParticipationRange(HIGH, HIGH, "full")
    idle = RULES._replace(entry_gwei=0, exit_gwei=0)
    figure = estimate(anchor, [], [Flow(86_400, 0, 0)] * 365, full, idle)
    assert figure.low_gwei < issued <= figure.high_gwei
    assert figure.high_gwei - issued < issued // 100
    drift = estimate_by_drift(anchor, 0, 365 * 86_400, full, idle)
    assert drift.low_gwei < issued <= drift.high_gwei
