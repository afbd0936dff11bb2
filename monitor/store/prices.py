"""Answers of price feeds: a row when an answer is new."""

from __future__ import annotations

from monitor.domain import BlockRef, FeedPrice
from monitor.store.database import Database
from monitor.units import BlockNumber, UnixTime


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
    """USD by UTC day (days since 1970): the last answer first seen on that day. Only days that end by `before`.

    A day without a new answer is absent, for a market that was closed as for a daemon that was off.
    """
    rows = db.rows(
        "SELECT block_time / 86400 AS day, usd, max(block_number) FROM price"
        " WHERE feed = ? AND (block_time / 86400 + 1) * 86400 <= ? AND usd > 0 GROUP BY day ORDER BY day",
        *(feed, before),
    )
    return {row[0]: row[1] for row in rows}


def feeds(db: Database) -> tuple[str, ...]:
    """Names of the feeds that have an answer."""
    return tuple(row[0] for row in db.rows("SELECT DISTINCT feed FROM price ORDER BY feed"))
