"""Time frames as people name them: `24h`, `since merge`, `2025-Q3`, `2025-03-01..2025-04-01`.

A frame is the blocks with start < timestamp <= end, so one that ends now has the newest block. A
period from a moment on (a fork, a midnight) therefore starts a second earlier. All times are UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

from monitor.errors import UsageError
from monitor.supply.forks import Chain
from monitor.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, UnixTime

ROLLING = {
    "5m": 300,
    "1h": SECONDS_PER_HOUR,
    "24h": SECONDS_PER_DAY,
    "7d": 7 * SECONDS_PER_DAY,
    "30d": 30 * SECONDS_PER_DAY,
    "90d": 90 * SECONDS_PER_DAY,
    "1y": 365 * SECONDS_PER_DAY,
}
"""The frames of a standard view, shortest first, in seconds."""

FORKS = ("london", "merge", "dencun", "pectra", "fusaka", "glamsterdam")
CALENDAR = ("month", "quarter", "year")

_ROLLING = re.compile(r"(\d{1,6})\s*(m|min|h|d|w|y)")
_UNITS = {
    "m": 60,
    "min": 60,
    "h": 3_600,
    "d": SECONDS_PER_DAY,
    "w": 7 * SECONDS_PER_DAY,
    "y": 365 * SECONDS_PER_DAY,
}
_SINCE = re.compile(r"since\s+", re.IGNORECASE)
_DATE = re.compile(r"(\d{4})(?:-(?:[Qq]([1-4])|(\d{2})(?:-(\d{2}))?))?")


class Frame(NamedTuple):
    """A stretch of time with the name that it is shown under."""

    name: str
    start: UnixTime
    end: UnixTime

    @property
    def seconds(self) -> int:
        """Its length."""
        return self.end - self.start


def standard(chain: Chain | None, now: UnixTime) -> list[Frame]:
    """Every frame of the full view at `now`: rolling, since each fork that has begun, to date."""
    frames = [Frame(name, UnixTime(now - seconds), now) for name, seconds in ROLLING.items()]
    for fork in FORKS if chain else ():
        start = chain.time_of(fork) if chain else None
        if start is not None and start < now:
            frames.append(_since(fork, start, now))
    return frames + [to_date(unit, now) for unit in CALENDAR]


def parse(text: str, chain: Chain | None, now: UnixTime) -> Frame:
    """The frame that `text` names, ending at `now` unless it names an earlier end.

    Takes a rolling time (`90m`, `24h`, `7d`, `1y`), a fork (`merge`, `since pectra`), the running
    `month`, `quarter` or `year`, a past one (`2025`, `2025-Q3`, `2025-03`), a day to start from
    (`2025-03-01`), and `A..B` of any of these. Raises UsageError that names what it would take.
    """
    wanted = _SINCE.sub("", text.strip())
    if ".." in wanted:
        first, _, last = wanted.partition("..")
        start, end = _moment(first, chain, now).start, _moment(last, chain, now)
        return _checked(Frame(wanted, start, end.end if _is_whole(last) else end.start), text, now)
    return _checked(_moment(wanted, chain, now), text, now)


def to_date(unit: str, now: UnixTime) -> Frame:
    """The running calendar month, quarter or year until `now`."""
    today = datetime.fromtimestamp(now, UTC)
    month = {"month": today.month, "quarter": (today.month - 1) // 3 * 3 + 1, "year": 1}[unit]
    return Frame(f"this {unit}", _before(_unix(today.year, month)), now)


def _moment(typed: str, chain: Chain | None, now: UnixTime) -> Frame:
    wanted = typed.lower()
    if rolling := _ROLLING.fullmatch(wanted):
        return Frame(wanted, UnixTime(now - int(rolling[1]) * _UNITS[rolling[2]]), now)
    if wanted in CALENDAR:
        return to_date(wanted, now)
    if wanted in {"now", "today"}:
        return Frame(wanted, now if wanted == "now" else _before(_midnight(now)), now)
    fork = chain.fork(wanted) if chain else None
    if fork is not None:
        return _fork_frame(wanted, fork.time, now)
    if date := _DATE.fullmatch(wanted):
        return _dated(wanted.upper(), date, now)
    raise UsageError(
        f"{typed!r} is not a time frame. Use 24h, 7d, 1y, merge, pectra, month, 2025, 2025-Q3, "
        "2025-03, 2025-03-01 or FROM..TO."
    )


def _fork_frame(name: str, start: UnixTime | None, now: UnixTime) -> Frame:
    if start is None:
        raise UsageError(f"{name}: the time of that fork is not known on this chain. Use a date.")
    return _since(name, start, now)


def _since(name: str, start: UnixTime, now: UnixTime) -> Frame:
    return Frame(f"since {name}", _before(start), now)


def _dated(wanted: str, date: re.Match[str], now: UnixTime) -> Frame:
    """A year, quarter or month is that whole period; a day is from that day on."""
    year, quarter, month, day = (int(part) if part else None for part in date.groups())
    try:
        if day is not None:
            return Frame(f"since {wanted}", _before(_unix(year or 0, month or 1, day)), now)
        first = (quarter - 1) * 3 + 1 if quarter else month or 1
        length = 3 if quarter else 1 if month else 12
        ends = (year or 0) * 12 + first - 1 + length
        end = _before(_unix(ends // 12, ends % 12 + 1))
        return Frame(wanted, _before(_unix(year or 0, first)), end)
    except ValueError:
        raise UsageError(f"{wanted!r} is not a date of the calendar. Write YYYY-MM-DD.") from None


def _is_whole(wanted: str) -> bool:
    """Whether a text names a period, whose end counts in `A..B`, and not a day, whose start does."""
    date = _DATE.fullmatch(wanted)
    return wanted.lower() not in {"now", "today"} and date is not None and date[4] is None


def _checked(frame: Frame, text: str, now: UnixTime) -> Frame:
    """The frame as far as there can be blocks: neither after `now` nor before time 0."""
    name, start, end = frame.name, max(frame.start, _before(UnixTime(0))), min(frame.end, now)
    if start >= end:
        raise UsageError(f"{text!r} starts after it ends, or in the future.")
    return Frame(name, start, end)


def _before(moment: UnixTime) -> UnixTime:
    return UnixTime(moment - 1)


def _unix(year: int, month: int, day: int = 1) -> UnixTime:
    return UnixTime(int(datetime(year, month, day, tzinfo=UTC).timestamp()))


def _midnight(now: UnixTime) -> UnixTime:
    return UnixTime(now - now % SECONDS_PER_DAY)
