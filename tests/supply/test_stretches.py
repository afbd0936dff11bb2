"""The estimate where parts of the flows are not known, against the same simulated layer."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.supply.consensus import Participation, issuance_ratio
from monitor.supply.estimate import Flow, StakeAnchor, Stretch, estimate, estimate_within, stretch_bounds
from tests.support.stake_layer import ETH, RANGE, RULES, Layer, epochs


@settings(max_examples=200)
@given(
    history=st.lists(epochs, min_size=1, max_size=40),
    lag=st.integers(1, RULES.exit_lag_epochs),
    compounding=st.integers(0, 100),
    share=st.integers(980, 1000),
    stretch=st.integers(1, 8),
    waiting=st.integers(0, 5_000),
    hidden=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=40, max_size=40),
    queue_known=st.booleans(),
    skip=st.integers(0, 39),
)
def test_the_truth_is_inside_whatever_is_not_known(
    history: list[tuple[int, int, int]],
    lag: int,
    compounding: int,
    share: int,
    stretch: int,
    waiting: int,
    hidden: list[tuple[bool, bool]],
    queue_known: bool,
    skip: int,
) -> None:
    """Any flow may be hidden, the queue too; asked is any part, cut anywhere between epochs."""
    layer = Layer(2_000 * ETH, queue=[[9, waiting * ETH]] if waiting else [])
    # What a person knows who does not know the queue: the rest of the total.
    known = waiting * ETH if queue_known else 0
    anchor = StakeAnchor(0, 2_000 * ETH * 11 // 10 + waiting * ETH, layer.active, layer.active, known, "test")
    ratio = issuance_ratio(Participation(*[Fraction(share, 1000)] * 4))
    parts: list[Stretch] = []
    issued: list[int] = []
    for start in range(0, len(history), stretch):
        part = history[start : start + stretch]
        paid = entered = 0
        for deposit, exits, sweep in part:
            before = layer.issued
            paid += layer.epoch(deposit * ETH, exits * ETH, lag, compounding, ratio, sweep)
            entered += deposit * ETH
            issued.append(layer.issued - before)
        no_deposits, no_withdrawals = hidden[len(parts)]
        parts.append(
            Stretch(384 * len(part), None if no_deposits else entered, None if no_withdrawals else paid)
        )
    first = min(skip, len(history) - 1)
    bounds = list(stretch_bounds(anchor, parts, RANGE, RULES, queue_known=queue_known))
    found = estimate_within(anchor, bounds, 384 * first, 384 * len(history), RANGE, RULES)
    assert found.low_gwei <= sum(issued[first:]) <= found.high_gwei
    assert list(accumulate(one.seconds for one in bounds))[-1] == 384 * len(history)


def test_what_is_known_narrows_the_interval() -> None:
    anchor = StakeAnchor(0, 39_000_000 * ETH, 36_000_000 * ETH, 36_000_000 * ETH, 0, "test")
    known = [Stretch(86_400, 0, 0)] * 30
    unknown = [Stretch(86_400, None, None)] * 30
    widths = []
    for parts in (known, unknown):
        found = estimate_within(anchor, list(stretch_bounds(anchor, parts, RANGE)), 0, 86_400 * 30, RANGE)
        widths.append(found.high_gwei - found.low_gwei)
    assert widths[0] < widths[1]


def test_with_everything_known_it_is_the_bookkeeping_estimate() -> None:
    anchor = StakeAnchor(0, 39_000_000 * ETH, 36_000_000 * ETH, 36_000_000 * ETH, 100_000 * ETH, "test")
    flows = [Flow(86_400, 5_000 * ETH * day, 2_000 * ETH) for day in range(10)]
    whole = estimate(anchor, flows[:4], flows[4:], RANGE)
    parts = list(stretch_bounds(anchor, [Stretch(*flow) for flow in flows], RANGE))
    assert estimate_within(anchor, parts, 4 * 86_400, 10 * 86_400, RANGE) == whole


def test_outside_of_what_is_covered_there_is_no_estimate() -> None:
    anchor = StakeAnchor(1_000, 39_000_000 * ETH, 36_000_000 * ETH, 36_000_000 * ETH, 0, "test")
    parts = list(stretch_bounds(anchor, [Stretch(600, 0, 0)], RANGE))
    assert estimate_within(anchor, parts, 1_000, 1_600, RANGE) is not None
    assert estimate_within(anchor, parts, 999, 1_600, RANGE) is None
    assert estimate_within(anchor, parts, 1_000, 1_601, RANGE) is None
