"""A limit by the wall clock on a whole conversation.

A socket's own time-out starts anew with every byte, so a server that sends one now and then would
hold its channel for ever.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Event, Thread
from typing import Any, Protocol, Self

AGAIN_S = 0.25


class HasSocket(Protocol):
    """A connection; None while it is being opened."""

    @property
    def sock(self) -> Any:
        """The socket, plain or TLS."""
        ...


class Deadline:
    """Within it, the connection's socket is cut once `seconds` are over; whoever reads gets an end or an error.

    Cut again until it is left: at that moment the connection may have no socket yet, or be about to
    wrap it in TLS.
    """

    def __init__(self, seconds: float, connection: HasSocket | None = None) -> None:
        self._seconds = seconds
        self._connection = connection
        self._left = Event()
        self.over = False

    def watch(self, connection: HasSocket) -> None:
        """Where the connection is made only within."""
        self._connection = connection

    def __enter__(self) -> Self:
        Thread(target=self._wait, name="deadline", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()

    def _wait(self) -> None:
        if self._left.wait(self._seconds):
            return
        self.over = True
        _cut(self._connection)
        while not self._left.wait(AGAIN_S):
            _cut(self._connection)


def _cut(connection: HasSocket | None) -> None:
    """Of a TLS socket the TCP connection only: its own `shutdown` would let the reader take ciphertext for words."""
    sock = connection.sock if connection is not None else None
    if isinstance(sock, socket.socket):
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
