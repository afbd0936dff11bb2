"""Hooks into Datasette: what cells link to, and what our templates are given."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from traceback import extract_tb
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup, escape
from pluggy import HookimplMarker

from monitor.errors import EthmonError
from monitor.readings.links import EXPLORERS
from monitor.reports.charts.style import DARK, LIGHT
from monitor.reports.charts.wording import moment
from monitor.reports.pages.home import read_home, read_stamp
from monitor.reports.pages.queries import QUERIES
from monitor.reports.pages.series import FRAMES, supply_json
from monitor.reports.pages.site import DATABASE, TABLES
from monitor.store import identity
from monitor.store.database import open_reader
from monitor.units import UnixTime

hook = HookimplMarker("datasette")
_asgi: Any = import_module("datasette.utils.asgi")  # they have no annotations
_base: Any = import_module("datasette.views.base")

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
_BLOCKS = {
    "number", "block_number", "at_block", "first_block", "last_block", "ancestor", "old_number", "new_number",
    "base_fee_min_block", "base_fee_max_block", "blob_fee_min_block", "blob_fee_max_block",
}  # fmt: skip
_TIMES = re.compile(r"(timestamp|start|at|.*_at|.*_time)")
_NAMED_TABLES = {"position", "position_now"}
_NAMES = {"id", "slot", "serial", "chain_id", "validator_index", "number"}
"""Numbers that are names: without separators, as one would type them."""
_LONG = 10_000
_YEAR_2000, _YEAR_2100 = 946_684_800, 4_102_444_800


class Hooks:
    """Registered with Datasette once per site."""

    def __init__(self, database: Path, stake: tuple[int, int] | None) -> None:
        self.__name__ = __name__  # Datasette takes plugins for modules
        self._database = database
        self._stake = stake
        with open_reader(database) as db:
            self._explorer = EXPLORERS.get(identity.chain_id(db) or 0, "")

    @hook
    def render_cell(self, value: Any, column: str, table: str | None, datasette: Any) -> Markup | None:
        """Blocks, times, names and what an explorer knows as links; everything else as Datasette shows it."""
        if isinstance(value, str):
            return self._linked(value, column, table, datasette)
        if isinstance(value, int | float):
            return _number(value, column, table, datasette)
        return None

    def _linked(self, value: str, column: str, table: str | None, datasette: Any) -> Markup | None:
        if column == "name" and table in _NAMED_TABLES:
            return _link(datasette.urls.path("/-/dashboards/positions"), value, {"name": value})
        if not self._explorer or len(value) > 66:
            return None
        if _ADDRESS.fullmatch(value):
            return _outside(f"{self._explorer}/address/{value}", value)
        if _HASH.fullmatch(value) and column == "transaction_hash":
            return _outside(f"{self._explorer}/tx/{value}", value)
        return None

    @hook
    def prepare_jinja2_environment(self, env: Any, datasette: Any) -> None:
        """What every template may use, those of errors too."""
        palettes = {"light": LIGHT._asdict(), "dark": DARK._asdict()}
        env.globals.update(palettes=palettes, database_name=DATABASE, frames=FRAMES, urls=datasette.urls)

    @hook
    def handle_exception(self, datasette: Any, request: Any, exception: Exception) -> Any:
        """One page, or one line of JSON, in place of Datasette's, which prints every variable to the terminal."""

        async def answer() -> Any:
            status, message, title = _told(exception)
            message = self._shown(message)
            if request.path.endswith(".json"):
                return _asgi.Response.json({"ok": False, "error": message, "status": status}, status=status)
            page = datasette.jinja_env.get_template("error.html")
            values = {
                "status": status,
                "error": message,
                "title": title,
                "app_css_hash": datasette.app_css_hash(),
            }
            return _asgi.Response.html(await page.render_async(values), status=status)

        return answer

    @hook
    def startup(self, datasette: Any) -> Any:
        """Read the schema before the first visitor waits for it."""
        return datasette.refresh_schemas

    @hook
    def extra_template_vars(self) -> Any:
        """The stamp of every page's foot."""

        async def values() -> dict[str, Any]:
            return {"stamp": await _in_thread(read_stamp, self._database, _now())}

        return values

    @hook
    def register_routes(self) -> Sequence[tuple[str, Any]]:
        """The home page, and figures that are not SQL: issuance with its interval, as `ethmon supply` has it."""
        return [(r"^/$", self._home), (r"^/-/supply\.json$", self._supply)]

    async def _home(self, request: Any, datasette: Any) -> Any:
        values = {
            "home": await _in_thread(read_home, self._database, self._stake, _now()),
            "metadata": datasette.metadata(),
            "groups": _groups(),
            "tables": TABLES,
            "boards": datasette.plugin_config("datasette-dashboards"),
        }
        page: str = await datasette.render_template("index.html", values, request=request)
        return _asgi.Response.html(page)

    async def _supply(self, request: Any) -> Any:
        days = str(request.args.get("days") or FRAMES[1])
        if days not in FRAMES:
            return _asgi.Response.json({"error": f"days is one of {', '.join(FRAMES)}"}, status=400)
        try:
            found = await _in_thread(supply_json, self._database, self._stake, int(days))
        except EthmonError as error:
            return _asgi.Response.json({"error": self._shown(str(error))}, status=503)
        return _asgi.Response.json(found)

    def _shown(self, message: str) -> str:
        """Without the folder of the file, which is nobody's business."""
        return message.replace(str(self._database), self._database.name)


