"""Aave v4: a spoke."""

from __future__ import annotations

from typing import Final, NamedTuple

from contracts_abi.call import Call
from contracts_abi.interface import Event, interface


class AccountData(NamedTuple):
    """`getUserAccountData`. Values: 1e26 is a dollar; the debt times 1e27 besides. Health 1e18."""

    risk_premium: int
    average_factor: int
    health_factor: int
    collateral_value: int
    debt_value_ray: int
    collateral_count: int
    borrow_count: int


ACCOUNT_DATA = Call("aave_v4", "getUserAccountData", AccountData)
VALUE_PER_USD: Final = 10**26


def event(name: str) -> Event:
    """An event of a spoke."""
    return interface("aave_v4").events[name]
