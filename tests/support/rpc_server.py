"""A real HTTP server that speaks JSON-RPC, well or badly.

    with RpcServer(node) as server:              # node(method, params) -> result, or raises RefusalError
        server.faults.append(wrong_id)           # the next request only
        server.always = rate_limited(3)          # every request, until None
        Endpoint(server.url)

`forward_to(url)` as the node makes it a reverse proxy in front of a real one.
"""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Node = Callable[[str, list[Any]], Any]


class RefusalError(Exception):
    """A JSON-RPC error of a single request."""

    def __init__(self, code: int, message: str | None, data: Any = None) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message, **({} if data is None else {"data": data})}


@dataclass
class Exchange:
    """One HTTP request and the right answer to it."""

    handler: BaseHTTPRequestHandler
    asked: Any
    answer: Any
    ended: threading.Event = field(default_factory=threading.Event)

    def send(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.start(len(body), status, headers)
        self.handler.wfile.write(body)

    def start(self, length: int, status: int = 200, headers: dict[str, str] | None = None) -> None:
        handler = self.handler
        handler.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(length),
            **(headers or {}),
        }.items():
            handler.send_header(name, value)
        handler.end_headers()

    @property
    def body(self) -> bytes:
        return json.dumps(self.answer, separators=(",", ":")).encode()


Fault = Callable[[Exchange], None]


class RpcServer:
    """Serves `node` on a port from the kernel."""

    def __init__(self, node: Node, tls: ssl.SSLContext | None = None) -> None:
        self.node = node
        self.faults: deque[Fault | None] = deque()
        self.always: Fault | None = None
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.connections = 0
        self._ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients hang up: that is the test
        self.port: int = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def methods(self) -> list[str]:
        """Every method that was asked, batches flattened."""
        asked: list[str] = []
        for body in list(self.bodies):
            asked += [call["method"] for call in (body if isinstance(body, list) else [body])]
        return asked

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve(self, handler: BaseHTTPRequestHandler, raw: bytes) -> None:
        asked = json.loads(raw)
        self.bodies.append(asked)
        self.paths.append(handler.path)
        self.headers.append({name.lower(): value for name, value in handler.headers.items()})
        batch = isinstance(asked, list)
        answer = [self._one(call) for call in asked] if batch else self._one(asked)
        exchange = Exchange(handler, asked, answer, self._ended)
        fault = self.faults.popleft() if self.faults else self.always
        (fault or _well)(exchange)

    def _one(self, call: dict[str, Any]) -> dict[str, Any]:
        reply = {"jsonrpc": "2.0", "id": call["id"]}
        try:
            return {**reply, "result": self.node(call["method"], call["params"])}
        except RefusalError as fault:
            return {**reply, "error": fault.error}


