"""Who does what on the local lending market: the positions that the demo and the tests watch."""

from __future__ import annotations

from typing import NamedTuple

from monitor.localnet.aave_v3 import ETH_FEED, FEEDS, Market
from monitor.units import BPS, TICKS_PER_USD, WAD, Address, Tick, floor_div

WHALE_PRICE_USD = 1780
"""ETH at or above this: the whale is safe; below: liquidatable (before interest)."""
WHALE_WETH = 60_000
LOOP_WSTETH = 1_000
LOOP_DEBT_WETH = 1_090
SHORT_USDC = 3_000_000
SHORT_PRICE_USD = 3_100
"""ETH above this: the short is liquidatable."""
_USD = 10**6
"""The smallest units of a dollar of USDT or USDC."""


class Cast(NamedTuple):
    """The accounts of the market."""

    lender: Address
    whale: Address
    """WETH against USDT, liquidatable below `WHALE_PRICE_USD`."""
    loop: Address
    """wstETH against WETH in e-mode: no ETH price touches it."""
    short: Address
    """USDC against WETH, liquidatable above `SHORT_PRICE_USD`."""
    liquidator: Address
    """Holds USDT that the pool may take."""
    others: tuple[Address, ...]
    """Without a part."""


def open_positions(market: Market) -> Cast:
    """Fund the market and open the three positions, at the feeds' first prices."""
    _, lender, whale, loop, short, liquidator, *others = market.deployer.accounts
    for dollar in ("USDT", "USDC"):
        market.supply(dollar, lender, 10**9 * _USD)
    market.supply("WETH", lender, 10**6 * WAD)
    market.supply("WETH", whale, WHALE_WETH * WAD)
    market.borrow("USDT", whale, whale_debt())
    market.supply("wstETH", loop, LOOP_WSTETH * WAD)
    market.set_emode(loop, 1)
    market.borrow("WETH", loop, LOOP_DEBT_WETH * WAD)
    market.supply("USDC", short, SHORT_USDC * _USD)
    market.borrow("WETH", short, short_debt())
    market.mint("USDT", liquidator, 10**9 * _USD)
    return Cast(lender, whale, loop, short, liquidator, tuple(others))


def whale_debt() -> int:
    """USDT units for which the WETH collateral times its liquidation threshold is just enough."""
    return floor_div(WHALE_WETH * WHALE_PRICE_USD * 8300 * _USD, BPS)


def short_debt() -> int:
    """WETH units for which the USDC collateral times its liquidation threshold is just enough."""
    return floor_div(SHORT_USDC * 7800 * WAD, BPS * SHORT_PRICE_USD)


def first_price() -> Tick:
    """ETH/USD when the market opens."""
    return FEEDS[ETH_FEED]


def in_ticks(usd: float) -> Tick:
    """Dollars as a feed gives them, rounded to the cent first."""
    return Tick(round(usd * 100) * (TICKS_PER_USD // 100))
