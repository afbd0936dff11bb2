"""Where a time axis has its marks, and what they say. UTC; moments are seconds since 1970."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from monitor.units import SECONDS_PER_DAY, SECONDS_PER_HOUR

_STEPS = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800),
    *(hours * SECONDS_PER_HOUR for hours in (1, 2, 3, 6, 12)),
    *(count * SECONDS_PER_DAY for count in (1, 2, 3, 7, 14)),
)
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240)
_MONTH_S = 30 * SECONDS_PER_DAY


def marks(start: float, end: float, most: int) -> list[tuple[int, str]]:
    """Up to `most` round moments of a stretch with their labels; the first says the date or the year too."""
    span = max(1.0, end - start)
    step = next((step for step in _STEPS if span / step <= most - 0.5), None)
    if step is not None:
        first = -(-int(start) // step) * step
        return _labelled(list(range(first, int(end) + 1, step)), step)
    months = next((months for months in _MONTHS if span / (months * _MONTH_S) <= most - 0.5), _MONTHS[-1])
    return _labelled(list(_months(start, end, months)), _MONTH_S)


def _months(start: float, end: float, step: int) -> Iterator[int]:
    at = datetime.fromtimestamp(start, UTC)
    index = -(-(at.year * 12 + at.month) // step) * step
    while (moment := int(datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC).timestamp())) <= end:
        if moment >= start:
            yield moment
        index += step


def _labelled(moments: list[int], step: int) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    before = ""
    for moment in moments:
        at = datetime.fromtimestamp(moment, UTC)
        if step >= _MONTH_S:
            text, context = f"{at:%b}", f"{at:%Y}"
        elif step >= SECONDS_PER_DAY:
            text, context = f"{at:%b} {at.day}", f"{at:%Y}"
        else:
            text, context = f"{at:%H:%M:%S}" if step < 60 else f"{at:%H:%M}", f"{at:%b} {at.day}, {at:%Y}"
        found.append((moment, text if context == before else f"{text}\n{context}"))
        before = context
    return found
