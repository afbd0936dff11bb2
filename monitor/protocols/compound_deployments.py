"""Where Compound v3 is: data, one entry per Comet. Assets and feeds are read from the chain."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.units import Address


@dataclass(frozen=True, slots=True)
class CometDeployment:
    """One market."""

    name: str
    comet: Address


def _address(text: str) -> Address:
    return Address(text.lower())


COMETS: dict[int, tuple[CometDeployment, ...]] = {
    1: (
        CometDeployment("cUSDCv3", _address("0xc3d688B66703497DAA19211EEdff47f25384cdc3")),
        CometDeployment("cUSDTv3", _address("0x3Afdc9BCA9213A35503b077a6072F3D0d5AB0840")),
        CometDeployment("cUSDSv3", _address("0x5D409e56D886231aDAf00c8775665AD0f9897b56")),
        CometDeployment("cWETHv3", _address("0xA17581A9E3356d9A858b789D68B4d866e593aE94")),
        CometDeployment("cwstETHv3", _address("0x3D0bb1ccaB520A66e607822fC55BC921738fAFE3")),
    ),
}
"""By chain id. Sources: contracts_abi/SOURCES.md."""

ETH_TOKENS: dict[int, frozenset[Address]] = {
    1: frozenset(
        {
            _address("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"),
            _address("0x7f39C581F595B53c5cb19bD0b3f8dA6c935E2Ca0"),
        }
    ),
}
"""Base tokens whose market counts in ETH: WETH and wstETH, by chain id."""
