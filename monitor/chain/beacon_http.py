"""GET on a beacon node's REST interface: the connections of `transport`, answers read as a stream.

A list of two million validators is read in pieces and never held: see `beacon_sums`.
"""

from __future__ import annotations

import http.client
import time
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from monitor.chain.connection import Connection
from monitor.chain.transport import MAX_IDLE, Transport, retry_after_s, words
from monitor.errors import BadAnswer, BlockGone, NodeError, NodeUnavailable, RateLimited, Unsupported

PIECE_BYTES = 256 << 10
MAX_STREAM_BYTES = 2 << 30
"""Twelve times the largest list of today."""
MAX_WHOLE_BYTES = 64 << 20
JSON = "application/json"
SSZ = "application/octet-stream"
SSZ_OR_JSON = f"{SSZ};q=1,{JSON};q=0.9"


class NotAcceptable(Unsupported):
    """The node does not have this answer in the form that was asked for (406, 415)."""


class Stream(NamedTuple):
    """A good answer while its body comes in."""

    is_ssz: bool
    is_optimistic: bool
    """As its header says; JSON bodies say it themselves."""
    pieces: Iterator[bytes]


class BeaconHttp(Transport):
    """Reads from one beacon node. Safe to use from many threads."""

    def __init__(self, url: str, *, label: str | None = None) -> None:
        super().__init__(url.rstrip("/"), label=label, setting="BEACON_URLS")
        self._base, _, self._query = self._target.partition("?")

    def read(self, path: str, deadline: float) -> bytes:
        """The whole body of a JSON answer. `path` starts with /eth/. Raises NodeError."""
        with self.stream(path, JSON, deadline) as answer:
            pieces: list[bytes] = []
            size = 0
            for piece in answer.pieces:
                size += len(piece)
                if size > MAX_WHOLE_BYTES:
                    raise self._too_big()
                pieces.append(piece)
            return b"".join(pieces)

    @contextmanager
    def stream(self, path: str, accept: str, deadline: float) -> Generator[Stream]:
        """An answer with status 200, its body still to come, all of it before `deadline`.

        Raises BlockGone (404: no such block or state, or no such endpoint: REST does not tell them
        apart), NotAcceptable, Unsupported, RateLimited, NodeUnavailable or BadAnswer.
        """
        try:
            connection, response = self._open(path, accept, deadline)
            try:
                if response.status != http.client.OK:
                    raise _status_error(self.label, path, response)
                yield self._as_stream(response)
                self._keep(connection, response)
            finally:
                self._busy.discard(connection)
                if connection not in self._idle:
                    response.close()  # holds the socket itself where the server will close
                    connection.close()
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise NodeUnavailable(self.label, words(error)) from None

    def _open(self, path: str, accept: str, deadline: float) -> tuple[Connection, http.client.HTTPResponse]:
        connection, reused = self._connection()
        try:
            return connection, self._ask(connection, path, accept, deadline)
        except ConnectionError:
            if not reused:
                raise
        connection = self._new()
        return connection, self._ask(connection, path, accept, deadline)

    def _ask(
        self, connection: Connection, path: str, accept: str, deadline: float
    ) -> http.client.HTTPResponse:
        if self._aborted:
            raise NodeUnavailable(self.label, "ethmon is stopping.")
        self._busy.add(connection)
        headers = {name: text for name, text in self._headers.items() if name != "Content-Type"}
        try:
            connection.deadline.set(deadline)
            connection.request("GET", self._url(path), headers={**headers, "Accept": accept})
            return connection.getresponse()
        except BaseException:
            self._busy.discard(connection)
            connection.close()
            raise

    def _url(self, path: str) -> str:
        """The path below that of the configured URL, with its query, where providers put keys."""
        target = self._base.rstrip("/") + path
        return target + (("&" if "?" in path else "?") + self._query if self._query else "")

    def _as_stream(self, response: http.client.HTTPResponse) -> Stream:
        kind = response.headers.get_content_type()
        if kind not in {JSON, SSZ}:
            raise BadAnswer(
                self.label, f"it answered with {kind[:60]!r} where the Beacon API gives JSON or SSZ."
            )
        pieces = self._pieces(response)
        if response.headers.get("content-encoding") == "gzip":
            pieces = self._inflated(pieces)
        optimistic = response.headers.get("eth-execution-optimistic", "").lower() == "true"
        return Stream(kind == SSZ, optimistic, pieces)

    def _pieces(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        size = 0
        while piece := response.read(PIECE_BYTES):
            size += len(piece)
            if size > MAX_STREAM_BYTES:
                raise BadAnswer(self.label, "its answer does not end and was not read.")
            yield piece
        if response.length:
            raise NodeUnavailable(self.label, "its answer was cut off.")

    def _inflated(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Unpacks in bounded pieces; the limit holds for what comes out, too."""
        inflater = zlib.decompressobj(wbits=31)
        size = 0
        for packed in pieces:
            rest = packed
            while rest:
                try:
                    piece = inflater.decompress(rest, PIECE_BYTES)
                except zlib.error:
                    raise BadAnswer(self.label, "its answer is not the gzip that it claims to be.") from None
                rest = inflater.unconsumed_tail
                size += len(piece)
                if size > MAX_STREAM_BYTES:
                    raise BadAnswer(self.label, "its answer does not end and was not read.")
                if piece:
                    yield piece
        if not inflater.eof:
            raise NodeUnavailable(self.label, "its answer was cut off.")

    def _keep(self, connection: Connection, response: http.client.HTTPResponse) -> None:
        """Use the connection again if the body was read to its end."""
        done = response.isclosed() and not response.will_close
        if done and not self._closed and len(self._idle) < MAX_IDLE:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)


_STATUS: dict[int, tuple[type[NodeError], str]] = {
    401: (Unsupported, "it refuses access. Check the key in BEACON_URLS."),
    403: (Unsupported, "it refuses access. Check the key in BEACON_URLS."),
    404: (BlockGone, "it has no such block or state, or no such endpoint."),
    405: (Unsupported, "it does not offer this."),
    406: (NotAcceptable, "not in the form asked for."),
    415: (NotAcceptable, "not in the form asked for."),
    501: (Unsupported, "it does not offer this."),
    503: (NodeUnavailable, "it is syncing or overloaded."),
}


def _status_error(label: str, path: str, response: http.client.HTTPResponse) -> NodeError:
    """What a status other than 200 means; the body is not shown, it may quote the URL."""
    status = response.status
    what = f"HTTP {status} for {path.partition('?')[0]}"
    if status == 429:
        wait = retry_after_s(response.headers.get("retry-after"))
        return RateLimited(label, f"{what}: too many requests.", wait)
    fallback = (
        (NodeUnavailable, "it failed.") if status >= 500 else (BadAnswer, "not an answer of the Beacon API.")
    )
    kind, problem = _STATUS.get(status, fallback)
    return kind(label, f"{what}: {problem}")
