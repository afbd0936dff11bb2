"""Values as people read them, and texts of others made safe to show."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal

from alerts.model import Unit

_FSI, _PDI = "\u2068", "\u2069"
_KEPT_FORMAT = frozenset((_FSI, _PDI))
_DROPPED = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_SPACES = re.compile(r"[^\S\u00a0]+")
_BREAKS = "\t\n\r\v\f\u2028\u2029"
_RIGHT_TO_LEFT = frozenset(("R", "AL", "AN"))
_MAX_MARKS = 2
"""Accents allowed on one letter; more of them draw over the lines around."""
# Mail and chat programs turn these into links by themselves; only our own links may be clicked.
_DEFUSED = str.maketrans({"@": "\uff20"})
_DOMAIN_DOT = re.compile(r"(?<=\w)\.(?=(?!eth\b)[^\W\d_]{2,})")


def clean(text: str, limit: int = 300) -> str:
    """One safe line of a text that anybody may have chosen.

    No control, direction or invisible characters, no stacked accents, nothing that a program
    would turn into a link or a mention; at most about `limit` characters. Right-to-left text is
    isolated, so that it cannot reorder what stands around it.
    """
    line = one_line(text, limit).translate(_DEFUSED).replace("://", ":\u2044\u2044")
    return _isolated(cut(_DOMAIN_DOT.sub("\u2024", line), limit))


def one_line(text: str, limit: int = 300) -> str:
    """The first part of a text, at least `limit` characters of it, without control, direction or invisible ones."""
    visible = "".join(_visible(unicodedata.normalize("NFC", text[: limit * 4])))
    return _SPACES.sub(" ", visible).strip()


def _visible(text: str) -> list[str]:
    kept: list[str] = []
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if marks > _MAX_MARKS:
            continue
        if category not in _DROPPED or char in _KEPT_FORMAT:
            kept.append(char)
        elif char in _BREAKS:
            kept.append(" ")
    return kept


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, with an ellipsis where something was left out."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + "…"


def _isolated(text: str) -> str:
    if not _balanced(text):
        text = text.replace(_FSI, "").replace(_PDI, "")
    if _FSI in text or not any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in text):
        return text
    return f"{_FSI}{text}{_PDI}"


def _balanced(text: str) -> bool:
    depth = 0
    for char in text:
        depth += (char == _FSI) - (char == _PDI)
        if depth < 0:
            return False
    return depth == 0


def show(value: Decimal, unit: Unit) -> str:
    """A value with its unit, cut and never rounded: 9.96% must not read as the 10% it is below."""
    if unit is Unit.SECONDS:
        return span(int(value))
    if unit is Unit.USD:
        return usd(value)
    if unit is Unit.PERCENT:
        return f"{trimmed(value, 2 if value.copy_abs() < 10 else 1)}%"
    if unit is Unit.BLOCKS:
        return counted(int(value), "block")
    suffix = {Unit.ETH: " ETH", Unit.GWEI: " gwei"}.get(unit, "")
    return f"{trimmed(value, _places(value))}{suffix}"


def counted(number: int, noun: str) -> str:
    """`1 wallet`, `0 wallets`, `1,200 blocks`; for nouns that take an s."""
    return f"{number:,} {noun}" + ("" if abs(number) == 1 else "s")


def _places(value: Decimal) -> int:
    size = value.copy_abs()
    return 0 if size >= 10_000 else 2 if size >= 10 else 4


def trimmed(value: Decimal, places: int) -> str:
    """Thousands separated, at most `places` decimals, no trailing zeros."""
    text = _fixed(value, places)
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def usd(value: Decimal) -> str:
    """$1,942.10, $640,000, $14.10M, $6.29B; negative as -$3.50."""
    size, sign = value.copy_abs(), "-" if value < 0 else ""
    for digits, letter in ((9, "B"), (6, "M")):
        if size >= 10**digits:
            return f"{sign}${_fixed(size, 2, digits)}{letter}"
    return f"{sign}${_fixed(size, 0 if size >= 100_000 else 2)}"


def _fixed(value: Decimal, places: int, shift: int = 0) -> str:
    """`value / 10**shift` with exactly `places` decimals, cut; on digits, where no context can round."""
    whole, _, fraction = format(value.copy_abs(), "f").partition(".")
    whole = whole.rjust(shift + 1, "0")
    split = len(whole) - shift
    whole, fraction = whole[:split], whole[split:] + fraction
    tail = f".{fraction[:places].ljust(places, '0')}" if places else ""
    return ("-" if value < 0 else "") + f"{int(whole):,}" + tail


def span(seconds: int) -> str:
    """The two largest parts of a time: `2 d 3 h`, `38 s`; numbers are not torn from their units."""
    if seconds < 0:
        return f"-{span(-seconds)}"
    parts: list[str] = []
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}\u00a0{name}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0\u00a0s"


def moment(time: float) -> str:
    """`2026-02-02 14:03:11 UTC`."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, OSError, ValueError):
        return "at an unknown time"
