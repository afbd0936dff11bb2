"""ETH/USD as stored against another series: a stored feed or a file."""

from __future__ import annotations

from pathlib import Path

from monitor.errors import EthmonError
from monitor.reports.closes import closes_of_file
from monitor.reports.correlation import Correlation, log_returns, rolling
from monitor.store import ledger, prices
from monitor.store.database import open_reader
from monitor.units import UnixTime

ETH = "ETH/USD"


def eth_with(database: Path, other: str, window_days: int, column: str | None = None) -> list[Correlation]:
    """Rolling correlation of ETH with `other`, a feed's name or a CSV file; the running day has no close yet.

    Raises EthmonError where a feed has no answers, UsageError for a file that is not understood.
    """
    with open_reader(database) as db, db.snapshot():
        head = ledger.cursor(db)
        now = head.timestamp if head else UnixTime(0)
        known = prices.feeds(db)
        is_file = other not in known and (other.lower().endswith(".csv") or Path(other).is_file())
        for feed in (ETH,) if is_file else (ETH, other):
            if feed not in known:
                stored = ", ".join(known) or "none"
                raise EthmonError(
                    f"not known: no price of {feed} is stored (there is: {stored}). The daemon stores them as it runs."
                )
        eth = prices.daily_closes(db, ETH, now)
        second = closes_of_file(Path(other), column) if is_file else prices.daily_closes(db, other, now)
    return rolling(log_returns(eth, second), window_days)
