"""Where Sky/Maker's vaults are: data. Oracles and terms of each vault type are read from the chain."""

from __future__ import annotations

from dataclasses import dataclass, field

from monitor.units import Address


@dataclass(frozen=True, slots=True)
class SkyDeployment:
    """One vault system."""

    vat: Address
    spot: Address
    jug: Address
    dog: Address
    cdp_manager: Address
    get_cdps: Address
    proxy_registry: Address
    ilk_registry: Address
    stablecoin: Address
    eth_osm: Address
    """The oracle of ETH itself."""
    ratio_osms: dict[Address, Address] = field(default_factory=dict[Address, Address])
    """Oracles of staking tokens that are ETH's price times a ratio: the token that tells the ratio."""
    ilks: tuple[str, ...] = ()
    """Vault types in which an account may own a vault without the manager."""


def _address(text: str) -> Address:
    return Address(text.lower())


SKY_DEPLOYMENTS: dict[int, SkyDeployment] = {
    1: SkyDeployment(
        vat=_address("0x35D1b3F3D7966A1DFe207aa4514C12a259A0492B"),
        spot=_address("0x65C79fcB50Ca1594B025960e539eD7A9a6D434A3"),
        jug=_address("0x19c0976f590D67707E62397C87829d896Dc0f1F1"),
        dog=_address("0x135954d155898D42C90D2a57824C690e0c7BEf1B"),
        cdp_manager=_address("0x5ef30b9986345249bc32d8928B7ee64DE9435E39"),
        get_cdps=_address("0x36a724Bd100c39f0Ea4D3A20F7097eE01A8Ff573"),
        proxy_registry=_address("0x4678f0a6958e4D2Bc4F1BAF7Bc52E8F3564f3fE4"),
        ilk_registry=_address("0x5a464C28D19848f44199D003BeF5ecc87d090F87"),
        stablecoin=_address("0x6B175474E89094C44Da98b954EedeAC495271d0F"),
        eth_osm=_address("0x81FE72B5A8d1A857d176C3E7d5Bd2679A9B85763"),
        ratio_osms={
            _address("0xFe7a2aC0B945f12089aEEB6eCebf4F384D9f043F"): _address(
                "0x7f39C581F595B53c5cb19bD0b3f8dA6c935E2Ca0"
            )
        },
        ilks=("ETH-A", "ETH-B", "ETH-C", "WSTETH-A", "WSTETH-B"),
    ),
}
"""By chain id. Sources: contracts_abi/SOURCES.md."""
