"""Daily closes of feeds, from their own rounds, and the correlations that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from monitor.macro.correlation import Correlation
from monitor.store.database import Database
from monitor.units import Address, BlockNumber, UnixTime


class CloseRow(NamedTuple):
    """The last round of a feed before the end of `day` (days since 1970, UTC), as a finalized block has it.

    A day without a round of its own has that of a day before: `updated_at` tells.
    """

    feed: str
    day: int
    round_id: int
    answer: int
    decimals: int
    updated_at: UnixTime
    address: Address
    block_number: BlockNumber


def save(db: Database, rows: Iterable[CloseRow]) -> None:
    """Keep closes; of a day that has one, the new one."""
    with db.transaction() as connection:
        connection.executemany(
            "INSERT OR REPLACE INTO price_close (feed, day, round_id, answer, decimals, updated_at, address,"
            " block_number, usd) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    *(row.feed, row.day, str(row.round_id), str(row.answer), row.decimals, row.updated_at),
                    *(row.address, row.block_number, row.answer / 10**row.decimals),
                )
                for row in rows
            ),
        )


def days(db: Database, feed: str) -> frozenset[int]:
    """Days of a feed whose last round is known."""
    return frozenset(day for (day,) in db.rows("SELECT day FROM price_close WHERE feed = ?", feed))


def lacks(db: Database, feed: str, day: int) -> bool:
    """Whether rounds of a feed are stored, and that of this day is not: it is still to come."""
    known, newest = db.row("SELECT count(*), sum(day = ?) FROM price_close WHERE feed = ?", day, feed)
    return bool(known) and not newest


def mark(db: Database) -> tuple[int, int]:
    """Says something else when closes came or went: their count and newest block."""
    count, block = db.row("SELECT count(*), coalesce(max(block_number), 0) FROM price_close")
    return count, block


def newest_block(db: Database) -> BlockNumber | None:
    """The finalized block that the newest close was read at."""
    return db.row("SELECT max(block_number) FROM price_close")[0]


def save_correlations(
    db: Database, series: str, window_days: int, found: Sequence[Correlation], at: BlockNumber
) -> None:
    """Put `found` in the place of all that is kept of this series and window."""
    with db.transaction() as connection:
        connection.execute(
            "DELETE FROM correlation WHERE series = ? AND window_days = ?", (series, window_days)
        )
        connection.executemany(
            "INSERT INTO correlation (series, window_days, day, r, low_95, high_95, returns, cause, block_number)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (series, window_days, one.day, one.value, one.low, one.high, one.returns, one.cause, at)
                for one in found
            ),
        )


def forget_other_correlations(db: Database, kept: Iterable[str]) -> None:
    """Drop series that nobody lists any more."""
    names = list(kept)
    holes = ", ".join("?" * len(names))
    with db.transaction() as connection:
        connection.execute(f"DELETE FROM correlation WHERE series NOT IN ({holes})", names)
