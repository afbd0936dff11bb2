"""Daily closes of a price series in a CSV file that the user gives. The file is hostile input."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime
from math import isfinite
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

from monitor.errors import UsageError
from monitor.units import SECONDS_PER_DAY

_DAYS = ("date", "day", "time", "timestamp", "ts")
_LARGEST_BYTES = 8 * 1024 * 1024
"""Some 200,000 lines: read in half a second."""
_EPOCH = date(1970, 1, 1).toordinal()


class _Source(NamedTuple):
    """A file, and how errors call it."""

    file: Path
    said: str
    choose: str
    """How another column is chosen."""

    def wrong(self, problem: str) -> UsageError:
        return UsageError(f"{self.said}: {problem}")


def closes_of_file(file: Path, column: str | None = None, *, entry: str = "") -> dict[int, float]:
    """Closes by day since 1970: of several lines of a day the last. Raises UsageError naming file and line.

    The header names a column of days (date, day, time, timestamp or ts: ISO 8601, or Unix seconds)
    and one of prices: `column`, else `close`, else the only other one. An empty price is a day without.
    `entry` is the place in the watchlist that names the file; without it the command line did.
    """
    source = _Source(file, f"{entry}: file {file.name}", "column =") if entry else _Source(file, f"--with {file}", "--column:")  # fmt: skip
    try:
        found = file.stat()
        if not S_ISREG(found.st_mode):
            raise source.wrong("is not a file.")
        if found.st_size > _LARGEST_BYTES:
            raise source.wrong("is larger than 8 MB. Cut it to a column of days and one of closes.")
        with file.open(newline="", encoding="utf-8-sig") as lines:
            return dict(sorted(_read(source, csv.reader(lines), column)))
    except OSError as error:
        raise source.wrong(f"cannot be read ({error.strerror}).") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise source.wrong(f"is not CSV in UTF-8 ({type(error).__name__}).") from None


def _read(source: _Source, lines: Iterator[list[str]], column: str | None) -> Iterator[tuple[int, float]]:
    names = [name.strip().lower() for name in next(lines, list[str]())]
    day_at = next((index for index, name in enumerate(names) if name in _DAYS), None)
    if day_at is None:
        raise source.wrong("the first line must name a column 'date'.")
    price_at = _price_column(source, names, day_at, column)
    for number, cells in enumerate(lines, start=2):
        if not cells:
            continue
        if len(cells) != len(names):
            raise source.wrong(f"line {number} has {len(cells)} columns, the first {len(names)}.")
        if cells[price_at].strip():
            yield _day(source, number, cells[day_at].strip()), _price(source, number, cells[price_at].strip())


def _price_column(source: _Source, names: list[str], day_at: int, column: str | None) -> int:
    wanted = column.lower() if column else "close"
    if wanted in names:
        return names.index(wanted)
    others = [index for index in range(len(names)) if index != day_at]
    if column is None and len(others) == 1:
        return others[0]
    given = ", ".join(names[index] for index in others)[:200]
    raise source.wrong(f"has no column '{wanted}'. Name one with {source.choose} {given}.")


def _day(source: _Source, number: int, text: str) -> int:
    try:
        if text.isdecimal() and len(text) > 8:
            day = int(text) // SECONDS_PER_DAY
            date.fromordinal(_EPOCH + day)  # raises for what no calendar has
            return day
        at = datetime.fromisoformat(text)
        return (at.astimezone(UTC) if at.tzinfo else at).date().toordinal() - _EPOCH
    except (ValueError, OverflowError):
        raise source.wrong(f"line {number}: '{text[:40]}' is not a day. Write 2026-02-04.") from None


def _price(source: _Source, number: int, text: str) -> float:
    try:
        price = float(text)
    except ValueError:
        price = float("nan")
    if not isfinite(price) or price <= 0:
        raise source.wrong(f"line {number}: '{text[:40]}' is not a price above 0.")
    return price
