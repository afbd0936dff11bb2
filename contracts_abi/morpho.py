"""Morpho Blue, its rate model, its two-feed oracle, and pre-liquidation contracts."""

from __future__ import annotations

from typing import NamedTuple

from contracts_abi.call import Call
from contracts_abi.interface import Event, interface


class PositionOf(NamedTuple):
    """`position`: shares with 6 digits more than the loan token, collateral in its own units."""

    supply_shares: int
    borrow_shares: int
    collateral: int


class MarketOf(NamedTuple):
    """`market`, as stored: interest since `last_update` is not in it."""

    total_supply_assets: int
    total_supply_shares: int
    total_borrow_assets: int
    total_borrow_shares: int
    last_update: int
    fee: int


class MarketParams(NamedTuple):
    """`idToMarketParams`: what the market's id is the hash of; all zero for an unknown id."""

    loan_token: str
    collateral_token: str
    oracle: str
    irm: str
    lltv: int


class PreLiquidationParams(NamedTuple):
    """`preLiquidationParams`, 1e18."""

    pre_lltv: int
    close_factor_1: int
    close_factor_2: int
    incentive_1: int
    incentive_2: int
    oracle: str


class Liquidated(NamedTuple):
    """What `liquidate` and `preLiquidate` return."""

    seized: int
    repaid: int


POSITION = Call("morpho", "position", PositionOf)
MARKET = Call("morpho", "market", MarketOf)
MARKET_PARAMS = Call("morpho", "idToMarketParams", MarketParams)
IS_AUTHORIZED = Call("morpho", "isAuthorized", bool)
LIQUIDATE = Call("morpho", "liquidate", Liquidated)
BORROW_RATE_VIEW = Call("morpho_irm", "borrowRateView", int)
ORACLE_PRICE = Call("morpho_oracle", "price", int)
SCALE_FACTOR = Call("morpho_oracle", "SCALE_FACTOR", int)
ORACLE_SIDES = tuple(
    (
        Call("morpho_oracle", f"{side}_VAULT", str),
        Call("morpho_oracle", f"{side}_VAULT_CONVERSION_SAMPLE", int),
        Call("morpho_oracle", f"{side}_FEED_1", str),
        Call("morpho_oracle", f"{side}_FEED_2", str),
    )
    for side in ("BASE", "QUOTE")
)
"""Per side: vault, its sample, first feed, second feed. The zero address: none."""
CONVERT_TO_ASSETS = Call("erc4626", "convertToAssets", int)
PRE_LIQUIDATION_PARAMS = Call("morpho_pre_liquidation", "preLiquidationParams", PreLiquidationParams)
PRE_LIQUIDATE = Call("morpho_pre_liquidation", "preLiquidate", Liquidated)


def event(name: str) -> Event:
    """An event of Morpho itself."""
    return interface("morpho").events[name]


def pre_liquidation_created() -> Event:
    """The factory's event for a new pre-liquidation contract."""
    return interface("morpho_pre_liquidation").events["CreatePreLiquidation"]
