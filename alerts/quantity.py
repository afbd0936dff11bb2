"""Thresholds and durations as people write them."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from alerts.model import Unit

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

_DURATION = re.compile(r"(\d{1,9})\s*([smhdw])", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d{1,3}([,_]\d{3})+|\d{1,30})(\.\d{1,30})?", re.ASCII)
_SUFFIX = {
    Unit.PERCENT: ("%", "percent"),
    Unit.USD: ("usd",),
    Unit.ETH: ("eth",),
    Unit.GWEI: ("gwei",),
    Unit.RATIO: ("x",),
    Unit.SECONDS: ("s",),
    Unit.BLOCKS: ("blocks", "block"),
    Unit.COUNT: (),
}
_EXAMPLE = {
    Unit.PERCENT: '"10%"',
    Unit.USD: "1780",
    Unit.ETH: "10_000",
    Unit.GWEI: '"50 gwei"',
    Unit.RATIO: "1.1",
    Unit.SECONDS: '"5m"',
    Unit.BLOCKS: "3",
    Unit.COUNT: "0",
}
_MAGNITUDE = Decimal(10) ** 30


def example(unit: Unit) -> str:
    """A value of this unit as it would stand in the file."""
    return _EXAMPLE[unit]


def parse_duration(raw: object) -> int | None:
    """Seconds of `"90s"`, `"5m"`, `"24h"`, `"7d"`, `"2w"`, or of a whole number; None for anything else."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw if 0 <= raw < 10**10 else None
    match = _DURATION.fullmatch(raw.strip().lower()) if isinstance(raw, str) else None
    return int(match[1]) * SECONDS[match[2]] if match else None


def parse_number(raw: object, unit: Unit) -> Decimal | None:
    """The value of `raw` in `unit`; None for anything that is not plainly a number of that unit.

    A float counts as the decimal that it prints as: TOML's 0.1 means one tenth.
    """
    if isinstance(raw, bool):
        return None
    if isinstance(raw, int | float | Decimal):
        return _bounded(str(raw))
    if not isinstance(raw, str):
        return None
    if unit is Unit.SECONDS:
        seconds = parse_duration(raw)
        return None if seconds is None else Decimal(seconds)
    text = raw.strip().lower()
    for suffix in _SUFFIX[unit]:
        text = text.removesuffix(suffix).rstrip()
    text = text.removeprefix("$") if unit is Unit.USD else text
    if not _NUMBER.fullmatch(text):
        return None
    return _bounded(text.replace(",", "").replace("_", ""))


def _bounded(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value) < _MAGNITUDE else None
