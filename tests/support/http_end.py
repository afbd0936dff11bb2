"""A web server on loopback that records requests and answers as scripted: a webhook's other end."""

from __future__ import annotations

import socket
import ssl
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """`kind` is answer, drop (cut without a reply), hang, or drip (a byte now and then, for ever)."""

    status: int = 204
    kind: str = "answer"
    headers: dict[str, str] = field(default_factory=dict)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        end = self.server.end
        headers = {name.lower(): value for name, value in self.headers.items()}
        end.requests.append(Request(self.command, self.path, headers, body))
        answer = end.answers.popleft() if end.answers else Answer()
        if answer.kind != "answer":
            self._misbehave(answer.kind)
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _misbehave(self, kind: str) -> None:
        self.close_connection = True
        if kind == "drop":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        text = b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000
        while not self.server.end.over.wait(0.05):
            if kind == "drip":
                try:
                    self.connection.send(text[:1])
                except OSError:
                    return
                text = text[1:]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, end: HttpEnd) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.end = end

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


class HttpEnd:
    """A context manager; `url` is its address, https when given a server context."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.answers: deque[Answer] = deque()
        self.over = threading.Event()
        self._server = _Server(self)
        self._scheme = "https" if context else "http"
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}/hook"
