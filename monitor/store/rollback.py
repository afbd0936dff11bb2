"""One rollback for every table: whoever adds a table adds nothing here.

A table whose rows follow from blocks is found in the schema by its block column (see
`monitor.store.schema`) and emptied above the ancestor, whatever it holds.
"""

from __future__ import annotations

from monitor.store.database import Database
from monitor.store.schema import BLOCK_COLUMNS, KEPT_ON_ROLLBACK
from monitor.units import BlockNumber


def block_tables(db: Database) -> tuple[tuple[str, str], ...]:
    """Every table whose rows follow from blocks, with its block column."""
    found: list[tuple[str, str]] = []
    for (table,) in db.rows(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE '%sqlite_%'"
    ):
        columns = {name for (name,) in db.rows("SELECT name FROM pragma_table_info(?)", table)}
        column = next((name for name in BLOCK_COLUMNS if name in columns), None)
        if column and table not in KEPT_ON_ROLLBACK:
            found.append((table, column))
    return tuple(found)


def empty_above(db: Database, number: BlockNumber) -> None:
    """Delete what follows from blocks above `number`. In a transaction; foreign keys hold at its end."""
    db.connection.execute("PRAGMA defer_foreign_keys = ON")
    for table, column in block_tables(db):
        db.connection.execute(f'DELETE FROM "{table}" WHERE "{column}" > ?', (number,))
