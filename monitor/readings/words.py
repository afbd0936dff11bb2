"""Numbers as people read them, in messages and tables. Display only."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal


def price_words(answer: int, decimals: int) -> str:
    """`$1,780.03`; small prices keep four significant digits."""
    return dollars(Decimal(answer) / 10**decimals)


def dollars(value: Decimal) -> str:
    """`$1,780.03`, `$274.0 M`, `$1.03 bn`."""
    size = abs(value)
    sign = "-" if value < 0 else ""
    for unit, name in ((Decimal(10**9), " bn"), (Decimal(10**6), " M")):
        if size >= unit:
            return f"{sign}${size / unit:,.2f}{name}"
    if size >= 1 or size == 0:
        return f"{sign}${size.quantize(Decimal('0.01'), ROUND_HALF_EVEN):,}"
    return f"{sign}${size:.4g}"


def percent(part: int, whole: int) -> str:
    """`4.1 %` of a positive whole."""
    return f"{Decimal(part) * 100 / Decimal(whole):.1f} %"


def amount(units: int, decimals: int) -> str:
    """A token amount: `618,245.96`, `0.0412`; four significant digits below one."""
    value = Decimal(units).scaleb(-decimals)
    if value == 0:
        return "0"
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.4g}"


def age(seconds: int) -> str:
    """`38 s`, `5 min`, `3 h`, `17 d`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def days(value: float) -> str:
    """`17 days`, `3.2 years`."""
    return f"{value / 365:.1f} years" if value >= 730 else f"{value:.0f} days"
