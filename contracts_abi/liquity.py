"""Liquity v1 and v2."""

from __future__ import annotations

from typing import Final, NamedTuple

from contracts_abi.call import Call
from contracts_abi.interface import Event, interface, keccak

ACTIVE: Final = 1
ZOMBIE: Final = 4
"""v2 only: redeemed below the minimum debt, still liquidatable."""


class TroveOf(NamedTuple):
    """v1 `Troves`, wad."""

    debt: int
    coll: int
    stake: int
    status: int
    array_index: int


class Snapshot(NamedTuple):
    """v1 `rewardSnapshots`."""

    eth: int
    debt: int


class TroveV2Of(NamedTuple):
    """v2 `Troves`, wad."""

    debt: int
    coll: int
    stake: int
    status: int
    array_index: int
    last_debt_update: int
    last_rate_change: int
    annual_rate: int
    batch_manager: str
    batch_shares: int


class LatestOf(NamedTuple):
    """v2 `getLatestTroveData`, wad."""

    entire_debt: int
    entire_coll: int
    redistributed_debt: int
    redistributed_coll: int
    accrued_interest: int
    recorded_debt: int
    annual_rate: int
    weighted_debt: int
    batch_fee: int
    last_rate_change: int


class OracleOf(NamedTuple):
    """v2: a Chainlink feed as the branch's price feed keeps it."""

    aggregator: str
    staleness: int
    decimals: int


class Fetched(NamedTuple):
    """v2 `fetchPrice`."""

    price: int
    failed: bool


TROVES = Call("liquity_v1", "Troves", TroveOf)
SNAPSHOTS = Call("liquity_v1", "rewardSnapshots", Snapshot)
SYSTEM: Final = tuple(
    Call("liquity_v1", name, int)
    for name in ("getEntireSystemColl", "getEntireSystemDebt", "getTroveOwnersCount", "L_ETH", "L_LUSDDebt", "MCR", "CCR")
)  # fmt: skip
STABILITY_POOL = Call("liquity_v1", "stabilityPool", str)
PRICE_FEED = Call("liquity_v1", "priceFeed", str)
CURRENT_ICR = Call("liquity_v1", "getCurrentICR", int)
LIQUIDATE = Call("liquity_v1", "liquidate", lambda: None)
DEPOSITS = Call("liquity_v1_pool", "getTotalLUSDDeposits", int)
MAX_OFFSET = Call("liquity_v1_pool", "getMaxAmountToOffset", int)
"""Only newer deployments have it: one LUSD always stays."""
FETCH_PRICE = Call("liquity_v1_price", "fetchPrice", int)
AGGREGATOR = Call("liquity_v1_price", "priceAggregator", str)

TROVES_V2 = Call("liquity_v2", "Troves", TroveV2Of)
LATEST_TROVE = Call("liquity_v2", "getLatestTroveData", LatestOf)
SHUTDOWN_TIME = Call("liquity_v2", "shutdownTime", int)
TROVE_COUNT = Call("liquity_v2", "getTroveIdsCount", int)
TROVE_AT = Call("liquity_v2", "getTroveFromTroveIdsArray", int)
LIQUIDATE_V2 = Call("liquity_v2", "batchLiquidateTroves", lambda: None)
TROVE_MANAGER = Call("liquity_v2_registry", "troveManager", str)
TROVE_NFT = Call("liquity_v2_registry", "troveNFT", str)
PRICE_FEED_V2 = Call("liquity_v2_registry", "priceFeed", str)
COLL_TOKEN = Call("liquity_v2_registry", "collToken", str)
MCR_V2 = Call("liquity_v2_registry", "MCR", int)
PENALTY_V2 = Call("liquity_v2_registry", "LIQUIDATION_PENALTY_SP", int)
NFT_BALANCE = Call("erc721", "balanceOf", int)
NFT_OWNER = Call("erc721", "ownerOf", str)
FETCH_PRICE_V2 = Call("liquity_v2_price", "fetchPrice", Fetched)
ETH_ORACLE = Call("liquity_v2_price", "ethUsdOracle", OracleOf)
STETH_ORACLE = Call("liquity_v2_price", "stEthUsdOracle", OracleOf)
RETH_ORACLE = Call("liquity_v2_price", "rEthEthOracle", OracleOf)
RATE_PROVIDER = Call("liquity_v2_price", "rateProviderAddress", str)
EXCHANGE_RATE = Call("liquity_v2_price", "getExchangeRate", int)

NOTHING_V1: Final = b"nothing to liquidate"
NOTHING_V2: Final = keccak("NothingToLiquidate()")[:4]


def event(version: int, name: str) -> Event:
    """An event of the trove manager."""
    return interface(f"liquity_v{version}").events[name]


def transfer() -> Event:
    """A trove changes hands (v2)."""
    return interface("erc721").events["Transfer"]
