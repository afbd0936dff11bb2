"""Supplies of tokens in the store. Every writer joins the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from alerts.model import CannotSee
from monitor.domain import BlockRef, ListedToken, TokenSupply
from monitor.readings import money
from monitor.store.database import Database
from monitor.units import SECONDS_PER_HOUR, Address, BlockNumber, UnixTime

ROW_EVERY_S = SECONDS_PER_HOUR
"""A supply that stays the same gets a row this often (block time): it was seen, and did not change."""
UNSEEN_AFTER_S = 2 * SECONDS_PER_HOUR
"""A token that is seen has a row more often than this; a longer silence is a hole."""

_ROWS = """
    SELECT block_number, block_time, address, supply, decimals, cause
    FROM token_supply JOIN token ON token.id = token_id"""
_LISTED = """
    INSERT INTO token (address, name, kind, denomination, source, symbol) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (address) DO UPDATE SET name = excluded.name, kind = excluded.kind,
        denomination = excluded.denomination, source = excluded.source,
        symbol = coalesce(excluded.symbol, symbol), listed = 1"""
_DROPPED = "UPDATE token SET listed = 0 WHERE listed = 1 AND address NOT IN (SELECT value FROM json_each(?))"
_OF = "token_id = (SELECT id FROM token WHERE address = ?)"


class SupplyRow(NamedTuple):
    """One row of `token_supply`: a supply, or the cause why there is none."""

    block_number: BlockNumber
    block_time: UnixTime
    address: Address
    units: int | None
    decimals: int | None
    cause: str

    @property
    def amount(self) -> Decimal | CannotSee:
        """In tokens, or why there is none."""
        if self.units is None or self.decimals is None:
            return CannotSee(self.cause)
        return money.tokens_of(self.units, self.decimals)


class StoredToken(NamedTuple):
    """One row of `token`."""

    listed: ListedToken
    symbol: str | None
    """None: its contract was never read."""


def save(
    db: Database, at: BlockRef, listed: Sequence[ListedToken], read: dict[Address, TokenSupply | str]
) -> None:
    """What block `at` shows of tokens; text is why a supply cannot be seen. A row where that is news."""
    with db.transaction() as connection:
        connection.execute(_DROPPED, (json.dumps([token.address for token in listed]),))
        for token in listed:
            found = read[token.address]
            symbol = found.symbol if isinstance(found, TokenSupply) else None
            connection.execute(
                _LISTED,
                (*_named(token), symbol),
            )
            row = _row(at, token.address, found)
            if _is_news(newest(db, token.address), row):
                _insert(connection, row)


def add(db: Database, of: Sequence[ListedToken], rows: Sequence[SupplyRow]) -> None:
    """Rows of the past, as a backfill reads them; a block that has one of the token keeps it."""
    with db.transaction() as connection:
        for token in of:
            connection.execute(_LISTED, (*_named(token), None))
        for row in rows:
            if not _is_there(db, row.address, row.block_number):
                _insert(connection, row)


def lacks(db: Database, of: Sequence[ListedToken], number: BlockNumber) -> bool:
    """Whether one of the tokens has no row of this block."""
    return not all(_is_there(db, token.address, number) for token in of)


def listed(db: Database) -> list[StoredToken]:
    """The tokens that are on the list since the last read, in the order of kind and name."""
    rows = db.rows(
        "SELECT name, address, kind, denomination, source, symbol FROM token WHERE listed = 1"
        " ORDER BY kind, denomination, name"
    )
    return [StoredToken(ListedToken(*row[:5]), row[5]) for row in rows]


def newest(db: Database, address: Address, until: UnixTime | None = None) -> SupplyRow | None:
    """The last row of a token, at or before `until`."""
    row = db.row(
        f"{_ROWS} WHERE {_OF} AND block_time <= ? ORDER BY block_time DESC, token_supply.id DESC LIMIT 1",
        address,
        2**62 if until is None else until,
    )
    return None if row is None else _read(row)


def newest_time(db: Database) -> UnixTime | None:
    """When something was news of any token on the list last."""
    times = [row.block_time for one in listed(db) if (row := newest(db, one.listed.address)) is not None]
    return max(times, default=None)


def newest_seen(db: Database, address: Address, until: UnixTime | None = None) -> SupplyRow | None:
    """The last row of a token that has a supply, at or before `until`."""
    row = db.row(
        f"{_ROWS} WHERE {_OF} AND supply IS NOT NULL AND block_time <= ?"
        " ORDER BY block_time DESC, token_supply.id DESC LIMIT 1",
        address,
        2**62 if until is None else until,
    )
    return None if row is None else _read(row)


def first_seen(db: Database, addresses: Sequence[Address], since: UnixTime) -> UnixTime | None:
    """When the first of these tokens had a supply, from `since` on; `since` itself where one had before."""
    if any(seen_at(db, address, since) for address in addresses):
        return since
    row = db.row(
        "SELECT min(block_time) FROM token_supply WHERE block_time >= ? AND supply IS NOT NULL"
        " AND token_id IN (SELECT id FROM token WHERE address IN (SELECT value FROM json_each(?)))",
        *(since, json.dumps(list(addresses))),
    )
    return None if row[0] is None else UnixTime(row[0])


def seen_at(
    db: Database, address: Address, time: UnixTime, within_s: int = UNSEEN_AFTER_S
) -> SupplyRow | None:
    """The supply that held at `time`: of a row at most `within_s` older; None: not known."""
    row = newest(db, address, time)
    known = row is not None and row.units is not None and time - row.block_time <= within_s
    return row if known else None


def held_at(db: Database, address: Address, time: UnixTime, within_s: int) -> SupplyRow | None:
    """The same for the past: not known either where the next row came later than `within_s` after the last."""
    row = seen_at(db, address, time, within_s)
    if row is None or row.block_time == time:
        return row
    (after,) = db.row(
        f"SELECT min(block_time) FROM token_supply WHERE {_OF} AND block_time > ?", address, time
    )
    return None if after is not None and after - row.block_time > within_s else row


def start_of_window(db: Database, address: Address, end: UnixTime, window_s: int) -> SupplyRow | None:
    """The last supply before a window: of a row that is older by a tenth of the window, or two hours, at most.

    A read that failed in between takes nothing back.
    """
    start = UnixTime(end - window_s)
    row = newest_seen(db, address, start)
    return None if row is None or start - row.block_time > max(UNSEEN_AFTER_S, window_s // 10) else row


def rows_of_listed(
    db: Database, since: UnixTime, until: UnixTime, name: str | None = None
) -> list[tuple[ListedToken, SupplyRow]]:
    """Rows of the tokens on the list, or of the one of that name, oldest first."""
    found = [
        (one.listed, _read(row))
        for one in listed(db)
        if name in {None, one.listed.name}
        for row in db.rows(
            f"{_ROWS} WHERE {_OF} AND block_time BETWEEN ? AND ?", one.listed.address, since, until
        )
    ]
    return sorted(found, key=lambda one: one[1].block_time)


def _row(at: BlockRef, address: Address, found: TokenSupply | str) -> SupplyRow:
    if isinstance(found, str):
        return SupplyRow(at.number, at.timestamp, address, None, None, found)
    return SupplyRow(at.number, at.timestamp, address, found.units, found.decimals, "")


def _is_news(before: SupplyRow | None, row: SupplyRow) -> bool:
    return before is None or before[2:] != row[2:] or row.block_time - before.block_time >= ROW_EVERY_S


def _is_there(db: Database, address: Address, number: BlockNumber) -> bool:
    found = db.row(f"SELECT 1 FROM token_supply WHERE block_number = ? AND {_OF}", number, address)
    return found is not None


def _named(token: ListedToken) -> tuple[str, ...]:
    return (token.address, token.name, token.kind, token.denomination, token.source)


def _insert(connection: Any, row: SupplyRow) -> None:
    tokens = None if row.units is None else row.units / 10 ** (row.decimals or 0)
    supply = None if row.units is None else str(row.units)
    connection.execute(
        "INSERT INTO token_supply (block_number, block_time, token_id, supply, decimals, cause, tokens)"
        " VALUES (?, ?, (SELECT id FROM token WHERE address = ?), ?, ?, ?, ?)",
        (row.block_number, row.block_time, row.address, supply, row.decimals, row.cause, tokens),
    )


def _read(row: tuple[Any, ...]) -> SupplyRow:
    number, time, address, supply, decimals, cause = row
    return SupplyRow(number, time, address, None if supply is None else int(supply), decimals, cause)
