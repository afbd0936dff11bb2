"""Tokens whose supply is read without being asked for: dollars, euros, gold and funds on Ethereum.

Data only. Each address is as its source writes it, checksum included (EIP-55); one that was found in
no source to name is not here. Tokens of one kind and denomination are added up, so a fund whose shares
have a price of their own has no denomination: a hundred shares are not a hundred dollars.

- [A] npm `@aave-dao/aave-address-book` 4.68.1, its token list
- [U] npm `@uniswap/default-token-list` 22.21.0
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from monitor.domain import ListedToken
from monitor.units import Address

STABLECOIN: Final = "stablecoin"
FUND: Final = "tokenised fund"
COMMODITY: Final = "tokenised commodity"
_A: Final = "npm @aave-dao/aave-address-book 4.68.1"
_U: Final = "npm @uniswap/default-token-list 22.21.0"
_ONDO: Final = "docs.ondo.finance/addresses"

# name, address, kind, denomination, source
_MAINNET: Final = (
    ("USDT", "0xdAC17F958D2ee523a2206206994597C13D831ec7", STABLECOIN, "USD", _A),
    ("USDC", "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", STABLECOIN, "USD", _A),
    ("DAI", "0x6B175474E89094C44Da98b954EedeAC495271d0F", STABLECOIN, "USD", _A),
    ("USDS", "0xdC035D45d973E3EC169d2276DDab16f1e407384F", STABLECOIN, "USD", _A),
    ("USDe", "0x4c9EDD5852cd905f086C759E8383e09bff1E68B3", STABLECOIN, "USD", _A),
    ("USDtb", "0xC139190F447e929f090Edeb554D95AbB8b18aC1C", STABLECOIN, "USD", _A),
    ("PYUSD", "0x6c3ea9036406852006290770BEdFcAbA0e23A0e8", STABLECOIN, "USD", "github.com/paxosglobal/pyusd-contract"),
    ("RLUSD", "0x8292Bb45bf1Ee4d140127049757C2E0fF06317eD", STABLECOIN, "USD", "docs.ripple.com, RLUSD token addresses"),
    ("USD1", "0x8d0D000Ee44948FC98c9B98A4FA4921476f08B0d", STABLECOIN, "USD", _U),
    ("USDG", "0xe343167631d89B6Ffc58B88d6b7fB0228795491D", STABLECOIN, "USD", _A),
    ("GHO", "0x40D16FC0246aD3160Ccc09B8D0D3A2cD28aE6C2f", STABLECOIN, "USD", _A),
    ("crvUSD", "0xf939E0A03FB07F59A73314E73794Be0E57ac1b4E", STABLECOIN, "USD", _A),
    ("frxUSD", "0xCAcd6fd266aF91b8AeD52aCCc382b4e165586E29", STABLECOIN, "USD", "github.com/FraxFinance/docs, frxusd-contracts"),
    ("LUSD", "0x5f98805A4E8be255a32880FDeC7F6728C6568bA0", STABLECOIN, "USD", _A),
    ("BOLD", "0x6440f144b7e50D6a8439336510312d2F54beB01D", STABLECOIN, "USD", "DeFiScan, Liquity v2: contracts"),
    ("EURC", "0x1aBaEA1f7C830bD89Acc67eC4af516284b1bC33c", STABLECOIN, "EUR", _A),
    ("BUIDL", "0x7712c34205737192402172409a8F7ccef8aA2AEc", FUND, "USD", "etherscan.io, deployed by Securitize; Grove's basin scripts"),
    ("BENJI", "0x3DDc84940Ab509C11B20B76B466933f40b750dc9", FUND, "USD", "DefiLlama's adapter of the fund"),
    ("OUSG", "0x1B19C19393e2d034D8Ff31ff34c81252FcBbee92", FUND, "", _ONDO),
    ("USDY", "0x96F6eF951840721AdBF46Ac996b59E0235CB985C", FUND, "", "etherscan.io, Ondo U.S. Dollar Yield"),
    ("USTB", "0x43415eB6ff9DB7E26A15b704e7A3eDCe97d31C4e", FUND, "", "docs.superstate.com/investors/smart-contracts"),
    ("USYC", "0x136471a34f6ef19fE571EFFC1CA711fdb8E49f2b", FUND, "", "developers.circle.com/tokenized/usyc/smart-contracts"),
    ("XAUt", "0x68749665FF8D2d112Fa859AA293F07A622782F38", COMMODITY, "oz gold", _A),
    ("PAXG", "0x45804880De22913dAFE09f4980848ECE6EcbAf78", COMMODITY, "oz gold", "github.com/paxosglobal/paxos-gold-contract"),
)  # fmt: skip

SHIPPED: Final[Mapping[int, tuple[ListedToken, ...]]] = {
    1: tuple(
        ListedToken(name, Address(address.lower()), kind, denomination, source)
        for name, address, kind, denomination, source in _MAINNET
    )
}
"""By chain id."""

CHECKSUMMED: Final = tuple(address for _, address, *_ in _MAINNET)
"""As the sources write them."""
