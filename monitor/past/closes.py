"""Daily closes of the known feeds into the store, from the feeds' own rounds at a finalized block.

    missing days --read_past--> price_close --+--> correlation (for SQL; readings and charts compute their own)
                          the user's CSV -----+

With 11,000 rounds a feed (measured), the 120 days of a new database are 18 round trips with 26 eth_calls, a day that
has just ended is 9, a year about 60;
nothing is asked for days that are stored.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from monitor.chain.endpoints import Endpoints
from monitor.chain.reader import Reader
from monitor.comovement import ETH, Others
from monitor.domain import BlockRef
from monitor.errors import BadAnswer, CannotSee, EthmonError, NodeError
from monitor.macro.correlation import rolling
from monitor.ports import Clock
from monitor.protocols.base import attempt, together
from monitor.protocols.rounds import PastRounds, read_past
from monitor.store import closes
from monitor.store.closes import CloseRow
from monitor.store.database import Database
from monitor.units import SECONDS_PER_DAY, Address, UnixTime
from monitor.watchlist import Series

log = logging.getLogger("ethmon")

KEPT_DAYS = 120
CHUNK_DAYS = 60
"""Read at one block and stored in one transaction."""
WINDOWS = (30, 90)
"""Days over which correlations are stored for SQL and dashboards; any other is computed when asked for."""

Day = tuple[str, int]
"""Feed and day since 1970."""


@dataclass
class Filled:
    """What a run did."""

    read: int = 0
    """Closes stored."""
    empty: set[Day] = field(default_factory=set[Day])
    """Days before a feed's first round, or whose round was not found."""
    unread: dict[str, str] = field(default_factory=dict[str, str])
    """Feeds that did not answer, and why."""


@dataclass
class PriceHistory:
    """What the daemon keeps filled by itself."""

    feeds: Mapping[str, Address] = field(default_factory=dict[str, Address])
    series: Callable[[], Sequence[Series]] = tuple
    """Those of the watchlist that is in force."""
    days: int = KEPT_DAYS
    """How far back; `ethmon backfill --prices` reads what is before."""
    _others: Others = field(default_factory=Others)
    _empty: frozenset[Day] = frozenset()
    _stored: object = None
    _said: dict[str, str] = field(default_factory=dict[str, str])

    def run(self, db: Database, source: Endpoints, clock: Clock) -> Filled:
        """Read the days that are over and missing; nothing is asked where none is. Raises StoreError."""
        filled = Filled()
        try:
            # The wall clock only says whether to ask; which days are over is the chain's to say.
            at = source.finalized() if self._missing(db, clock.now() // SECONDS_PER_DAY - 1) else None
            if at is not None:
                filled = fill(db, source, self.feeds, self._missing(db, last_whole_day(at)))
            self._say({f"closes of {feed}": cause for feed, cause in filled.unread.items()})
        except NodeError as error:
            self._say({"closes of price feeds": str(error)})
        self._empty |= filled.empty
        if filled.read:
            log.info("%d daily closes of price feeds read", filled.read)
        self._correlate(db)
        return filled

    def _missing(self, db: Database, last: int) -> list[Day]:
        return missing_days(db, self.feeds, last - self.days + 1, last, self._empty)

    def _say(self, troubles: Mapping[str, str]) -> None:
        """Each trouble once, until it is over or another."""
        for what, cause in troubles.items():
            if self._said.get(what) != cause:
                log.warning("%s are not read: %s", what, cause)
        self._said = dict(troubles)

    def _correlate(self, db: Database) -> None:
        listed = self.series()
        if listed != self._others.series:
            self._others = Others(listed)
        mark = (closes.mark(db), self._others.mark())
        if mark != self._stored:
            self._stored = mark
            for name, cause in store_correlations(db, self._others).items():
                log.warning("no correlation with %s: %s", name, cause)


def missing_days(
    db: Database, feeds: Iterable[str], first: int, last: int, but: frozenset[Day] = frozenset()
) -> list[Day]:
    """Days `first` to `last` whose close is not stored, newest first."""
    wanted = [
        (feed, day)
        for feed in feeds
        for known in [closes.days(db, feed)]
        for day in range(first, last + 1)
        if day not in known and (feed, day) not in but
    ]
    return sorted(wanted, key=lambda one: -one[1])


def last_whole_day(block: BlockRef) -> int:
    """The newest day that was over at a block."""
    return block.timestamp // SECONDS_PER_DAY - 1


def fill(
    db: Database,
    source: Endpoints,
    feeds: Mapping[str, Address],
    wanted: Sequence[Day],
    *,
    cancel: threading.Event | None = None,
    progress: Callable[[int], None] | None = None,
) -> Filled:
    """Read and store `wanted`; what is stored stays when it ends early. Raises NodeError and StoreError."""
    filled, reader, done = Filled(), Reader(), 0
    days = sorted({day for _, day in wanted}, reverse=True)
    for start in range(0, len(days), CHUNK_DAYS):
        if cancel is not None and cancel.is_set():
            break
        part = set(days[start : start + CHUNK_DAYS])
        asked = [one for one in wanted if one[1] in part]
        _fill_part(db, source, reader, feeds, asked, filled)
        done += len(asked)
        if progress is not None:
            progress(done)
    return filled


def _fill_part(
    db: Database,
    source: Endpoints,
    reader: Reader,
    feeds: Mapping[str, Address],
    wanted: Sequence[Day],
    filled: Filled,
) -> None:
    at = source.finalized()
    if at is None:
        raise BadAnswer("node", "it has no finalized block yet.")
    names = sorted({feed for feed, _ in wanted} - filled.unread.keys())
    moments = {name: [_midnight(day) for feed, day in wanted if feed == name] for name in names}
    reading = together([attempt(read_past(feeds[name], moments[name], at.timestamp)) for name in names])
    rows: list[CloseRow] = []
    for name, told in zip(names, reader.run(source.pinned(at), reading), strict=True):
        if isinstance(told, CannotSee):
            filled.unread[name] = str(told)
            continue
        found = list(_rows(name, feeds[name], told, at))
        rows += found
        filled.empty |= {(name, day) for feed, day in wanted if feed == name} - {
            (name, row.day) for row in found
        }
    closes.save(db, rows)
    filled.read += len(rows)


def _midnight(day: int) -> UnixTime:
    """The end of a day."""
    return UnixTime((day + 1) * SECONDS_PER_DAY)


def _rows(name: str, address: Address, told: PastRounds, at: BlockRef) -> Iterable[CloseRow]:
    for moment, one in told.before.items():
        day = moment // SECONDS_PER_DAY - 1
        yield CloseRow(name, day, one.round_id, one.answer, told.decimals, one.updated_at, address, at.number)


def store_correlations(db: Database, others: Others, windows: Iterable[int] = WINDOWS) -> dict[str, str]:
    """Correlations of ETH with every known series, up to the newest close, for whoever asks in SQL.

    Returns the series that could not be read, and why.
    """
    at = closes.newest_block(db)
    if at is None:
        return {}
    end = UnixTime((max(closes.days(db, ETH), default=0) + 1) * SECONDS_PER_DAY)
    failed: dict[str, str] = {}
    names = others.names(db)
    for name in names:
        try:
            returns = others.returns(db, name, end)
        except EthmonError as error:
            failed[name] = str(error)
            continue
        for window in windows:
            closes.save_correlations(db, name, window, rolling(returns, window), at)
    closes.forget_other_correlations(db, names)
    return failed
