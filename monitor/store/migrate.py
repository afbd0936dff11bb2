"""`python -m monitor.store.migrate PATH`: bring one database to the present schema, in its own process.

sqlite-utils imports pandas and numpy wherever they are installed: 61 MB that the daemon would hold
for ever to run a few CREATE statements once. Here the process ends and gives them back; it also
blocks both imports, which nothing here needs, and so starts in 0.2 s. The caller holds the lock.

Each migration, its record in `_sqlite_migrations` and its `user_version` are one transaction: a
failed or killed migration leaves the file at the version before it.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from monitor.errors import StoreError
from monitor.store import faults, views
from monitor.store.schema import APPLICATION_ID, MIGRATIONS


def migrate(path: Path, migrations: tuple[Callable[[Any], None], ...] = MIGRATIONS) -> None:
    """Apply what is pending to `path`, which is created when absent. Raises `StoreError` and its kinds."""
    from sqlite_utils import Database, Migrations

    register = Migrations("ethmon")
    for version, function in enumerate(migrations, start=1):
        register(name=f"{version:04d}_{function.__name__}")(_versioned(function, version))
    with faults.translated(path), closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        # Before the first table: a start cut short leaves a file that is known as ours.
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        register.apply(Database(connection))


def _versioned(function: Callable[[Any], None], version: int) -> Callable[[Any], None]:
    def apply(db: Any) -> None:
        function(db)
        views.recreate(db)
        db.execute(f"PRAGMA user_version = {version}")

    return apply


def _main() -> None:
    for heavy in ("pandas", "numpy"):
        sys.modules.setdefault(heavy, None)  # pyright: ignore[reportArgumentType]
    try:
        migrate(Path(sys.argv[1]))
    except (StoreError, sqlite3.Error) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    _main()
