"""A fault of our own in one protocol, and what the others see."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from monitor.chain.clock import SystemClock
from monitor.chain.endpoints import Endpoints
from monitor.chain.reader import Reader
from monitor.domain import BlockRef
from monitor.lending.position import Position, Seen, Unseen
from monitor.protocols.aave_v3 import AaveV3
from monitor.protocols.aave_v3_deployments import Deployment
from monitor.protocols.base import Reading, View
from monitor.units import Address
from tests.support.localnet import AaveNet


class Faulty(AaveV3):
    """Divides by what a contract said, in its second round."""

    def read(self, accounts: Sequence[Address], at: BlockRef) -> Reading[Sequence[Seen]]:
        yield [View(accounts[0], b"\x00\x00\x00\x01")]
        raise ZeroDivisionError


@pytest.mark.localnet
def test_it_is_a_gap_there_and_blinds_no_other(
    aave_v30_net: AaveNet, caplog: pytest.LogCaptureFixture
) -> None:
    pool, weth = (
        Address(one.address.lower()) for one in (aave_v30_net.market.pool, aave_v30_net.market.tokens["WETH"])
    )
    whale = Address(aave_v30_net.cast.whale.lower())
    good = AaveV3((Deployment("aave_v3", "Local", pool, weth),))
    with Endpoints([aave_v30_net.anvil.url], clock=SystemClock()) as endpoints:
        pinned = endpoints.pinned(endpoints.head())
        broken, seen = Reader().positions(pinned, [Faulty((), key="faulty"), good], [whale])
    assert isinstance(broken, Unseen)
    assert broken.key.protocol == "faulty"
    assert "fault of ethmon's own (ZeroDivisionError)" in broken.cause
    assert isinstance(seen, Position)
    assert "please report" in caplog.text
