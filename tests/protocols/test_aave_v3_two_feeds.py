"""A pool with a second ETH feed beside its own: what is put in their places for a proof."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.lending.outcome import Cluster, LiquidatableAbove, LiquidatableBelow
from monitor.lending.position import PositionKey
from monitor.protocols.aave_v3 import AaveV3
from monitor.protocols.aave_v3_deployments import Deployment
from monitor.protocols.aave_v3_prices import EthPrice
from tests.support.contracts import address_of, price_in
from tests.support.position_rows import ACCOUNT, whale

POOL, FEED, SECOND = address_of("pool"), address_of("feed"), address_of("second")
ANSWER, TICK = 2_000 * 10**8, 1_780 * 10**8
BELOW = LiquidatableBelow(TICK, Cluster(TICK, TICK, single=True))
ABOVE = LiquidatableAbove(TICK, Cluster(TICK, TICK, single=True))


@pytest.mark.parametrize(
    ("second", "outcome", "probes"),
    [
        (ANSWER, BELOW, [(TICK, True), (TICK + 1, False)]),
        (ANSWER, ABOVE, [(TICK, True), (TICK - 1, False)]),
        (ANSWER + 7, BELOW, [(TICK - 3, True), (TICK + 4, False)]),
        (ANSWER + 7, ABOVE, [(TICK + 3, True), (TICK - 4, False)]),
    ],
)
def test_a_second_feed_goes_along_and_its_rounding_refutes_no_right_price(
    second: int, outcome: LiquidatableBelow | LiquidatableAbove, probes: list[tuple[int, bool]]
) -> None:
    """Rounded to the feed's 8 decimals and by the adapter, half of all such prices are a tick off."""
    adapter = AaveV3((Deployment("aave_v3", "Core", POOL),))
    adapter.feeds[POOL] = EthPrice(FEED, ANSWER, None, {SECOND: second})
    position = replace(whale(2_000), key=PositionKey("aave_v3", "Core", ACCOUNT), outcome=outcome)
    checks = adapter.checks(position)
    assert [
        (
            price_in(one.substitutes[FEED].code or b""),
            price_in(one.substitutes[SECOND].code or b""),
            one.expected,
        )
        for one in checks
    ] == [(tick, tick * second // ANSWER, expected) for tick, expected in probes]
