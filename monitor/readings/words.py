"""Numbers as people read them, in messages and tables. Display only."""

from __future__ import annotations

from decimal import Decimal

from alerts.model import Unit
from alerts.wording import show, usd


def price_words(answer: int, decimals: int) -> str:
    """`$1,780.03`; small prices keep four significant digits."""
    return dollars(Decimal(answer) / 10**decimals)


def dollars(value: Decimal) -> str:
    """`$1,780.03`, `$274.00M`, `$1.03B`; cut, never rounded; below a dollar four significant digits."""
    return usd(value) if abs(value) >= 1 or value == 0 else f"{'-' if value < 0 else ''}${abs(value):.4g}"


def percent(part: int, whole: int) -> str:
    """`4.77%` of a positive whole, as messages show their readings."""
    return show(Decimal(part) * 100 / Decimal(whole), Unit.PERCENT)


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
