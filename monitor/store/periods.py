"""Calendar periods in UTC. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from monitor.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, UnixTime

_SECONDS_PER_WEEK = 7 * SECONDS_PER_DAY
_THURSDAY_TO_MONDAY = 3 * SECONDS_PER_DAY
"""1970-01-01 was a Thursday; weeks begin on Monday (ISO 8601)."""


class Period(StrEnum):
    """The buckets of a series."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def start_of(period: Period, time: UnixTime) -> UnixTime:
    """The beginning of the period that holds `time`."""
    match period:
        case Period.HOUR:
            return UnixTime(time - time % SECONDS_PER_HOUR)
        case Period.DAY:
            return UnixTime(time - time % SECONDS_PER_DAY)
        case Period.WEEK:
            return UnixTime(time - (time + _THURSDAY_TO_MONDAY) % _SECONDS_PER_WEEK)
        case Period.MONTH:
            at = datetime.fromtimestamp(time, UTC)
            return UnixTime(int(datetime(at.year, at.month, 1, tzinfo=UTC).timestamp()))


def end_of(period: Period, start: UnixTime) -> UnixTime:
    """The beginning of the next period; `start` is the beginning of one."""
    match period:
        case Period.HOUR:
            return UnixTime(start + SECONDS_PER_HOUR)
        case Period.DAY:
            return UnixTime(start + SECONDS_PER_DAY)
        case Period.WEEK:
            return UnixTime(start + _SECONDS_PER_WEEK)
        case Period.MONTH:
            return start_of(Period.MONTH, UnixTime(start + 31 * SECONDS_PER_DAY))
