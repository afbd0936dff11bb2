"""Units of the chain as types, and the only three ways to divide.

All amounts are ints. A NewType costs nothing at run time and keeps wei and gwei apart in the
type checker. Every division of amounts goes through a function whose name is its rounding.
"""

from __future__ import annotations

from typing import NewType

Wei = NewType("Wei", int)
Gwei = NewType("Gwei", int)
Gas = NewType("Gas", int)
BlobGas = NewType("BlobGas", int)
Wad = NewType("Wad", int)
"""Fixed point, 18 decimals."""
Ray = NewType("Ray", int)
"""Fixed point, 27 decimals."""
Tick = NewType("Tick", int)
"""A price as a Chainlink feed gives it: USD with 8 decimals."""
Bps = NewType("Bps", int)
"""1/10,000."""
BlockNumber = NewType("BlockNumber", int)
Slot = NewType("Slot", int)
Epoch = NewType("Epoch", int)
UnixTime = NewType("UnixTime", int)
"""Seconds since 1970, UTC: block time unless the name says otherwise."""
BlockHash = NewType("BlockHash", str)
"""0x and 64 lower-case hex digits."""
Address = NewType("Address", str)
"""0x and 40 lower-case hex digits; checksummed only for display."""

WEI_PER_GWEI = 10**9
WEI_PER_ETH = 10**18
GWEI_PER_ETH = 10**9
WAD = 10**18
RAY = 10**27
TICKS_PER_USD = 10**8
BPS = 10_000
MAX_INT64 = 2**63 - 1
MAX_UINT256 = 2**256 - 1

SECONDS_PER_HOUR = 3_600
SECONDS_PER_DAY = 86_400
SECONDS_PER_YEAR = 31_536_000
"""365 days, as every lending protocol counts."""


def floor_div(numerator: int, denominator: int) -> int:
    """Round towards minus infinity (for amounts >= 0: down)."""
    return numerator // denominator


def ceil_div(numerator: int, denominator: int) -> int:
    """Round towards plus infinity (for amounts >= 0: up)."""
    return -(-numerator // denominator)


def half_up_div(numerator: int, denominator: int) -> int:
    """Round to nearest, halves up, for non-negative amounts (Aave's wad, ray and percent maths)."""
    return (numerator + denominator // 2) // denominator


def split_wei(amount: Wei) -> tuple[Gwei, Wei]:
    """Whole gwei and the remaining wei, 0 <= remainder < 10**9: how wei are stored in SQLite."""
    gwei, rest = divmod(amount, WEI_PER_GWEI)
    return Gwei(gwei), Wei(rest)


def join_wei(gwei: int, rest_wei: int) -> Wei:
    """The inverse of `split_wei`; also joins plain sums of both columns."""
    return Wei(gwei * WEI_PER_GWEI + rest_wei)


def format_fixed(amount: int, decimals: int, places: int | None = None) -> str:
    """An exact decimal text of `amount / 10**decimals`, with thousands separators.

    `places` cuts (never rounds) the fraction; None keeps all digits but trailing zeros.
    """
    sign = "-" if amount < 0 else ""
    whole, fraction = divmod(abs(amount), 10**decimals)
    digits = f"{fraction:0{decimals}d}" if decimals else ""
    digits = digits.rstrip("0") if places is None else digits[:places].ljust(places, "0")
    return f"{sign}{whole:,}" + (f".{digits}" if digits else "")


def format_eth(amount: int, places: int | None = None) -> str:
    """Wei as ETH."""
    return format_fixed(amount, 18, places)


def format_gwei(amount: int, places: int | None = None) -> str:
    """Wei as gwei."""
    return format_fixed(amount, 9, places)
