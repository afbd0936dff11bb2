"""How ETH moved with other prices over a stretch of days: what the picture and the page show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from monitor.closes import closes_of_file
from monitor.comovement import ETH, Closes, Others, feed_closes, is_file, now
from monitor.domain import BlockRef
from monitor.errors import EthmonError, UsageError
from monitor.macro.correlation import FEWEST_DAYS, Correlation, log_returns, needed, rolling
from monitor.store import closes, identity, ledger
from monitor.store.database import Database
from monitor.supply import frames
from monitor.supply.forks import CHAINS
from monitor.units import SECONDS_PER_DAY, BlockNumber, UnixTime

MOST_PANELS = 4
CHAINLINK = "Chainlink"
DEFAULT = ("BTC/USD", "XAU/USD")
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Pair:
    """ETH with one other series."""

    other: str
    source: str
    closes: Closes
    """Of the other series, by day since 1970, of the days that are shown."""
    points: Sequence[Correlation]
    """Each of the window that ends with its day."""

    @property
    def newest(self) -> Correlation | None:
        """The last one that is known."""
        return next((one for one in reversed(self.points) if one.value is not None), None)


@dataclass(frozen=True, slots=True)
class Comovement:
    """Days `first` to `last` inclusive."""

    window_days: int
    first: int
    last: int
    begins_late: bool
    """Days before `first` were asked for; there is no close of ETH of them."""
    eth: Closes
    pairs: Sequence[Pair]
    left_out: Mapping[str, str]
    """Series that nobody asked for by name and that could not be read, and why."""
    at: BlockRef | None
    read_at: BlockNumber | None
    """The finalized block that the newest stored rounds are of; None: answers as they were seen."""


def day_text(day: int) -> str:
    """`2026-06-05`."""
    return date.fromordinal(_EPOCH + day).isoformat()


def window_days(text: str) -> int:
    """Days of `30d`. Raises UsageError."""
    days = int(text[:-1]) if text.endswith("d") and text[:-1].isdecimal() and len(text) < 6 else 0
    if days < FEWEST_DAYS:
        raise UsageError(f"--window {text}: write {FEWEST_DAYS}d or more, for instance 30d or 90d.")
    return days


def comovement(
    db: Database,
    wanted: Sequence[str],
    days: int,
    since: str,
    others: Others,
    *,
    column: str | None = None,
    until: int | None = None,
) -> Comovement:
    """ETH with each of `wanted` (a feed, a series of the watchlist, a CSV file), or with what there is.

    `until` is the last day. Raises EthmonError where no correlation at all is known, UsageError for what
    is not understood.
    """
    with db.snapshot():
        before = now(db)
        chain = CHAINS.get(identity.chain_id(db) or 0)
        known = others.names(db)
        names = list(dict.fromkeys(wanted)) or _default(known, others)
        if len(names) > MOST_PANELS:
            raise UsageError(f"--with: {len(names)} series do not fit a picture. Name up to {MOST_PANELS}.")
        last = min(before // SECONDS_PER_DAY - 1, until if until is not None else 10**6)
        first = min((frames.parse(since, chain, before).start + 1) // SECONDS_PER_DAY, last)
        eth = feed_closes(db, ETH, before)
        wished, first = first, min(last, max(first, min(eth, default=first)))
        pairs: list[Pair] = []
        left_out: dict[str, str] = {}
        for name in names:
            try:
                theirs, source = _closes(db, name, known, others, column, before)
            except EthmonError as error:
                if wanted:
                    raise
                left_out[name] = str(error)
            else:
                pairs.append(_pair(name, source, theirs, eth, days, (first, last)))
        shown, at = _cut(eth, first, last), ledger.cursor(db)
        found = Comovement(
            days, first, last, first > wished, shown, pairs, left_out, at, closes.newest_block(db)
        )
    _refuse_unknown(found)
    return found


def _default(known: Sequence[str], others: Others) -> list[str]:
    names = [name for name in known if name in DEFAULT or any(one.name == name for one in others.series)]
    if not names:
        raise EthmonError(
            "not known: no closes of another price are stored. `ethmon backfill --prices --from 1y` reads them."
        )
    return names[:MOST_PANELS]


def _closes(
    db: Database, name: str, known: Sequence[str], others: Others, column: str | None, before: UnixTime
) -> tuple[Closes, str]:
    """Of one series, and where they are from."""
    if is_file(name, known):
        return closes_of_file(Path(name), column), f"{Path(name).name}, as given"
    one = next((one for one in others.series if one.name == name), None)
    source = CHAINLINK if one is None else f"{one.source or one.file.name}, as given"
    return others.closes(db, name, before), source


def _pair(name: str, source: str, theirs: Closes, eth: Closes, days: int, span: tuple[int, int]) -> Pair:
    found = rolling([one for one in log_returns(eth, theirs) if one.day <= span[1]], days)
    return Pair(name, source, _cut(theirs, *span), [one for one in found if one.day >= span[0]])


def _cut(series: Closes, first: int, last: int) -> Closes:
    return {day: price for day, price in series.items() if first <= day <= last}


def _refuse_unknown(found: Comovement) -> None:
    if any(pair.newest for pair in found.pairs):
        return
    most = max((one.returns for pair in found.pairs for one in pair.points), default=0)
    names = ", ".join(pair.other for pair in found.pairs)
    raise EthmonError(
        f"not known: {most} daily returns of ETH/USD and {names} at most in {found.window_days} days,"
        f" {needed(found.window_days)} needed. `ethmon backfill --prices --from 1y` reads closes of feeds."
    )
