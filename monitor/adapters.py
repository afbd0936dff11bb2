"""Every protocol and price feed that is known on a chain."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from monitor.errors import ConfigError
from monitor.protocols import (
    aave_v2,
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
from monitor.protocols.own import Own, parse_own
from monitor.units import Address


def adapters_for(chain_id: int, deployments: Path | None = None) -> list[Adapter]:
    """An adapter for each protocol on the chain; none for a chain that is not known.

    `deployments` adds the user's own (`monitor.protocols.own`). Raises ConfigError for a wrong file.
    """
    own = Own() if deployments is None else _own(deployments, chain_id)
    return [
        *aave_v3.adapters(chain_id, own.aave_v3),
        *morpho_blue.adapters(chain_id, own.morpho_blue),
        *sky.adapters(chain_id, own.sky),
        *compound_v3.adapters(chain_id, own.compound_v3, own.eth_tokens),
        *liquity_v1.adapters(chain_id, own.liquity_v1),
        *liquity_v2.adapters(chain_id, own.liquity_v2),
        *crvusd.adapters(chain_id, own.crvusd),
        *aave_v2.adapters(chain_id, own.aave_v2, own.eth_tokens, own.eth_feeds),
        *aave_v4.adapters(chain_id, own.aave_v4, own.eth_feeds),
        *euler_v2.adapters(chain_id, own.euler_v2, own.eth_feeds),
    ]


def _own(path: Path, chain_id: int) -> Own:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problem = f"{path} cannot be read ({type(error).__name__})."
        raise ConfigError("ETHMON_DEPLOYMENTS", problem, "Correct the file, or leave it empty.") from None
    return parse_own(document, chain_id)


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
