"""Compound v3: Comet and its price feeds."""

from __future__ import annotations

from typing import Final, NamedTuple

from contracts_abi.call import Call
from contracts_abi.interface import Event, interface, keccak


class AssetInfo(NamedTuple):
    """`getAssetInfo`. Factors 1e18."""

    offset: int
    asset: str
    price_feed: str
    scale: int
    borrow_factor: int
    liquidate_factor: int
    liquidation_factor: int
    supply_cap: int


class Totals(NamedTuple):
    """`totalsBasic`, as stored: interest since `last_accrual` is not in it."""

    supply_index: int
    borrow_index: int
    tracking_supply_index: int
    tracking_borrow_index: int
    total_supply: int
    total_borrow: int
    last_accrual: int
    pause_flags: int


class UserBasic(NamedTuple):
    """`userBasic`. `principal` is negative for a borrower; bits of `assets_in`, then of `reserved`."""

    principal: int
    tracking_index: int
    tracking_accrued: int
    assets_in: int
    reserved: int

    def is_in(self, offset: int) -> bool:
        """Whether the account holds the asset at this offset."""
        flags = self.assets_in if offset < 16 else self.reserved << 16
        return bool(flags >> offset & 1)


class UserCollateral(NamedTuple):
    """`userCollateral`."""

    balance: int
    reserved: int


BASE_TOKEN = Call("comet", "baseToken", str)
BASE_FEED = Call("comet", "baseTokenPriceFeed", str)
BASE_SCALE = Call("comet", "baseScale", int)
NUM_ASSETS = Call("comet", "numAssets", int)
ASSET_INFO = Call("comet", "getAssetInfo", AssetInfo)
TOTALS = Call("comet", "totalsBasic", Totals)
CURVES = tuple(
    tuple(Call("comet", f"{side}{part}", int) for part in ("Kink", *(f"PerSecondInterestRate{name}" for name in ("SlopeLow", "SlopeHigh", "Base"))))
    for side in ("supply", "borrow")
)  # fmt: skip
"""Supply and borrow: kink, slope below, slope above, base."""
USER_BASIC = Call("comet", "userBasic", UserBasic)
USER_COLLATERAL = Call("comet", "userCollateral", UserCollateral)
BORROW_BALANCE = Call("comet", "borrowBalanceOf", int)
IS_LIQUIDATABLE = Call("comet", "isLiquidatable", bool)
ABSORB_PAUSED = Call("comet", "isAbsorbPaused", bool)
GET_PRICE = Call("comet", "getPrice", int)
ABSORB = Call("comet", "absorb", lambda: None)

FEED_A = Call("comet_feeds", "priceFeedA", str)
FEED_B = Call("comet_feeds", "priceFeedB", str)
UNDERLYING_FEED = Call("comet_feeds", "underlyingPriceFeed", str)
CONSTANT_PRICE = Call("comet_feeds", "constantPrice", int)
STETH_FEED = Call("comet_feeds", "stETHtoETHPriceFeed", str)
WSTETH = Call("comet_feeds", "wstETH", str)
WBTC_FEED = Call("comet_feeds", "WBTCToBTCPriceFeed", str)
BTC_FEED = Call("comet_feeds", "BTCToUSDPriceFeed", str)
GET_RATE = Call("comet_feeds", "getRate", int)
TOKENS_PER_STETH = Call("comet_feeds", "tokensPerStEth", int)
AGGREGATOR = Call("comet_feeds", "aggregator", str)

NOT_LIQUIDATABLE: Final = keccak("NotLiquidatable()")[:4]


def event(name: str) -> Event:
    """An event of Comet."""
    return interface("comet").events[name]
