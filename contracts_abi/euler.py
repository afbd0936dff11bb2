"""Euler v2: the vault connector and a vault."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from contracts_abi.call import Call
from contracts_abi.interface import WORD, AbiError, Event, interface


class Liquidity(NamedTuple):
    """`accountLiquidity`: collateral times its liquidation LTV, and debt, in the vault's unit."""

    collateral: int
    liability: int


def _addresses(found: Any) -> tuple[str, ...]:
    return tuple(str(one).lower() for one in found)


CONTROLLERS = Call("euler_evc", "getControllers", _addresses)
COLLATERALS = Call("euler_evc", "getCollaterals", _addresses)
LIQUIDITY = Call("euler_vault", "accountLiquidity", Liquidity)
DEBT_OF = Call("euler_vault", "debtOf", int)
ASSET = Call("euler_vault", "asset", str)
UNIT = Call("euler_vault", "unitOfAccount", str)
SHARES_OF = Call("euler_vault", "balanceOf", int)
TO_ASSETS = Call("euler_vault", "convertToAssets", int)
US_DOLLAR: Final = "0x" + f"{840:040x}"
"""Unit of account: ISO 4217 as an address; values then have 18 decimals."""


def is_empty(data: bytes) -> bool:
    """Whether an answer is the empty list: decided without decoding, for there are 256 per owner."""
    if len(data) < 2 * WORD:
        raise AbiError("not a list of addresses")
    return not any(data[WORD : 2 * WORD])


def event(name: str) -> Event:
    """An event of a vault."""
    return interface("euler_vault").events[name]