def _handler(server: RpcServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            server.connections += 1

        def do_POST(self) -> None:
            server.serve(self, self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, *_args: Any) -> None:
            pass

    return Handler


def _well(exchange: Exchange) -> None:
    exchange.send(exchange.body)


def forward_to(url: str) -> Node:
    """A node that is another server."""

    def ask(method: str, params: list[Any]) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            reply = json.loads(response.read())
        if "error" in reply:
            raise RefusalError(reply["error"]["code"], reply["error"]["message"], reply["error"].get("data"))
        return reply["result"]

    return ask


# --- faults of the line ---


def hang(exchange: Exchange) -> None:
    """Take the request and never answer."""
    exchange.ended.wait(60)
    exchange.handler.close_connection = True


def delay(seconds: float) -> Fault:
    def fault(exchange: Exchange) -> None:
        exchange.ended.wait(seconds)
        _well(exchange)

    return fault


def drip(pause_s: float, *, headers: bool = False) -> Fault:
    """A byte at a time: each read of the client succeeds, the call never ends."""

    def fault(exchange: Exchange) -> None:
        if headers:
            text = b"HTTP/1.1 200 OK\r\nX-Slow: " + b"z" * 10_000
        else:
            exchange.start(len(exchange.body))
            text = exchange.body
        for byte in text:
            exchange.handler.wfile.write(bytes((byte,)))
            exchange.handler.wfile.flush()
            if exchange.ended.wait(pause_s):
                return

    return fault


def hang_up(exchange: Exchange) -> None:
    """Close without an answer."""
    exchange.handler.close_connection = True
    exchange.handler.connection.shutdown(socket.SHUT_RDWR)


def close_afterwards(exchange: Exchange) -> None:
    """Answer well, then close the keep-alive connection without having said so."""
    _well(exchange)
    exchange.handler.close_connection = True


def cut_off(exchange: Exchange) -> None:
    """Half of the body, then the end."""
    exchange.start(len(exchange.body))
    exchange.handler.wfile.write(exchange.body[: len(exchange.body) // 2])
    exchange.handler.close_connection = True


def cut_json(exchange: Exchange) -> None:
    """Half of the JSON, well delivered."""
    exchange.send(exchange.body[: len(exchange.body) // 2])


def chunked(exchange: Exchange) -> None:
    """The right answer in chunks."""
    exchange.handler.send_response(200)
    exchange.handler.send_header("Transfer-Encoding", "chunked")
    exchange.handler.end_headers()
    body = exchange.body
    for start in range(0, len(body), 7):
        piece = body[start : start + 7]
        exchange.handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
    exchange.handler.wfile.write(b"0\r\n\r\n")


def zipped(exchange: Exchange) -> None:
    exchange.send(gzip.compress(exchange.body), headers={"Content-Encoding": "gzip"})


def cut_zip(exchange: Exchange) -> None:
    """The first half of a gzip stream, well delivered."""
    whole = gzip.compress(exchange.body)
    exchange.send(whole[: len(whole) - 9], headers={"Content-Encoding": "gzip"})


def zip_bomb(exchange: Exchange) -> None:
    exchange.send(gzip.compress(b" " * (4 << 20)), headers={"Content-Encoding": "gzip"})


def not_zipped(exchange: Exchange) -> None:
    exchange.send(exchange.body, headers={"Content-Encoding": "gzip"})


def huge(exchange: Exchange) -> None:
    """Announce more than anybody can want."""
    exchange.start(1 << 40)
    exchange.handler.close_connection = True


def not_http(exchange: Exchange) -> None:
    exchange.handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    exchange.handler.close_connection = True


# --- faults of HTTP ---


def status(code: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Fault:
    return lambda exchange: exchange.send(body, code, headers)


def rate_limited(retry_after: int | str | None = None, code: int = 429) -> Fault:
    return status(code, b"slow down", {} if retry_after is None else {"Retry-After": str(retry_after)})


def redirect(to: str) -> Fault:
    return status(307, b"", {"Location": to})


def html(exchange: Exchange) -> None:
    page = b"<html><body>Just a moment... key=verysecretkey</body></html>"
    exchange.send(page, headers={"Content-Type": "text/html; charset=utf-8"})


def empty(exchange: Exchange) -> None:
    exchange.send(b"")


def says(body: bytes | str) -> Fault:
    raw = body if isinstance(body, bytes) else body.encode()
    return lambda exchange: exchange.send(raw)


# --- faults of JSON-RPC ---


def changed(change: Callable[[Any], Any]) -> Fault:
    """The right answer, changed."""

    def fault(exchange: Exchange) -> None:
        exchange.answer = change(exchange.answer)
        exchange.send(exchange.body)

    return fault


def _other_id(answer: Any) -> Any:
    if isinstance(answer, list):
        return [{**answer[0], "id": 12345}, *answer[1:]]
    return {**answer, "id": 12345}


wrong_id = changed(_other_id)
no_result = changed(lambda answer: {"jsonrpc": "2.0", "id": answer["id"]})
short = changed(lambda answers: answers[:-1])
longer = changed(lambda answers: [*answers, {"jsonrpc": "2.0", "id": 99, "result": None}])
reordered = changed(lambda answers: answers[::-1])
duplicated = changed(lambda answers: [answers[0], *answers[:-1]])
not_a_list = changed(
    lambda _: {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "Invalid request"}}
)


def batch_limit(limit: int, message: str = "batch too large", *, in_list: bool = False) -> Fault:
    """Refuse larger batches, as geth (one error in a list) or others (one object) do."""

    def fault(exchange: Exchange) -> None:
        if isinstance(exchange.asked, list) and len(exchange.asked) > limit:
            refusal = {
                "jsonrpc": "2.0",
                "id": exchange.asked[0]["id"],
                "error": {"code": -32600, "message": message},
            }
            exchange.answer = [refusal] if in_list else refusal
        exchange.send(exchange.body)

    return fault


def response_limit(limit: int) -> Fault:
    """Answer the first ones, then "response too large" for the rest, as geth does."""

    def fault(exchange: Exchange) -> None:
        if isinstance(exchange.answer, list):
            exchange.answer = [
                reply
                if index < limit
                else {
                    "jsonrpc": "2.0",
                    "id": reply["id"],
                    "error": {"code": -32003, "message": "response too large"},
                }
                for index, reply in enumerate(exchange.answer)
            ]
        exchange.send(exchange.body)

    return fault


def elapsed(since: float) -> float:
    """Seconds of real time, for deadlines that are themselves real time."""
    return time.monotonic() - since
