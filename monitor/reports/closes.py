"""Daily closes of a price series in a CSV file that the user gives."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime
from math import isfinite
from pathlib import Path

from monitor.errors import UsageError
from monitor.units import SECONDS_PER_DAY

_DAYS = ("date", "day", "time", "timestamp", "ts")
_LARGEST_BYTES = 64 * 1024 * 1024
_EPOCH = date(1970, 1, 1).toordinal()


def closes_of_file(file: Path, column: str | None = None) -> dict[int, float]:
    """Closes by day since 1970: of several lines of a day the last. Raises UsageError naming file and line.

    The header names a column of days (date, day, time, timestamp or ts: ISO 8601, or Unix seconds)
    and one of prices: `column`, else `close`, else the only other one. An empty price is a day without.
    """
    try:
        if file.stat().st_size > _LARGEST_BYTES:
            raise UsageError(
                f"--with {file}: is larger than 64 MB. Cut it to a column of days and one of closes."
            )
        with file.open(newline="", encoding="utf-8-sig") as lines:
            return dict(sorted(_read(file, csv.reader(lines), column)))
    except OSError as error:
        raise UsageError(f"--with {file}: cannot be read ({error.strerror}).") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"--with {file}: is not CSV in UTF-8 ({type(error).__name__}).") from None


def _read(file: Path, lines: Iterator[list[str]], column: str | None) -> Iterator[tuple[int, float]]:
    names = [name.strip().lower() for name in next(lines, list[str]())]
    day_at = next((index for index, name in enumerate(names) if name in _DAYS), None)
    if day_at is None:
        raise UsageError(f"--with {file}: the first line must name a column 'date'.")
    price_at = _price_column(file, names, day_at, column)
    for number, cells in enumerate(lines, start=2):
        if not cells:
            continue
        if len(cells) != len(names):
            raise UsageError(
                f"--with {file}: line {number} has {len(cells)} columns, the first {len(names)}."
            )
        if cells[price_at].strip():
            yield _day(file, number, cells[day_at].strip()), _price(file, number, cells[price_at].strip())


def _price_column(file: Path, names: list[str], day_at: int, column: str | None) -> int:
    wanted = column.lower() if column else "close"
    if wanted in names:
        return names.index(wanted)
    others = [index for index in range(len(names)) if index != day_at]
    if column is None and len(others) == 1:
        return others[0]
    given = ", ".join(names[index] for index in others)[:200]
    raise UsageError(f"--with {file}: has no column '{wanted}'. Name one with --column: {given}.")


def _day(file: Path, number: int, text: str) -> int:
    try:
        if text.isdecimal() and len(text) > 8:
            return int(text) // SECONDS_PER_DAY
        at = datetime.fromisoformat(text)
        return (at.astimezone(UTC) if at.tzinfo else at).date().toordinal() - _EPOCH
    except (ValueError, OverflowError):
        raise UsageError(
            f"--with {file}: line {number}: '{text[:40]}' is not a day. Write 2026-02-04."
        ) from None


def _price(file: Path, number: int, text: str) -> float:
    try:
        price = float(text)
    except ValueError:
        price = float("nan")
    if not isfinite(price) or price <= 0:
        raise UsageError(f"--with {file}: line {number}: '{text[:40]}' is not a price above 0.")
    return price
