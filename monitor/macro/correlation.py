"""How ETH moves with another price: rolling correlation of daily log returns. Pure.

A return is from one day that both series have to the next such day, so a market that closes at the
weekend is compared with ETH from Friday to Monday. Longer holes give no return: nothing was seen.
Pearson's r with its 95 % interval (Fisher's z, returns taken as independent): a statistic, not a law.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import atanh, fsum, log, sqrt, tanh
from typing import NamedTuple

LONGEST_STEP_DAYS = 5
"""A weekend and two holidays."""
FEWEST_RETURNS = 10
FEWEST_DAYS = 14
Z95 = 1.959963984540054
_ALL = 1 - 1e-12


class Return(NamedTuple):
    """What both prices did up to the close of `day` (days since 1970), as logarithms."""

    day: int
    first: float
    second: float


class Correlation(NamedTuple):
    """Of the returns of the window that ends with `day`. None: not known, `cause` says why."""

    day: int
    value: float | None
    low: float | None
    high: float | None
    returns: int
    cause: str


def log_returns(first: Mapping[int, float], second: Mapping[int, float]) -> list[Return]:
    """Returns between successive days that both series (day: positive price) have."""
    days = sorted(first.keys() & second.keys())
    return [
        Return(day, log(first[day]) - log(first[before]), log(second[day]) - log(second[before]))
        for before, day in pairwise(days)
        if day - before <= LONGEST_STEP_DAYS
    ]


def needed(window_days: int) -> int:
    """Returns below which a window says nothing: half of its days, and never less than `FEWEST_RETURNS`."""
    return max(FEWEST_RETURNS, window_days // 2)


def rolling(returns: Sequence[Return], window_days: int) -> list[Correlation]:
    """The correlation at each day of `returns`, over those of the `window_days` days up to it."""
    found: list[Correlation] = []
    start = 0
    for end, newest in enumerate(returns):
        while returns[start].day <= newest.day - window_days:
            start += 1
        found.append(_of(newest.day, returns[start : end + 1], needed(window_days)))
    return found


def at_day(returns: Sequence[Return], day: int, window_days: int) -> Correlation:
    """The correlation over the `window_days` days that end with `day`.

    Not known where the newest return is so old that the window is about another time.
    """
    part = [one for one in returns if day - window_days < one.day <= day]
    found = _of(day, part, needed(window_days))
    if found.value is not None and day - part[-1].day > LONGEST_STEP_DAYS:
        cause = f"the newest common close is {day - part[-1].day} days old"
        return found._replace(value=None, low=None, high=None, cause=cause)
    return found


class Change(NamedTuple):
    """From the window before to the one that ends with `now.day`; the two share no return."""

    now: Correlation
    before: Correlation
    value: float | None
    surprise: float | None
    """In standard errors of the difference of Fisher's z: beyond 1.96 either way, chance gives it in 1 of 20 cases."""

    @property
    def cause(self) -> str:
        """Why it is not known."""
        return self.now.cause or (f"the window before: {self.before.cause}" if self.before.cause else "")


def change(returns: Sequence[Return], day: int, window_days: int) -> Change:
    """How the correlation moved against the window before."""
    now, before = (at_day(returns, end, window_days) for end in (day, day - window_days))
    if now.value is None or before.value is None:
        return Change(now, before, None, None)
    error = sqrt(1 / (now.returns - 3) + 1 / (before.returns - 3))
    return Change(now, before, now.value - before.value, (_z(now.value) - _z(before.value)) / error)


def _of(day: int, part: Sequence[Return], fewest: int) -> Correlation:
    if len(part) < fewest:
        return Correlation(day, None, None, None, len(part), f"{len(part)} daily returns, {fewest} needed")
    value = pearson([one.first for one in part], [one.second for one in part])
    if value is None:
        return Correlation(day, None, None, None, len(part), "one of the prices did not move")
    middle, width = _z(value), Z95 / sqrt(len(part) - 3)
    return Correlation(day, value, tanh(middle - width), tanh(middle + width), len(part), "")


def _z(value: float) -> float:
    return atanh(max(-_ALL, min(_ALL, value)))


def pearson(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Pearson's r of two series of one length; None where one of them is constant."""
    count = len(first)
    mean_first, mean_second = fsum(first) / count, fsum(second) / count
    off_first = [value - mean_first for value in first]
    off_second = [value - mean_second for value in second]
    spread = sqrt(fsum(x * x for x in off_first)) * sqrt(fsum(y * y for y in off_second))
    if spread < 1e-12:
        return None
    return max(-1.0, min(1.0, fsum(x * y for x, y in zip(off_first, off_second, strict=True)) / spread))
