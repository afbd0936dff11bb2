"""The Datasette site of one database: names, limits, metadata. Data only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from monitor.reports.pages.dashboards import dashboards
from monitor.reports.pages.queries import QUERIES
from monitor.reports.pages.tables import TABLES, described

DATABASE = "ethmon"
"""In every address, whatever the file is called."""
TIME_LIMIT_MS = 2_000
ROW_LIMIT = 5_000
SETTINGS: dict[str, Any] = {
    "sql_time_limit_ms": TIME_LIMIT_MS,
    "max_returned_rows": ROW_LIMIT,
    "num_sql_threads": 4,
    "default_page_size": 50,
    "default_facet_size": 12,
    "facet_time_limit_ms": 100,
    "suggest_facets": False,  # it tries every column: seconds on a long history
    "truncate_cells_html": 90,
    "max_csv_mb": 100,
    "allow_download": False,
    "default_cache_ttl": 0,  # the file is being written: a reload shows what is new
}
"""Of Datasette."""

__all__ = ["DATABASE", "ROW_LIMIT", "SETTINGS", "TABLES", "TIME_LIMIT_MS", "metadata"]


def metadata(database: Path) -> dict[str, Any]:
    """Datasette's metadata for `database`."""
    queries = {one.name: {"title": one.title, "description": one.what, "sql": one.sql} for one in QUERIES}
    return {
        "title": "ethmon",
        "description": "Is ETH inflating or being burned, and at what price does this whale get liquidated?",
        "databases": {
            DATABASE: {
                "description": f"{database.name}, read-only",
                "tables": described(),
                "queries": queries,
            }
        },
        "plugins": {"datasette-dashboards": dashboards(DATABASE)},
    }
