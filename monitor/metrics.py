"""`/metrics` for Prometheus, `/healthz` and `/readyz`: loopback unless the operator says otherwise.

Values are read when they are asked for: database, endpoints' health, nothing that could be stale
without saying so. A value that is not known is absent, never 0.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from monitor.chain.member import EndpointHealth, State
from monitor.config import Settings
from monitor.errors import ConfigError, EthmonError
from monitor.reports.status import Status, read_status
from monitor.store import backlog, positions
from monitor.store.database import open_reader
from monitor.units import WEI_PER_ETH, WEI_PER_GWEI, UnixTime

log = logging.getLogger("ethmon")

READY_WITHIN_S = 60
"""A head older than this is not ready to be relied on."""

Health = Callable[[], list[EndpointHealth]]


def serve_metrics(settings: Settings, health: Health, running: ExitStack) -> tuple[str, int] | None:
    """Answer on METRICS_LISTEN until `running` closes; the address taken, None where it is not set."""
    if not settings.metrics_listen:
        return None
    host, _, port = settings.metrics_listen.rpartition(":")
    try:
        server = ThreadingHTTPServer((host.strip("[]"), int(port)), _handler(settings.db, health))
    except OSError as error:
        raise ConfigError(
            "METRICS_LISTEN", f"cannot be listened on ({error.strerror}).", "Use another port."
        ) from None
    server.daemon_threads = True
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    running.callback(server.server_close)
    running.callback(server.shutdown)
    log.info("metrics on http://%s:%d/metrics", server.server_address[0], server.server_port)
    return str(server.server_address[0]), server.server_port


def _handler(database: Path, health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Three pages, GET only."""

        server_version = "ethmon"
        sys_version = ""
        timeout = 10

        def do_GET(self) -> None:
            """One page."""
            pages = {"/metrics": self._metrics, "/healthz": self._alive, "/readyz": self._ready}
            page = pages.get(self.path.partition("?")[0])
            if page is None:
                self._send(HTTPStatus.NOT_FOUND, "no such page\n")
                return
            try:
                page()
            except EthmonError as error:
                self._send(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}\n")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Scrapes are no news."""

        def _metrics(self) -> None:
            self._send(
                HTTPStatus.OK, exposition(database, health()), "text/plain; version=0.0.4; charset=utf-8"
            )

        def _alive(self) -> None:
            self._send(HTTPStatus.OK, "alive\n")

        def _ready(self) -> None:
            now = UnixTime(int(time.time()))
            age = read_status(database, now).head_age_s(now)
            ready = age is not None and age <= READY_WITHIN_S
            said = "no block yet" if age is None else f"head is {age} s old"
            self._send(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, f"{said}\n")

        def _send(self, status: HTTPStatus, text: str, kind: str = "text/plain; charset=utf-8") -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def exposition(database: Path, health: list[EndpointHealth]) -> str:
    """The page of `/metrics`."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(database, health))  # type: ignore[arg-type]
    return generate_latest(registry).decode()


class _Snapshot:
    """A Prometheus collector over one moment."""

    def __init__(self, database: Path, health: list[EndpointHealth]) -> None:
        self._database = database
        self._health = health

    def collect(self) -> Iterator[Any]:
        """Every family of metrics."""
        now = UnixTime(int(time.time()))
        status = read_status(self._database, now)
        yield from _chain(status, now)
        yield from _burn(status)
        yield from _endpoints(self._health)
        with open_reader(self._database) as db:
            yield from _positions(positions.current(db))
            yield _gauge(
                "ethmon_outbox_messages",
                "Messages by channel and state.",
                ("channel", "state"),
                backlog.counts(db),
            )


def _gauge(
    name: str,
    what: str,
    labels: tuple[str, ...],
    values: dict[tuple[str, ...], float] | dict[tuple[str, str], int],
) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, what, labels=labels)
    for key, value in values.items():
        family.add_metric(list(key), float(value))
    return family


def _chain(status: Status, now: UnixTime) -> Iterator[Any]:
    if status.head is not None:
        yield _gauge("ethmon_head_block", "Newest stored block.", (), {(): status.head.number})
        yield _gauge(
            "ethmon_head_age_seconds",
            "Wall clock minus its block time.",
            (),
            {(): now - status.head.timestamp},
        )
    row = status.head_row
    if row is not None and row.base_fee_wei is not None:
        yield _gauge(
            "ethmon_base_fee_gwei", "Of the newest block.", (), {(): row.base_fee_wei / WEI_PER_GWEI}
        )
    if row is not None and row.blob_base_fee_wei is not None:
        yield _gauge(
            "ethmon_blob_base_fee_gwei",
            "Of the newest block.",
            (),
            {(): row.blob_base_fee_wei / WEI_PER_GWEI},
        )
    missing = sum(record.gap.last - record.gap.first + 1 for record in status.gaps)
    yield _gauge("ethmon_gap_blocks", "Blocks in open gaps.", (), {(): missing})
    yield _gauge("ethmon_reorgs_24h", "Reorgs logged in 24 hours.", (), {(): status.reorgs})
    yield _gauge("ethmon_database_bytes", "Database and write-ahead log.", (), {(): status.size_bytes})


def _burn(status: Status) -> Iterator[Any]:
    exact = {(frame.name,): frame.total_wei / WEI_PER_ETH for frame in status.burn if frame.exact}
    yield _gauge(
        "ethmon_burned_eth", "Burned in a window; absent while part of it is not known.", ("window",), exact
    )


def _endpoints(health: list[EndpointHealth]) -> Iterator[Any]:
    up = {(one.label,): float(one.state is State.OK) for one in health}
    yield _gauge("ethmon_endpoint_up", "1 while an endpoint is in order.", ("endpoint",), up)
    latency = {(one.label,): one.latency_s for one in health if one.latency_s is not None}
    yield _gauge("ethmon_endpoint_latency_seconds", "Moving mean of a request.", ("endpoint",), latency)


def _positions(rows: tuple[positions.StoredPosition, ...]) -> Iterator[Any]:
    labels = ("name", "protocol", "market", "account", "position")

    def key(row: positions.StoredPosition) -> tuple[str, ...]:
        return (row.name, row.protocol, row.market, row.account, row.position_id)

    near = {key(row): row.distance for row in rows if row.distance is not None}
    price = {key(row): row.liquidation_usd for row in rows if row.liquidation_usd is not None}
    seen = {key(row): float(row.outcome != "unseen") for row in rows}
    yield _gauge("ethmon_position_distance_ratio", "Distance to liquidation over the price.", labels, near)
    yield _gauge("ethmon_position_liquidation_usd", "Liquidation price.", labels, price)
    yield _gauge("ethmon_position_seen", "0: it cannot be seen.", labels, seen)
