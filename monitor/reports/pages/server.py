"""The server process of `ethmon serve`: a socket first, then Datasette behind the guard."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

from monitor.errors import EthmonError, UsageError
from monitor.reports.pages.guard import App, guarded
from monitor.reports.pages.order import ordered
from monitor.reports.pages.site import DATABASE, SETTINGS, metadata

_HERE = Path(__file__).parent
_PLUGINS = "datasette-dashboards,datasette-render-markdown"
"""Only these are loaded: what else is installed has no business in this site."""


class Site(NamedTuple):
    """What is served, and as what."""

    database: Path
    stake: tuple[int, int] | None
    """ETHMON_STAKE, for estimates of issuance."""
    base_url: str = "/"
    names: Sequence[str] = ()
    """Host names other than localhost."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections. Raises EthmonError in one line."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(f"--host: {host} is not an address of this machine ({error.strerror}).") from None
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(address)
        found.listen(128)
    except OSError as error:
        found.close()
        raise EthmonError(
            f"--port: {host}:{port} cannot be used ({error.strerror}). Name another: --port {port % 65535 + 1}"
        ) from None
    return found


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def application(site: Site) -> App:
    """The guarded site. Raises UsageError where Datasette is not installed."""
    os.environ.setdefault("DATASETTE_LOAD_PLUGINS", _PLUGINS)
    try:
        from datasette.app import Datasette
        from datasette.plugins import pm

        from monitor.reports.pages import plugin
        from monitor.reports.pages.live_file import LiveFile
    except ImportError:
        raise UsageError("Datasette is not installed: pip install 'ethmon[serve]'.") from None
    hooks = plugin.Hooks(site.database, site.stake)
    pm.unregister(name="datasette.handle_exception")  # our own stands in for it
    pm.register(hooks, name="ethmon")
    datasette: Any = Datasette(
        [],
        metadata=metadata(site.database),
        template_dir=str(_HERE / "templates"),
        static_mounts=[("pages", str(_HERE / "static"))],
        settings={**SETTINGS, "base_url": site.base_url},
    )
    datasette.remove_database("_memory")
    datasette.add_database(LiveFile(datasette, site.database), name=DATABASE)
    return guarded(ordered(datasette.app(), site.base_url, DATABASE), site.base_url, site.names)


def serve(app: App, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Answer until SIGINT or SIGTERM. Requests that run have two seconds to end."""
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready()

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="on",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _ended)  # uvicorn raises the signal once more after it has ended
    Server(config).run(sockets=[listening])


def _ended(_number: int, _frame: object) -> None:
    """Both signals are the usual way to end."""
