"""Sorting by time is sorting by the key that rises with it: rows are in that order, and time has no index.

A page of two and a half million blocks sorted by time takes seconds, sorted by number milliseconds.
"""

from __future__ import annotations

from typing import cast
from urllib.parse import parse_qsl, urlencode

from monitor.reports.pages.guard import App, Receive, Scope, Send
from monitor.reports.pages.tables import TABLES

_SORTS = ("_sort", "_sort_desc")


def ordered(app: App, base_url: str, database: str) -> App:
    """`app`, asked for the order of a table's key wherever that of its time was meant."""

    async def order(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = "/" + cast("str", scope["path"]).removeprefix(base_url).lstrip("/")
            name = path.removeprefix(f"/{database}/").partition(".")[0]
            scope = {**scope, "query_string": _by_key(scope["query_string"], name)}
        await app(scope, receive, send)

    return order


def _by_key(asked: bytes, name: str) -> bytes:
    table = TABLES.get(name)
    if table is None or not table.time or b"_sort" not in asked:
        return asked
    parts = parse_qsl(asked.decode("latin-1"), keep_blank_values=True)
    meant = [
        (key, table.newest_first if key in _SORTS and value == table.time else value) for key, value in parts
    ]
    return asked if meant == parts else urlencode(meant).encode()
