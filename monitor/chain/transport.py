"""HTTP to one node: pooled keep-alive connections, a deadline per call, answers of bounded size.

The standard library's client under a thin pool instead of urllib3: the deadline has to reach
every read, and it is also a sixth faster on full batches. Failures become our errors here, in
words that never hold the URL or the body.
"""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import time
import zlib
from collections import deque
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from functools import cache
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

from monitor.chain.connection import Connection
from monitor.chain.redact import label as label_of
from monitor.chain.sieve import Sieve, Whole, feed
from monitor.errors import BadAnswer, ConfigError, NodeUnavailable

MAX_ANSWER_BYTES = 64 << 20
"""More than any answer that we ask for; a server that sends more is cut off."""
MAX_IDLE_S = 25.0
"""Idle connections are not used again after this: routers and balancers drop them without a word."""
MAX_IDLE = 32
_PIECE = 1 << 16
_URL_SAFE = "%/:?#[]@!$&'()*+,;=~"
"""Left as they are: the user has written a URL, only what HTTP cannot carry is encoded."""


class Answer(NamedTuple):
    """What came back, whatever the status."""

    status: int
    body: bytes
    retry_after_s: float | None
    """`Retry-After` in seconds from now, where the server sent one."""
    html: bool


class Transport:
    """Posts JSON to one URL. Safe to use from many threads: each call has a connection of its own."""

    def __init__(
        self,
        url: str,
        *,
        label: str | None = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        setting: str = "ETH_RPC_URLS",
    ) -> None:
        parts = _usable(url)
        if parts is None or not parts.hostname:
            raise ConfigError(
                setting,
                f"{label_of(url)} is not usable.",
                "It must be http:// or https:// and a host.",
            )
        self.label = label or label_of(url)
        self.local = is_local(parts.hostname)
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = _tls_context() if parts.scheme == "https" else None
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._target = quote(target, safe=_URL_SAFE)
        self._headers = _headers(parts.username, parts.password, gzip=not self.local)
        self._max_answer_bytes = max_answer_bytes
        self._idle: deque[Connection] = deque()
        self._busy: set[Connection] = set()
        self._closed = False
        self._aborted = False

    def post(self, body: bytes, deadline: float, sieve: Callable[[], Sieve] | None = None) -> Answer:
        """Send `body` and read the whole answer before `deadline` (`time.monotonic()`).

        With a `sieve` the answer's body is what it lets pass.
        Raises NodeUnavailable (refused, timed out, cut off, no such host) and BadAnswer (too big,
        not HTTP). A connection that the server had closed while idle is replaced once.
        """
        try:
            connection, reused = self._connection()
            try:
                return self._exchange(connection, body, deadline, sieve)
            except ConnectionError:
                if not reused:
                    raise
            return self._exchange(self._new(), body, deadline, sieve)
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise NodeUnavailable(self.label, words(error)) from None

    def close(self) -> None:
        """Close idle connections; calls in progress end as they will."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def abort(self) -> None:
        """Break the calls in progress and refuse new ones; safe in a signal handler."""
        self._aborted = True
        self.close()
        for connection in tuple(self._busy):
            connection.abort()

    def _new(self) -> Connection:
        return Connection(self._host, self._port, self._tls)

    def _connection(self) -> tuple[Connection, bool]:
        oldest = time.monotonic() - MAX_IDLE_S
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._new(), False
            if connection.idle_since >= oldest:
                return connection, True
            connection.close()

    def _exchange(
        self, connection: Connection, body: bytes, deadline: float, sieve: Callable[[], Sieve] | None
    ) -> Answer:
        if self._aborted:
            raise NodeUnavailable(self.label, "ethmon is stopping.")
        self._busy.add(connection)
        try:
            connection.deadline.set(deadline)
            connection.request("POST", self._target, body, self._headers)
            response = connection.getresponse()
            answer = self._answer(response, sieve)
        except BaseException:
            connection.close()
            raise
        finally:
            self._busy.discard(connection)
        if response.will_close or self._closed or len(self._idle) >= MAX_IDLE:
            connection.close()
        else:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        return answer

    def _answer(self, response: http.client.HTTPResponse, sieve: Callable[[], Sieve] | None) -> Answer:
        headers = response.headers
        if response.length is not None and response.length > self._max_answer_bytes:
            raise self._too_big()
        if headers.get("content-encoding") == "gzip":
            body = self._read_gzip(response, Whole() if sieve is None else sieve())
        elif sieve is None and response.length is not None:
            body = response.read()
        else:
            body = self._read(response, Whole() if sieve is None else sieve())
        html = "html" in headers.get("content-type", "")
        return Answer(response.status, body, retry_after_s(headers.get("retry-after")), html)

    def _read(self, response: http.client.HTTPResponse, sieve: Sieve) -> bytes:
        size = 0
        while count := response.readinto(sieve.room()):
            sieve.took(count)
            size += count
            if size > self._max_answer_bytes:
                raise self._too_big()
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        return sieve.text()

    def _read_gzip(self, response: http.client.HTTPResponse, sieve: Sieve) -> bytes:
        """The body while it arrives; nobody's answer is inflated to more than we would read."""
        inflater, left = zlib.decompressobj(wbits=31), self._max_answer_bytes
        try:
            while raw := response.read(_PIECE):
                text = inflater.decompress(raw, left)
                left -= len(text)
                if inflater.unconsumed_tail or not left:
                    raise self._too_big()
                feed(sieve, text)
        except zlib.error:
            raise BadAnswer(self.label, "its answer is not the gzip that it claims to be.") from None
        if not inflater.eof:
            raise NodeUnavailable(self.label, "its answer was cut off.")
        return sieve.text()

    def _too_big(self) -> BadAnswer:
        limit = self._max_answer_bytes >> 20
        return BadAnswer(self.label, f"its answer is larger than {limit} MiB and was not read.")


def _usable(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and (parts.port or 1) > 0
    except ValueError:
        return None
    return parts if sound else None


def is_local(host: str) -> bool:
    """True for loopback, private networks and names without a dot: there, gzip costs more than it saves."""
    try:
        address = ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".lan", ".internal"))
    return address.is_loopback or address.is_private or address.is_link_local


def retry_after_s(value: str | None) -> float | None:
    """Seconds to wait, from the header's seconds or HTTP date; None where absent or nonsense."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) < 10 else None
    try:
        moment = parsedate_to_datetime(text)
        return max(0.0, moment.timestamp() - time.time())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _headers(user: str | None, password: str | None, *, gzip: bool) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "gzip" if gzip else "identity",
        "User-Agent": "ethmon",
    }
    if user is not None:
        pair = f"{unquote(user)}:{unquote(password or '')}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    return headers


_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (socket.gaierror, "its host name cannot be resolved: check the network and the URL."),
    (TimeoutError, "no answer within the time limit."),
    (ssl.SSLCertVerificationError, "its TLS certificate is not valid for this host."),
    (ssl.SSLError, "no TLS connection could be made."),
    (ConnectionRefusedError, "connection refused: nothing listens there."),
    (http.client.RemoteDisconnected, "it closed the connection without an answer."),
    (ConnectionError, "the connection broke."),
    (http.client.IncompleteRead, "its answer was cut off."),
    (http.client.HTTPException, "it does not speak HTTP."),
    (UnicodeError, "its host name is not valid."),
)


def words(error: Exception) -> str:
    """One line about a failure of the network, in our words: theirs may hold the URL."""
    return next((text for kind, text in _WORDS if isinstance(error, kind)), "it cannot be reached.")
