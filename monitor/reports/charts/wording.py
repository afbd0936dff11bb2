"""Numbers, times and hashes as pictures and pages write them."""

from __future__ import annotations

import math
from datetime import UTC, datetime


def moment(time: int) -> str:
    """`2026-02-04 11:23 UTC`."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M UTC")


def short_hash(text: str) -> str:
    """`0x1234…abcd`."""
    return f"{text[:6]}…{text[-4:]}"


def compact(value: float, unit: str = "") -> str:
    """`1.2 M`, `$1,780`, `0.05`."""
    size, sign = abs(value), "\N{MINUS SIGN}" if value < 0 else ""
    for least, name in ((1e9, "bn"), (1e6, "M")):
        if size >= least:
            return f"{sign}{unit}{size / least:,.4g} {name}"
    if size == 0 or size >= 1e-4:
        return f"{sign}{unit}{size:,.6g}" if size < 1000 else f"{sign}{unit}{size:,.0f}"
    exponent = math.floor(math.log10(size))
    return f"{sign}{unit}{size / 10**exponent:.3g}e{exponent}"
