"""Aave v3 pools, oracles and tokens of every version, and the price adapters they use."""

from __future__ import annotations

from typing import NamedTuple

from contracts_abi.call import Call


class UserAccountData(NamedTuple):
    """`getUserAccountData`: base currency with 8 decimals, bps, and a factor of 1e18."""

    collateral: int
    debt: int
    available: int
    lt: int
    ltv: int
    health_factor: int


class ReserveData(NamedTuple):
    """`getReserveData`: the same fifteen words from v3.0 to v3.7."""

    configuration: int
    liquidity_index: int
    liquidity_rate: int
    variable_borrow_index: int
    variable_borrow_rate: int
    stable_borrow_rate: int
    last_update: int
    id: int
    atoken: str
    stable_debt_token: str
    variable_debt_token: str
    rate_strategy: str
    accrued_to_treasury: int
    unbacked: int
    isolation_debt: int


class CollateralConfig(NamedTuple):
    """An e-mode category from v3.2 on, bps."""

    ltv: int
    lt: int
    bonus: int


class CategoryData(NamedTuple):
    """An e-mode category up to v3.1, bps; the source replaces prices where it is not zero."""

    ltv: int
    lt: int
    bonus: int
    price_source: str
    label: str


def _addresses(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value.lower() for value in values)


def _category(values: tuple[int, int, int, str, str]) -> CategoryData:
    ltv, lt, bonus, source, label = values
    return CategoryData(ltv, lt, bonus, source.lower(), label)


ADDRESSES_PROVIDER = Call("aave_v3", "ADDRESSES_PROVIDER", str)
RESERVES_LIST = Call("aave_v3", "getReservesList", _addresses)
RESERVE_DATA = Call("aave_v3", "getReserveData", ReserveData)
NORMALIZED_INCOME = Call("aave_v3", "getReserveNormalizedIncome", int)
NORMALIZED_DEBT = Call("aave_v3", "getReserveNormalizedVariableDebt", int)
GRACE_PERIOD = Call("aave_v3", "getLiquidationGracePeriod", int)
"""Until when nobody may be liquidated in an asset; only from v3.1 on."""
USER_CONFIGURATION = Call("aave_v3", "getUserConfiguration", int)
USER_EMODE = Call("aave_v3", "getUserEMode", int)
USER_ACCOUNT_DATA = Call("aave_v3", "getUserAccountData", UserAccountData)
COLLATERAL_CONFIG = Call("aave_v3", "getEModeCategoryCollateralConfig", CollateralConfig)
COLLATERAL_BITMAP = Call("aave_v3", "getEModeCategoryCollateralBitmap", int)
LTVZERO_BITMAP = Call("aave_v3", "getEModeCategoryLtvzeroBitmap", int)
IS_ISOLATED = Call("aave_v3", "getIsEModeCategoryIsolated", bool)
CATEGORY_DATA = Call("aave_v3", "getEModeCategoryData", _category)
SCALED_BALANCE = Call("aave_v3", "scaledBalanceOf", int)

PRICE_ORACLE = Call("aave_v3", "getPriceOracle", str)
ASSET_PRICE = Call("aave_v3", "getAssetPrice", int)
SOURCE_OF_ASSET = Call("aave_v3", "getSourceOfAsset", str)
BASE_CURRENCY_UNIT = Call("aave_v3", "BASE_CURRENCY_UNIT", int)

BASES = tuple(
    Call("price_adapters", name, str)
    for name in ("BASE_TO_USD_AGGREGATOR", "PEG_TO_BASE", "ETH_TO_BASE", "ethSource")
)
"""What the known kinds of adapter call the feed they are based on."""
RATIO = Call("price_adapters", "getRatio", int)
RATIO_DECIMALS = Call("price_adapters", "RATIO_DECIMALS", int)
IS_CAPPED = Call("price_adapters", "isCapped", bool)
SNAPSHOT_RATIO = Call("price_adapters", "getSnapshotRatio", int)
SNAPSHOT_TIMESTAMP = Call("price_adapters", "getSnapshotTimestamp", int)
MAX_GROWTH_PER_SECOND = Call("price_adapters", "getMaxRatioGrowthPerSecond", int)
