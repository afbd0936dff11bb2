"""crvUSD: a market's controller and its AMM."""

from __future__ import annotations

from typing import NamedTuple

from contracts_abi.call import Call
from contracts_abi.interface import Event, interface


class Prices(NamedTuple):
    """`user_prices`: where the bands of a loan begin and end, stablecoin per collateral, wad."""

    upper: int
    lower: int


class UserState(NamedTuple):
    """`user_state`: what is left of the collateral, what it was swapped to, the debt, the bands."""

    collateral: int
    stablecoin: int
    debt: int
    bands: int


USER_PRICES = Call("crvusd", "user_prices", Prices)
USER_STATE = Call("crvusd", "user_state", UserState)
HEALTH = Call("crvusd", "health", int)
LOAN_EXISTS = Call("crvusd", "loan_exists", bool)
AMM = Call("crvusd", "amm", str)
COLLATERAL_TOKEN = Call("crvusd", "collateral_token", str)
PRICE_ORACLE = Call("crvusd", "price_oracle", int)


def event(name: str) -> Event:
    """An event of the controller."""
    return interface("crvusd").events[name]
