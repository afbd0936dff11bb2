"""Answers of price feeds: a row when an answer is new."""

from __future__ import annotations

from monitor.domain import BlockRef, FeedPrice
from monitor.store.database import Database
from monitor.units import BlockNumber


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
