"""ETH/USD against another series: a feed whose closes are stored, or a CSV file of the user's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from monitor.closes import closes_of_file
from monitor.errors import CannotSee, EthmonError
from monitor.macro.correlation import Correlation, Return, log_returns, rolling
from monitor.store import closes, ledger, prices
from monitor.store.database import Database, open_reader
from monitor.units import SECONDS_PER_DAY, UnixTime
from monitor.watchlist import Series

ETH = "ETH/USD"
SETTLED_S = 3_600
"""A day is judged an hour after its midnight: its last round is final by then, and the price job has read it."""

Closes = Mapping[int, float]
"""USD, or whatever the series is in, by day since 1970 (UTC)."""


def settled_day(time: int) -> int:
    """The newest day that is judged at block time `time`."""
    return (time - SETTLED_S) // SECONDS_PER_DAY - 1


@dataclass
class Others:
    """What ETH may be compared with. A file is read again when it changes."""

    series: Sequence[Series] = ()
    _read: dict[Series, tuple[object, Closes | EthmonError]] = field(
        default_factory=dict[Series, tuple[object, Closes | EthmonError]]
    )

    def names(self, db: Database) -> list[str]:
        """Every feed that is stored but ETH itself, and every series of the watchlist."""
        return [*(feed for feed in prices.feeds(db) if feed != ETH), *(one.name for one in self.series)]

    def mark(self) -> tuple[object, ...]:
        """Says something else when a file changed, or another series is listed."""
        return tuple((one, _stat(one.file)) for one in self.series)

    def read_files(self) -> None:
        """Read what changed, so that nobody has to wait for it later; what is wrong is told when it is asked for."""
        for one in self.series:
            with suppress(CannotSee):
                self._of_file(one)

    def closes(self, db: Database, name: str, before: UnixTime) -> Closes:
        """Closes of days that end by `before`. Raises EthmonError: not stored, or a file that is not understood."""
        one = next((one for one in self.series if one.name == name), None)
        if one is None:
            return feed_closes(db, name, before, [one.name for one in self.series])
        return {day: price for day, price in self._of_file(one).items() if day < before // SECONDS_PER_DAY}

    def returns(self, db: Database, name: str, before: UnixTime) -> list[Return]:
        """Daily log returns of ETH and the series. Raises as `closes`."""
        return log_returns(feed_closes(db, ETH, before), self.closes(db, name, before))

    def refuse_half_read(self, db: Database, name: str, day: int) -> None:
        """Raise CannotSee while a feed's close of `day` is still to be read: a figure without it would be another."""
        for feed in (ETH, name):
            if closes.lacks(db, feed, day):
                raise CannotSee(f"the close of {feed} is not read yet")

    def _of_file(self, one: Series) -> Closes:
        now = _stat(one.file)
        if one not in self._read or self._read[one][0] != now:
            try:
                found: Closes | EthmonError = closes_of_file(
                    one.file, one.column or None, entry=f"[[series]] '{one.name}'"
                )
            except EthmonError as error:
                found = error
            self._read[one] = (now, found)
        known = self._read[one][1]
        if isinstance(known, EthmonError):
            raise CannotSee(str(known))
        return known


def feed_closes(db: Database, feed: str, before: UnixTime, others: Sequence[str] = ()) -> Closes:
    """Stored closes of a feed. Raises CannotSee where there is none at all; `others` could have been meant."""
    found = prices.daily_closes(db, feed, before)
    if not found and feed not in (known := prices.feeds(db)):
        stored = ", ".join((*known, *others)) or "none"
        raise CannotSee(
            f"not known: no price of {feed} is stored (there is: {stored}). The daemon stores them as it runs,"
            " `ethmon backfill --prices` reads those of the past."
        )
    return found


def eth_with(
    database: Path, other: str, window_days: int, column: str | None = None, series: Sequence[Series] = ()
) -> list[Correlation]:
    """Rolling correlation of ETH with `other`: a feed, one of `series`, or a CSV file. The running day has no close yet.

    Raises EthmonError where a feed has no answers, UsageError for a file that is not understood.
    """
    with open_reader(database) as db, db.snapshot():
        before = now(db)
        others = Others(series)
        if is_file(other, others.names(db)):
            returns = log_returns(feed_closes(db, ETH, before), closes_of_file(Path(other), column))
        else:
            returns = others.returns(db, other, before)
    return rolling(returns, window_days)


def is_file(other: str, known: Sequence[str]) -> bool:
    """Whether a name means a file: it is not one that is known."""
    return other not in known and (other.lower().endswith(".csv") or Path(other).is_file())


def now(db: Database) -> UnixTime:
    """Time of the newest block."""
    head = ledger.cursor(db)
    return head.timestamp if head else UnixTime(0)


def _stat(file: Path) -> object:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
