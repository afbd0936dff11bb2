"""Readings of how ETH moves with another price: an estimate, with its interval and the returns behind it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from alerts.model import BlockStamp, CannotSee, ChartRequest, Fact, Reading
from monitor.macro.correlation import Change, Correlation
from monitor.units import SECONDS_PER_DAY

KEY, CHANGE_KEY = "price.correlation", "price.correlation_change"
_EPOCH = date(1970, 1, 1).toordinal()
CERTAIN = 1.96
"""Standard errors beyond which a difference is more than chance gives in 19 of 20 cases."""


def correlation_reading(
    other: str, window_s: int, found: Correlation | str, at: BlockStamp, source: str
) -> Reading:
    """The correlation up to the newest day that is judged; a text says why there is none."""
    cause = found if isinstance(found, str) else found.cause
    if isinstance(found, str) or found.value is None:
        return _reading(KEY, other, window_s, CannotSee(cause), at)
    facts = (Fact("95 % interval", _interval(found)), _closes(found.day, source))
    return _reading(KEY, other, window_s, _decimal(found.value), at, facts, str(found.day))


def change_reading(other: str, window_s: int, found: Change | str, at: BlockStamp, source: str) -> Reading:
    """What it is less what it was in the window before."""
    cause = found if isinstance(found, str) else found.cause
    if isinstance(found, str) or found.value is None or found.surprise is None:
        return _reading(CHANGE_KEY, other, window_s, CannotSee(cause), at)
    beyond = "more than chance" if abs(found.surprise) > CERTAIN else "within what chance gives"
    facts = (
        Fact("Now", f"{_figure(found.now)}, {_interval(found.now)}"),
        Fact("Window before", f"{_figure(found.before)}, {_interval(found.before)}"),
        Fact("Difference", f"{abs(found.surprise):.1f} standard errors: {beyond} (95 %)"),
        _closes(found.now.day, source),
    )
    return _reading(CHANGE_KEY, other, window_s, _decimal(found.value), at, facts, str(found.now.day))


def _reading(
    key: str,
    other: str,
    window_s: int,
    value: Decimal | CannotSee,
    at: BlockStamp,
    facts: tuple[Fact, ...] = (),
    day: str = "",
) -> Reading:
    days = window_s // SECONDS_PER_DAY
    alt = f"Rolling correlation of ETH with {other} over {days} days"
    chart = ChartRequest("correlation", {"with": other, "days": str(days), "day": day}, alt)
    name = f"ETH with {other} over {days} days"
    subject = f"{other}:{days}d"
    return Reading(
        key, subject, name, value, at, {"with": other}, window_s=window_s, facts=facts, chart=chart
    )


def other_of(subject: str) -> str:
    """The series that an incident of this identity is about."""
    return subject.rpartition(":")[0]


def _decimal(value: float) -> Decimal:
    return Decimal(f"{value:.4f}")


def _figure(one: Correlation) -> str:
    return f"{one.value:.2f}"


def _interval(one: Correlation) -> str:
    return f"{one.low:.2f} to {one.high:.2f}, an estimate from {one.returns} daily returns"


def _closes(day: int, source: str) -> Fact:
    return Fact("Closes", f"of UTC days up to {date.fromordinal(_EPOCH + day)}; {source}")
