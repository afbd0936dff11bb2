"""The dashboards, as settings of datasette-dashboards: charts below each other, which is how a phone reads them."""

from __future__ import annotations

from typing import Any

from monitor.reports.pages import board_ledger, board_money, board_positions
from monitor.reports.pages.vega import Spec

_BOARDS: tuple[tuple[str, str, str, dict[str, Spec], bool], ...] = (
    ("burn", "Burn", "What base fees and blobs destroy, exact to the wei in the tables.", board_ledger.burn(), True),
    ("supply", "Supply", "Issuance against burn, and what that leaves; estimates show their interval.", board_ledger.supply(), True),
    ("fees", "Base and blob fee", "What block space and blob space cost.", board_ledger.fees(), True),
    ("positions", "Positions", "How near the watched positions are, at which price they fall, and how much falls together.", board_positions.positions(), True),
    ("money", "Money and macro", "Dollars and gold as tokens, and what ETH moves with.", board_money.money(), True),
    ("alerts", "Alerts and gaps", "What was said, when, and what could not be seen.", board_positions.alerts(), True),
)  # fmt: skip


def dashboards(database: str) -> dict[str, Any]:
    """Plugin settings. `database` is the name under which Datasette serves the file."""
    return {
        slug: {
            "title": title,
            "description": what,
            "layout": [[chart] for chart in charts],
            "charts": {chart: {**spec, "db": database} for chart, spec in charts.items()},
            "filters": _filters(slug, framed, database),
        }
        for slug, title, what, charts, framed in _BOARDS
    }


def _filters(slug: str, framed: bool, database: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if framed:
        found["days"] = {"name": "Days", "type": "number"}
    if slug == "positions":
        found["name"] = {"name": "Position", "type": "select", "db": database, "query": board_positions.NAMES}
    return found
