"""Up to where the rules of burn were found to hold, and since when they are in doubt: a restart goes on from there."""

from __future__ import annotations

from monitor.store.database import Database
from monitor.units import BlockNumber, UnixTime

_CHECKED = "rules_checked_to"
_GAS_DOUBT = "gas_rule_doubt_since"


def checked_to(db: Database) -> BlockNumber | None:
    """Blocks up to here were held against the rules that were in force; None before the first look."""
    found = _get(db, _CHECKED)
    return None if found is None else BlockNumber(found)


def set_checked(db: Database, number: BlockNumber) -> None:
    """Everything stored up to `number` is priced by rules that hold."""
    _set(db, _CHECKED, number)


def gas_doubt_since(db: Database) -> UnixTime | None:
    """The block time from which on the header's gas is not believed; None while it is."""
    found = _get(db, _GAS_DOUBT)
    return None if found is None else UnixTime(found)


def set_gas_doubt(db: Database, since: UnixTime | None) -> None:
    """Doubt the header's gas from a block time on, or None: believe it again."""
    _set(db, _GAS_DOUBT, since)


def _get(db: Database, key: str) -> int | None:
    row = db.row("SELECT value FROM setting WHERE key = ?", key)
    return int(row[0]) if row else None


def _set(db: Database, key: str, value: int | None) -> None:
    with db.transaction() as connection:
        connection.execute("DELETE FROM setting WHERE key = ?", (key,))
        if value is not None:
            connection.execute("INSERT INTO setting VALUES (?, ?)", (key, str(value)))
