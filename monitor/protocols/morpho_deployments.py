"""Where Morpho Blue is: data, one entry per chain."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.units import Address, BlockNumber


@dataclass(frozen=True, slots=True)
class MorphoDeployment:
    """One Morpho. `markets` are asked for every new account; others are learned from its events."""

    chain_id: int
    morpho: Address
    first_block: BlockNumber
    """Where its logs begin."""
    eth_tokens: frozenset[Address]
    """Loan tokens that are ETH: staking tokens against them do not move with ETH/USD."""
    markets: tuple[bytes, ...] = ()
    pre_liquidation_factory: Address | None = None
    eth_feeds: frozenset[Address] = frozenset()
    """ETH/USD feeds that an oracle of unknown make may rest on: it is asked with all of them replaced."""


def _ids(*texts: str) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(text) for text in texts)


_MAINNET_MARKETS = _ids(
    "b323495f7e4148be5643a4ea4a8221eef163e4bccfdedc2a6f4696baacbc86cc",  # wstETH/USDC 86 %
    "f9acc677910cc17f650416a22e2a14d5da7ccb9626db18f1bf94efe64f92b372",  # WETH/USDC 91.5 %
    "7dde86a1e94561d9690ec678db673c1a6396365f7d1d65e129c5fff0990ff758",  # WETH/USDC 86 %
    "dbffac82c2dc7e8aa781bd05746530b0068d80929f23ac1628580e27810bc0c5",  # WETH/USDT 91.5 %
    "e7e9694b754c4d4f7e21faf7223f6fa71abaeb10296a4c43a54a7977149687d2",  # wstETH/USDT 86 %
    "423cb007534ac88febb8ce39f544ab303e8b757f8415ed891fc76550f8f4c965",  # wstETH/USDA 86 %
    "124ddf1fa02a94085d1fcc35c46c7e180ddb8a0d3ec1181cf67a75341501c9e6",  # wstETH/PYUSD 86 %
    "138eec0e4a1937eb92ebc70043ed539661dd7ed5a89fb92a720b341650288a40",  # WBTC/WETH 91.5 %
    "2cbfb38723a8d9a2ad1607015591a78cfe3a5949561b39bde42c242b22874ec0",  # cbBTC/WETH 91.5 %
    "c54d7acf14de29e0e5527cabd7a576506870346a78a11a6762e2cca66322ec41",  # wstETH/WETH 94.5 %
    "d0e50cdac92fe2172043f5e0c36532c6369d24947e40968f34a5e8819ca9ec5d",  # wstETH/WETH 94.5 %, Lido's rate
    "b8fc70e82bc5bb53e773626fcc6a23f7eefa036918d7ef216ecfb1950a94a85e",  # wstETH/WETH 96.5 %, Lido's rate
    "37e7484d642d90f14451f1910ba4b7b8e4c3ccdd0ec28f8b2bdb35479e472ba7",  # weETH/WETH 94.5 %
    "698fe98247a40c5771537b5786b2f3f9d78eb487b4ce4d75533cd0e94d88a115",  # weETH/WETH
    "49bb2d114be9041a787432952927f6f144f05ad3e83196a7d062f374ee11d0ee",  # ezETH/WETH 86 %
    "a0534c78620867b7c8706e3b6df9e69a2bc67c783281b7a77e034ed75cee012e",  # ezETH/WETH 94.5 %
    "3c83f77bde9541f8d3d82533b19bbc1f97eb2f1098bb991728acbfbede09cc5d",  # rETH/WETH
    "d5211d0e3f4a30d5c98653d988585792bb7812221f04801be73a44ceecb11e89",  # osETH/WETH
    "8bbd1763671eb82a75d5f7ca33a0023ffabdd9d1a3d4316f34753685ae988e80",  # apxETH/WETH
    "3a85e619751152991742810df6ec69ce473daef99e28a64ab2340d7b7ccfee49",  # WBTC/USDC 86 %
    "a921ef34e2fc7a27ccc50ae7e4b154e16c9799d3387076c421423ef52ac4df99",  # WBTC/USDT 86 %
    "64d65c9a2d91c36d56fbc42d69e979335320169b3df63bf92789e2c8883fcc64",  # cbBTC/USDC 86 %
)

MORPHO_DEPLOYMENTS: dict[int, MorphoDeployment] = {
    1: MorphoDeployment(
        chain_id=1,
        morpho=Address("0xbbbbbbbbbb9cc5e90e3b3af64bdaf62c37eeffcb"),
        first_block=BlockNumber(18_883_124),
        eth_tokens=frozenset({Address("0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2")}),
        markets=_MAINNET_MARKETS,
        pre_liquidation_factory=Address("0x6ff33615e792e35ed1026ea7caccf42d9bf83476"),
        eth_feeds=frozenset(
            {
                Address("0x5f4ec3df9cbd43714fe2740f5e3616155c5b8419"),
                Address("0xc0053f3fbccd593758258334dfce24c2a9a673ad"),
            }
        ),
    ),
}
"""By chain id. Sources: contracts_abi/SOURCES.md."""
