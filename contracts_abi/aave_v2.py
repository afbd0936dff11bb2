"""Aave v2: what its lending pool says otherwise than the pools of v3, whose calls serve for the rest."""

from __future__ import annotations

from typing import NamedTuple

from contracts_abi.call import Call


class ReserveData(NamedTuple):
    """`getReserveData`: twelve words."""

    configuration: int
    liquidity_index: int
    variable_borrow_index: int
    liquidity_rate: int
    variable_borrow_rate: int
    stable_borrow_rate: int
    last_update: int
    atoken: str
    stable_debt_token: str
    variable_debt_token: str
    rate_strategy: str
    id: int


RESERVE_DATA = Call("aave_v2", "getReserveData", ReserveData)
ADDRESSES_PROVIDER = Call("aave_v2", "getAddressesProvider", str)
