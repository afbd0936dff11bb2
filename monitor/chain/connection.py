"""One HTTP/1.1 connection on which no call outlives its deadline.

A socket timeout bounds each read, not the call: a server that drips one byte a second holds an
ordinary client for hours. Here DNS, connect, TLS handshake, sending, headers and body all draw on
one deadline, a value of `time.monotonic()`.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

_SEND_CHUNK = 1 << 16
_BUFFER = 1 << 16
_LOOK_S = 0.1


class Deadline:
    """The moment when the call in progress must be over; shared by a connection and its socket."""

    __slots__ = ("_at",)

    def __init__(self) -> None:
        self._at = 0.0

    def set(self, at: float) -> None:
        """Start a call that must be over `at`."""
        self._at = at

    def expire(self) -> None:
        """Let the call in progress fail at its next read."""
        self._at = 0.0

    def remaining(self) -> float:
        """Seconds left. Raises TimeoutError when there are none."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline")
        return left


class Connection(http.client.HTTPConnection):
    """A keep-alive connection; `deadline` is set anew for each request."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        super().__init__(host, port)
        self.deadline = Deadline()
        self.idle_since = 0.0
        self._tls = tls
        self._opening: socket.socket | None = None

        def response(sock: socket.socket, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
            return _Response(sock, self.deadline, *args, **kwargs)

        self.response_class = response  # pyright: ignore[reportAttributeAccessIssue]: called, never subclassed

    def connect(self) -> None:
        """Resolve, connect, shake hands: all before the deadline."""
        sock = self._open()
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock.settimeout(self.deadline.remaining())
                sock = self._tls.wrap_socket(sock, server_hostname=self.host)
        except BaseException:
            sock.close()
            raise
        self.sock = sock

    def send(self, data: Any) -> None:
        """Send in pieces, so that a server that does not read cannot stretch the deadline."""
        if self.sock is None:
            self.connect()
        sock = self.sock
        assert sock is not None
        view = memoryview(data)
        for start in range(0, len(view), _SEND_CHUNK):
            sock.settimeout(self.deadline.remaining())
            sock.sendall(view[start : start + _SEND_CHUNK])

    def _open(self) -> socket.socket:
        """A TCP connection to the first address that answers; all addresses share the deadline."""
        addresses = list(_resolve(self.host, self.port, self.deadline))
        failure: OSError = socket.gaierror(socket.EAI_NONAME, "no address")
        for index, (family, address) in enumerate(addresses):
            sock = self._opening = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(self.deadline.remaining() / (len(addresses) - index))
                sock.connect(address)
            except OSError as error:
                failure = error
                sock.close()
            else:
                return sock
        raise failure

    def abort(self) -> None:
        """Wake whoever waits on this connection; its call fails. For another thread to call."""
        self.deadline.expire()
        for sock in (self._opening, self.sock):
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)


class _Response(http.client.HTTPResponse):
    """Reads status line, headers and body through the deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Incoming(self.fp.detach(), sock, deadline), _BUFFER)


class _Incoming(io.RawIOBase):
    """A socket as a raw stream whose every read gets only the time that is left."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._raw = raw  # keeps the socket open until the body is read, also after `Connection: close`
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        self._sock.settimeout(self._deadline.remaining())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _resolve(host: str, port: int, deadline: Deadline) -> Iterator[tuple[int, Any]]:
    """Addresses of a host. The resolver cannot be interrupted, so it gets a thread that can be left."""
    try:
        family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
    except ValueError:
        pass
    else:
        yield family, (host, port)
        return
    outcome: list[Any] = []

    def ask() -> None:
        try:
            outcome.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            outcome.append(error)

    thread = threading.Thread(target=ask, name="resolver", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(min(_LOOK_S, deadline.remaining()))  # remaining() raises when it is over, or aborted
    if isinstance(outcome[0], Exception):
        raise socket.gaierror(socket.EAI_NONAME, "no address")
    for info in outcome[0]:
        yield info[0], info[4]