def _now() -> UnixTime:
    return UnixTime(int(time.time()))


async def _in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, work, *arguments)


def _told(exception: Exception) -> tuple[int, str, str | None]:
    """Status, message, title. What we did not foresee is named by its kind alone; its text may hold anything."""
    known: Any = exception
    if isinstance(exception, _base.DatasetteError):
        return known.status, _plain(str(known.message)), known.title
    if isinstance(exception, _asgi.Base400):
        return known.status, str(exception), None
    if isinstance(exception, EthmonError):
        return 503, str(exception), None
    sys.stderr.write(f"ethmon serve: {type(exception).__name__} at {_where(exception)}\n")
    return 500, f"{type(exception).__name__}: this is a fault of ours.", None


def _plain(message: str) -> str:
    """Datasette's messages may be HTML; the one about time holds the query in a form."""
    if "<" not in message:
        return message
    if "SQL query took too long" in message:
        return "The query took longer than two seconds and was stopped. Narrow it, or ask rollup_hour, rollup_day or the v_burn views."
    return Markup(message).striptags()  # noqa: S704 (only to take marks away)


def _where(exception: Exception) -> str:
    frames = extract_tb(exception.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"


def _number(value: float, column: str, table: str | None, datasette: Any) -> Markup | None:
    """Times as UTC, block numbers as links to their row; the stored number stays in the tooltip."""
    if table and _TIMES.fullmatch(column) and _YEAR_2000 < value < _YEAR_2100:
        text = moment(int(value))
        return Markup('<span class="time" title="{}">{}</span>').format(value, text.removesuffix(" UTC"))
    if column in _BLOCKS and table != "block":
        return _link(datasette.urls.table(DATABASE, "v_block"), f"{value:,}", {"number": value})
    if column.endswith("_usd"):
        return Markup("{:,.2f}").format(value)
    if isinstance(value, int) and abs(value) >= _LONG and column not in _NAMES:
        return Markup("{:,}").format(value)
    return None


def _link(path: str, text: str, query: dict[str, Any]) -> Markup:
    return Markup('<a href="{}?{}">{}</a>').format(path, urlencode(query), text)


def _outside(url: str, text: str) -> Markup:
    short = f"{text[:8]}…{text[-6:]}"
    return Markup(
        '<a class="outside" href="{}" rel="noreferrer noopener" target="_blank" title="{}">{}</a>'
    ).format(url, text, escape(short))


def _groups() -> dict[str, list[Any]]:
    """Canned queries under their headings."""
    found: dict[str, list[Any]] = {}
    for query in QUERIES:
        found.setdefault(query.group, []).append(query)
    return found
