"""Where Liquity v1 and v2 are: data, by chain id."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.units import Address


@dataclass(frozen=True, slots=True)
class LiquityV1Deployment:
    """One v1 system; pool and price feed are read from the trove manager."""

    trove_manager: Address
    lusd: Address


@dataclass(frozen=True, slots=True)
class LiquityV2Branch:
    """One collateral's branch; everything else is read from its registry of addresses."""

    name: str
    registry: Address
    bold: Address


def _address(text: str) -> Address:
    return Address(text.lower())


_BOLD = _address("0x6440f144b7e50D6a8439336510312d2F54beB01D")

LIQUITY_V1: dict[int, LiquityV1Deployment] = {
    1: LiquityV1Deployment(
        _address("0xA39739EF8b0231DbFA0DcdA07d7e29faAbCf4bb2"),
        _address("0x5f98805A4E8be255a32880FDeC7F6728C6568bA0"),
    ),
}
LIQUITY_V2: dict[int, tuple[LiquityV2Branch, ...]] = {
    1: (
        LiquityV2Branch("WETH", _address("0x20F7C9ad66983F6523a0881d0f82406541417526"), _BOLD),
        LiquityV2Branch("wstETH", _address("0x8d733F7ea7c23Cbea7C613B6eBd845d46d3aAc54"), _BOLD),
        LiquityV2Branch("rETH", _address("0x6106046F031a22713697e04C08B330dDaf3e8789"), _BOLD),
    ),
}
"""Sources: contracts_abi/SOURCES.md."""
