"""Answers of price feeds: a row when an answer is new; and what they were at the end of each day."""

from __future__ import annotations

from monitor.domain import BlockRef, FeedPrice
from monitor.store.database import Database
from monitor.units import SECONDS_PER_DAY, BlockNumber, UnixTime


def save(db: Database, at: BlockRef, price: FeedPrice) -> None:
    """Keep `price` if the feed's newest row says something else."""
    newest = db.row(
        "SELECT answer, updated_at FROM price WHERE feed = ? ORDER BY block_number DESC, id DESC LIMIT 1",
        price.feed,
    )
    if newest == (str(price.answer), price.updated_at):
        return
    with db.transaction() as connection:
        connection.execute(
            "INSERT INTO price (block_number, block_time, feed, address, answer, decimals, updated_at, usd)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(at.number, at.timestamp, price.feed, price.address, str(price.answer), price.decimals),
                *(price.updated_at, price.answer / 10**price.decimals),
            ),
        )


def between(db: Database, feed: str, first: BlockNumber, last: BlockNumber) -> dict[int, FeedPrice]:
    """New answers of a feed by the block that they were first seen at."""
    rows = db.rows(
        "SELECT block_number, feed, address, answer, decimals, updated_at FROM price WHERE feed = ?"
        " AND block_number BETWEEN ? AND ? ORDER BY block_number",
        *(feed, first, last),
    )
    return {row[0]: FeedPrice(row[1], row[2], int(row[3]), row[4], row[5]) for row in rows}


def daily_closes(db: Database, feed: str, before: UnixTime) -> dict[int, float]:
    """USD by UTC day (days since 1970), of days that end by `before`: the last answer of the day.

    From the feed's own rounds where they were read, else from the answers that were seen. A day without an
    answer of its own is absent, and so is one whose answer is the one before to the last digit: heartbeats
    of a market that is closed, which would be returns of 0.
    """
    last = before // SECONDS_PER_DAY - 1
    found = {day: usd for day, usd in _seen(db, feed) if day <= last}
    for day, usd, updated_at in db.rows(
        "SELECT day, usd, updated_at FROM price_close WHERE feed = ? AND day <= ?", feed, last
    ):
        if updated_at // SECONDS_PER_DAY == day:
            found[day] = usd
        else:
            found.pop(day, None)
    moved: dict[int, float] = {}
    newest = 0.0
    for day in sorted(found):
        if found[day] > 0 and found[day] != newest:
            moved[day] = newest = found[day]
    return moved


def _seen(db: Database, feed: str) -> list[tuple[int, float]]:
    """Of each day the last answer that was seen."""
    rows = db.rows(
        "SELECT coalesce(updated_at, block_time) / 86400 AS day, usd, max(block_number) FROM price"
        " WHERE feed = ? GROUP BY day",
        feed,
    )
    return [(row[0], row[1]) for row in rows]


def feeds(db: Database) -> tuple[str, ...]:
    """Names of the feeds that have an answer."""
    return tuple(
        row[0] for row in db.rows("SELECT feed FROM price UNION SELECT feed FROM price_close ORDER BY feed")
    )


def newest(db: Database, feed: str) -> FeedPrice | None:
    """The last answer that was seen of a feed."""
    row = db.row(
        "SELECT feed, address, answer, decimals, updated_at FROM price WHERE feed = ?"
        " ORDER BY block_number DESC, id DESC LIMIT 1",
        feed,
    )
    return None if row is None else FeedPrice(row[0], row[1], int(row[2]), row[3], row[4])
