"""One HTTP request: a reply or a cause, within a deadline, and no address in either.

urllib3's timeouts are per read; here the connection is cut when the time is over.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import urllib3
from urllib3 import exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from alerts.channels.deadline import Deadline
from alerts.redact import guard_loggers

_LOGGERS = ("urllib3.connectionpool", "urllib3.util.retry", "urllib3.poolmanager")
_MAX_BODY = 1 << 20


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered, whatever its status."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def retry_after_s(self) -> float | None:
        """The pause it asks for, in seconds; None when it names none or a date."""
        raw = self.headers.get("retry-after", "").strip()
        return min(float(raw), 86_400.0) if raw.isascii() and raw.isdigit() else None


@dataclass(frozen=True, slots=True)
class NoReply:
    """Why there is no answer, in our words."""

    cause: str


class _Connection(HTTPConnection):
    def getresponse(self) -> Any:
        with Deadline(_seconds(self.timeout), self):
            return super().getresponse()


class _TlsConnection(HTTPSConnection):
    def getresponse(self) -> Any:
        with Deadline(_seconds(self.timeout), self):
            return super().getresponse()


def _seconds(timeout: object) -> float:
    return float(timeout) if isinstance(timeout, int | float) else 10.0


# urllib3's own connections do not meet its protocols either: the checker cannot see that these do.
class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection  # pyright: ignore[reportAssignmentType]


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection  # pyright: ignore[reportAssignmentType]


_POOLS: dict[str, type[HTTPConnectionPool | HTTPSConnectionPool]] = {"http": _Pool, "https": _TlsPool}


class Http:
    """A keep-alive client that follows no redirect, repeats nothing, and verifies certificates.

    `ca_file` replaces the system's certificate authorities. `secrets` are taken out of whatever
    urllib3 logs.
    """

    def __init__(
        self, secrets: Iterable[str], *, timeout_s: float = 10.0, ca_file: str | None = None
    ) -> None:
        guard_loggers(_LOGGERS, secrets)
        self._timeout_s = timeout_s
        self._pools = urllib3.PoolManager(
            num_pools=4, retries=False, cert_reqs="CERT_REQUIRED", ca_certs=ca_file
        )
        self._pools.pool_classes_by_scheme = _POOLS

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float | None = None
    ) -> Reply | NoReply:
        """One POST; the wall-clock time is bounded by about twice the timeout."""
        return self._request("POST", url, body, headers, timeout_s or self._timeout_s)

    def get(self, url: str) -> Reply | NoReply:
        """One GET."""
        return self._request("GET", url, None, {}, self._timeout_s)

    def _request(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], timeout_s: float
    ) -> Reply | NoReply:
        try:
            response = self._pools.urlopen(
                method,
                url,
                body=body,
                headers=headers,
                redirect=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=timeout_s, read=timeout_s),
            )
            return _read(response, time.monotonic() + timeout_s)
        except (exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
            # Never str(error): urllib3 puts the address, and so a token, into its messages.
            return NoReply(cause_of(error))


def _read(response: Any, deadline: float) -> Reply:
    body = bytearray()
    try:
        while len(body) <= _MAX_BODY and time.monotonic() < deadline:
            chunk = response.read1(65_536)
            if not chunk:
                response.release_conn()
                break
            body += chunk
    finally:
        complete = response.isclosed()
        if not complete:
            response.close()
    headers = {name.lower(): value for name, value in response.headers.items()}
    if not complete:
        raise TimeoutError
    return Reply(response.status, bytes(body), headers)


def cause_of(error: BaseException) -> str:
    """The failure in our words: no address, no server text."""
    kinds: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
        ((exceptions.NameResolutionError,), "host name not found"),
        # Before the time-outs: urllib3 counts it among them.
        ((exceptions.NewConnectionError, ConnectionRefusedError), "no connection"),
        ((exceptions.ConnectTimeoutError, exceptions.ReadTimeoutError, TimeoutError), "no answer in time"),
        ((exceptions.SSLError,), "certificate or TLS handshake not accepted"),
        ((exceptions.LocationParseError, exceptions.LocationValueError), "address not usable"),
    )
    return next((text for types, text in kinds if isinstance(error, types)), "connection broken")
