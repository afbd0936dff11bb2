"""Who does what on the local lending market: the positions that the demo and the tests watch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from monitor.localnet.aave_v3 import ETH_FEED, FEEDS, VARIABLE_RATE, Market
from monitor.localnet.artifacts import Contract
from monitor.localnet.deployer import transaction
from monitor.units import BPS, TICKS_PER_USD, WAD, Address, Tick, floor_div

WHALE_PRICE_USD = 1780
"""ETH at or above this: the whale is safe; below: liquidatable (before interest)."""
WHALE_WETH = 60_000
LOOP_WSTETH = 1_000
LOOP_DEBT_WETH = 1_090
SHORT_USDC = 3_000_000
SHORT_PRICE_USD = 3_100
"""ETH above this: the short is liquidatable."""
_DOLLARS = ("USDT", "USDC")
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


class Move(NamedTuple):
    """A transaction to come."""

    sender: Address
    contract: Contract
    function: str
    args: tuple[Any, ...]

    def request(self) -> dict[str, str]:
        """As `eth_sendTransaction` wants it, without gas and fees."""
        return transaction(self.contract, self.function, *self.args, sender=self.sender)


def fund(market: Market) -> Cast:
    """Fill the pool and give every actor its tokens. No position is open after it."""
    _, lender, whale, loop, short, liquidator, *others = market.deployer.accounts
    for dollar in _DOLLARS:
        market.supply(dollar, lender, 10**9 * _USD)
    market.supply("WETH", lender, 10**6 * WAD)
    market.mint("WETH", whale, WHALE_WETH * WAD)
    market.mint("wstETH", loop, LOOP_WSTETH * WAD)
    market.mint("USDC", short, SHORT_USDC * _USD)
    market.mint("USDT", liquidator, 10**9 * _USD)
    return Cast(lender, whale, loop, short, liquidator, tuple(others))


def opening_moves(market: Market, cast: Cast) -> list[Move]:
    """The transactions that open the three positions, in order."""

    def supply(who: Address, token: str, amount: int) -> Move:
        return Move(who, market.pool, "supply", (market.tokens[token], amount, who, 0))

    def borrow(who: Address, token: str, amount: int) -> Move:
        return Move(who, market.pool, "borrow", (market.tokens[token], amount, VARIABLE_RATE, 0, who))

    return [
        supply(cast.whale, "WETH", WHALE_WETH * WAD),
        borrow(cast.whale, "USDT", whale_debt()),
        supply(cast.loop, "wstETH", LOOP_WSTETH * WAD),
        Move(cast.loop, market.pool, "setUserEMode", (1,)),
        borrow(cast.loop, "WETH", LOOP_DEBT_WETH * WAD),
        supply(cast.short, "USDC", SHORT_USDC * _USD),
        borrow(cast.short, "WETH", short_debt()),
    ]


def open_positions(market: Market) -> Cast:
    """Fund everybody and open the positions at once, on a chain that automines."""
    cast = fund(market)
    for move in opening_moves(market, cast):
        market.deployer.send(move.contract, move.function, *move.args, sender=move.sender)
    return cast


def watchlist(cast: Cast, tokens: Mapping[str, Contract], *, own_time: bool = False) -> str:
    """What `ethmon` is to watch here, as the text of a watchlist.toml.

    `own_time`: the chain does not keep to the wall clock, so the age of its head is no news.
    """
    wallets = (
        (f"Whale: {WHALE_WETH:,} WETH against USDT", cast.whale, '["20%", "10%", "5%", "2%"]'),
        ("Loop: wstETH against WETH", cast.loop, '["5%"]'),
        ("Short: USDC against WETH", cast.short, '["20%", "10%", "5%"]'),
    )
    head = "# Written by `ethmon demo` for the actors of its local chain.\n"
    entries = (
        f'\n[[wallet]]\nname = "{name}"\naddress = "{address}"\nalert_at = {at}\n'
        for name, address, at in wallets
    )
    level = (
        f'\n[[level]]\nname = "The whale, as reported"\nprice_usd = {WHALE_PRICE_USD}\nside = "below"\n'
        'source = "the demo\'s own story"\nalert_at = ["10%", "2%"]\n'
    )
    money = "".join(
        f'\n[[token]]\nname = "{name}"\naddress = "{tokens[name].address}"\nkind = "stablecoin"\n'
        f'denomination = "USD"\nsource = "the demo\'s own market"\n'
        for name in _DOLLARS
    )
    clock = '\n[[rule]]\nname = "head stale"\nreading = "chain.head_age"\nabove = "2m"\nenabled = false\n'
    return head + "".join(entries) + level + money + (clock if own_time else "")


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
