"""The hot statement: rows of table `block`, written as fast as sqlite3 takes them.

Fifty rows a statement are 1.4 times as fast as `executemany`, five and more times as fast as
sqlite-utils; what is left over after the fifties goes through `executemany`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain

from monitor.domain import BlockRow
from monitor.errors import StoreError
from monitor.store.database import Database

_FIELDS = BlockRow._fields
_RULE = _FIELDS.index("burn_rule")
_TOGETHER = 50

# A block taken again may know less (headers alone) or more (receipts): known counts stay. The blob
# fee does not: when the schedule came into doubt, the fee that was computed from it is in doubt too.
_KEPT = ("receipt_gas", "tx_count", "withdrawal_count", "withdrawals_gwei")
_UPDATES = ", ".join(
    f"{name} = coalesce(excluded.{name}, {name})" if name in _KEPT else f"{name} = excluded.{name}"
    for name in _FIELDS[1:]
)
_ROW = f"({', '.join('?' * len(_FIELDS))})"


def _upsert(rows: int) -> str:
    values = ", ".join([_ROW] * rows)
    return f"INSERT INTO block ({', '.join(_FIELDS)}) VALUES {values} ON CONFLICT (number) DO UPDATE SET {_UPDATES}"


_ONE, _MANY = _upsert(1), _upsert(_TOGETHER)


def write(db: Database, rows: Sequence[BlockRow]) -> None:
    """Upsert `rows` of `block` and nothing else (`ledger.append` does the rest). In a transaction.

    Raises `StoreError` for a value that no block can have.
    """
    whole = len(rows) - len(rows) % _TOGETHER
    try:
        for start in range(0, whole, _TOGETHER):
            db.connection.execute(_MANY, _flat(rows[start : start + _TOGETHER]))
        db.connection.executemany(_ONE, [_flat((row,)) for row in rows[whole:]])
    except (OverflowError, sqlite3.IntegrityError) as error:
        raise StoreError(
            f"A value in blocks {rows[0].number} to {rows[-1].number} exceeds 64 bits, or is none that a "
            f"block can have: refused ({' '.join(str(error).split())})."
        ) from error


def _flat(rows: Sequence[BlockRow]) -> list[int | None]:
    """One list of exact ints: for the members of an enum sqlite3 would look for an adapter each time."""
    values: list[int | None] = list(chain.from_iterable(rows))
    values[_RULE :: len(_FIELDS)] = [int(row.burn_rule) for row in rows]
    return values
