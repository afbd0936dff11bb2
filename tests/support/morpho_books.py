"""Accounts written into Morpho's storage, hundreds at once, with the market's totals kept true."""

from __future__ import annotations

import random

from eth_hash.auto import keccak

from monitor.localnet.artifacts import Contract
from monitor.units import WAD, Address
from tests.support.morpho import MorphoMarket, MorphoNet

MARKETS = ("weth_usdc", "usdc_weth", "wsteth_weth")
POSITION_SLOT, MARKET_SLOT = 2, 3


def slot_of(key: bytes, slot: int) -> int:
    return int.from_bytes(keccak(key + slot.to_bytes(32)))


class Books:
    """Writes accounts into Morpho's storage, with the market's totals kept true."""

    def __init__(self, net: MorphoNet) -> None:
        self.net, self.control = net, net.anvil.control

    def write(self, market: MorphoMarket, account: str, shares: int, collateral: int) -> None:
        inner = slot_of(bytes.fromhex(market.id[2:]), POSITION_SLOT)
        place = slot_of(bytes(12) + bytes.fromhex(account[2:]), inner) + 1
        self.control.set_storage(self.net.morpho.address, place, shares | collateral << 128)

    def set_borrowed(self, market: MorphoMarket, assets: int, shares: int) -> None:
        place = slot_of(bytes.fromhex(market.id[2:]), MARKET_SLOT) + 1
        self.control.set_storage(self.net.morpho.address, place, assets | shares << 128)


def random_accounts(net: MorphoNet, count: int, seed: int) -> list[Address]:
    """Accounts of every size and loan-to-value over the markets, written to storage in whole batches."""
    rng, books, accounts = random.Random(seed), Books(net), []
    for name in MARKETS:
        market, total = getattr(net, name), 0
        for _ in range(count // len(MARKETS)):
            account = Address("0x" + rng.randbytes(20).hex())
            worth = 10 ** rng.uniform(0, 8)
            ltv = rng.choice(
                [rng.uniform(0.05, 1), rng.uniform(0.3, 0.8), rng.gauss(market.params[4] / WAD, 0.002), 0]
            )
            shares = int(worth * abs(ltv) * in_units(net, market.loan)) * 10**6 + rng.randrange(10**6)
            books.write(market, account, shares if ltv else 0, int(worth * in_units(net, market.collateral)))
            total += shares
            accounts.append(account)
        books.set_borrowed(market, total // 10**6 * 1003 // 1000 + 1, total)
    return accounts


def in_units(net: MorphoNet, token: Contract) -> float:
    """Units of a token that are worth a dollar at the fixture's prices."""
    per_dollar = {"WETH": 1 / 2400, "wstETH": 1 / 2880, "USDC": 1.0}
    decimals = {"WETH": 18, "wstETH": 18, "USDC": 6}
    name = next(name for name, other in net.tokens.items() if other.address == token.address)
    return per_dollar[name] * 10 ** decimals[name]
