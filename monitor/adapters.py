"""Every protocol and price feed that is known on a chain."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.protocols import (
    aave_v3,
    aave_v4,
    compound_v3,
    crvusd,
    euler_v2,
    liquity_v1,
    liquity_v2,
    morpho_blue,
    sky,
)
from monitor.protocols.base import Adapter
from monitor.units import Address


def adapters_for(chain_id: int) -> list[Adapter]:
    """An adapter for each protocol that is deployed on the chain; none for a chain that is not known."""
    return [
        *aave_v3.adapters(chain_id),
        *morpho_blue.adapters(chain_id),
        *sky.adapters(chain_id),
        *compound_v3.adapters(chain_id),
        *liquity_v1.adapters(chain_id),
        *liquity_v2.adapters(chain_id),
        *crvusd.adapters(chain_id),
        *aave_v4.adapters(chain_id),
        *euler_v2.adapters(chain_id),
    ]


FEEDS: Mapping[int, Mapping[str, Address]] = {
    1: {
        "ETH/USD": Address("0x5f4ec3df9cbd43714fe2740f5e3616155c5b8419"),
        "BTC/USD": Address("0xf4030086522a5beea4988f8ca5b36dbc97bee88c"),
        "XAU/USD": Address("0x214ed9da11d2fbe465a6fc601a91e62ebec1a0d6"),
    },
    # The chain of `ethmon demo`, whose addresses are the same every time.
    1337: {"ETH/USD": Address("0x2279b7a0a67db372996a5fab50d91eaa73d2ebe6")},
}
"""Market price feeds by chain id, beside the ones that protocols use. Sources: contracts_abi/SOURCES.md."""
