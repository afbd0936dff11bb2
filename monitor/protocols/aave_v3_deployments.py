"""Where Aave v3 and its forks are: data, one entry per pool. Everything else is read from the chain."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.units import Address


@dataclass(frozen=True, slots=True)
class Deployment:
    """One pool. Oracle and tokens are asked of it, since they can be replaced."""

    protocol: str
    """Adapter key, "aave_v3" or "sparklend"."""
    market: str
    pool: Address
    weth: Address | None = None
    """The asset whose price source is the pool's ETH feed; None: the feeds known for the chain."""


def _address(text: str) -> Address:
    return Address(text.lower())


_MAINNET_WETH = _address("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2")

DEPLOYMENTS: dict[int, tuple[Deployment, ...]] = {
    1: (
        Deployment("aave_v3", "Core", _address("0x87870Bca3F3fD6335C3F4ce8392D69350B4fA4E2"), _MAINNET_WETH),
        Deployment("aave_v3", "Prime", _address("0x4e033931ad43597d96D6bcc25c280717730B58B1"), _MAINNET_WETH),
        Deployment(
            "aave_v3", "EtherFi", _address("0x0AA97c284e98396202b6A04024F5E2c65026F3c0"), _MAINNET_WETH
        ),
        Deployment(
            "sparklend", "SparkLend", _address("0xC13e21B648A5Ee794902342038FF3aDAB66BE987"), _MAINNET_WETH
        ),
    ),
    # The chain of `ethmon demo`, whose addresses are the same every time.
    1337: (
        Deployment(
            "aave_v3",
            "Demo",
            _address("0xA16E02E87b7454126E5E10d957A927A7F5B5d2be"),
            _address("0x9A676e781A523b5d0C0e43731313A708CB607508"),
        ),
    ),
}
"""By chain id. Sources: contracts_abi/SOURCES.md."""

ETH_FEEDS: dict[int, frozenset[Address]] = {
    1: frozenset(
        {
            _address("0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419"),
            _address("0x5424384B256154046E9667dDFaaa5e550145215e"),
            _address("0xc0053f3FBcCD593758258334Dfce24C2A9A673aD"),
        }
    ),
}
"""Further ETH/USD feeds by chain id, that an adapter may be based on besides the pool's own."""
