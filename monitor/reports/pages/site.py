"""The Datasette site of one database: its metadata, and the command that serves it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from monitor.reports.pages.dashboards import dashboards
from monitor.reports.pages.queries import QUERIES

TIME_LIMIT_MS = 3_000
ROW_LIMIT = 5_000

TABLES = {
    "block": "A block as the chain gives it; burn_* columns are computed, exact.",
    "rollup_hour": "Sums over the stored blocks of an hour.",
    "rollup_day": "Sums over the stored blocks of a day.",
    "gap": "What could not be read, and why.",
    "reorg": "Branches that were replaced.",
    "position_now": "Positions as the newest block shows them.",
    "position": "The history of positions.",
    "position_move": "Why liquidation prices moved.",
    "position_event": "What owners and liquidators did.",
    "price": "Answers of price feeds.",
    "alert": "What was told.",
    "outbox": "Messages and their fate.",
    "issuance_sample": "Balances of the consensus layer.",
}
FACETS = {
    "position": ["name", "market", "outcome"],
    "position_event": ["kind", "market"],
    "position_move": ["cause"],
    "alert": ["rule", "severity", "transition"],
    "outbox": ["channel", "state"],
    "gap": ["kind"],
}


def metadata(database: Path) -> dict[str, Any]:
    """Datasette's metadata.json for `database`."""
    name = database.stem
    tables = {
        table: {"description": what, **({"facets": FACETS[table]} if table in FACETS else {})}
        for table, what in TABLES.items()
    }
    queries = {one.name: {"title": one.title, "sql": one.sql} for one in QUERIES}
    return {
        "title": "ethmon",
        "description": "Is ETH inflating or being burned, and at what price does this whale get liquidated?",
        "databases": {name: {"tables": tables, "queries": queries}},
        "plugins": {"datasette-dashboards": dashboards(name)},
    }


def command(database: Path, metadata_file: Path, host: str, port: int) -> list[str]:
    """What to run. Datasette opens the file read-only and refuses everything but SELECT."""
    settings = {
        "sql_time_limit_ms": TIME_LIMIT_MS,
        "max_returned_rows": ROW_LIMIT,
        "facet_time_limit_ms": 500,
        "allow_download": 0,
        "allow_csv_stream": 1,
    }
    flags = [text for key, value in settings.items() for text in ("--setting", key, str(value))]
    return [
        sys.executable, "-m", "datasette", "serve", str(database),
        "--metadata", str(metadata_file), "--host", host, "--port", str(port), *flags,
    ]  # fmt: skip
