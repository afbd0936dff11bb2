"""JSON-RPC with one node: typed answers, checked ids, batches of a size that the node accepts.

    Endpoint.call    one request, one typed result, or one of our errors
    Endpoint.batch   many requests, one result or error each, in the order asked

An answer counts only with the id that was asked: a confused proxy or cache must not slip one
block in for another. Nothing is retried here; fail-over is `monitor.chain.endpoints`.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar

import msgspec
from msgspec import UNSET

from monitor.chain.redact import Redactor
from monitor.chain.reply import ANY, MALFORMED, RAW_MANY, RAW_ONE, TEXT, Call, RawReply, Reply, Shape, unwrap
from monitor.chain.sieve import Sieve
from monitor.chain.transport import Answer, Transport
from monitor.chain.vendor import RpcError, map_error
from monitor.errors import BadAnswer, NodeError, NodeUnavailable, RateLimited, TooLarge

__all__ = ["ANY", "DEFAULT_BATCH", "DEFAULT_TIMEOUT_S", "TEXT", "Call", "Endpoint", "Shape", "unwrap"]

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode

DEFAULT_TIMEOUT_S = 10.0
DEFAULT_BATCH = 100
"""Requests in a batch, until the node refuses: what most providers and geth take."""


class Endpoint:
    """One node behind one URL. Safe to use from many threads."""

    def __init__(
        self,
        url: str,
        *,
        label: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        batch_limit: int = DEFAULT_BATCH,
    ) -> None:
        self._transport = Transport(url, label=label)
        self._redact = Redactor([url])
        self._timeout_s = timeout_s
        self._ids = itertools.count(1)
        self.label = self._transport.label
        self.batch_limit = batch_limit
        """Requests per batch; falls by halves when the node refuses, 1 means single requests."""

    def call(
        self, method: str, params: Sequence[Any], shape: Shape[T], *, timeout_s: float | None = None
    ) -> T:
        """The typed result of one request. Raises NodeError."""
        result = self._single(Call(method, params), shape, self._deadline(timeout_s))
        if isinstance(result, NodeError):
            raise result
        return result

    def batch(
        self, calls: Sequence[Call], shape: Shape[T], *, timeout_s: float | None = None
    ) -> list[T | NodeError]:
        """Results in the order of `calls`; a request that failed by itself has its error there.

        Raises NodeError when the batch as a whole failed: no answer, an id missing or unknown,
        rate limit. The time limit is for each HTTP request, of which there may be several.
        """
        results: list[T | NodeError] = []
        while len(results) < len(calls):
            chunk = calls[len(results) : len(results) + self.batch_limit]
            results += self._chunk(chunk, shape, timeout_s)
        return results

    def close(self) -> None:
        """Close idle connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def abort(self) -> None:
        """Make every call, in progress or to come, fail at once."""
        self._transport.abort()

    def _deadline(self, timeout_s: float | None) -> float:
        return time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)

    def _single(self, call: Call, shape: Shape[T], deadline: float) -> T | NodeError:
        request_id = next(self._ids)
        body = _encode({"jsonrpc": "2.0", "id": request_id, "method": call.method, "params": call.params})
        answer = self._post(body, deadline, call.method)
        try:
            reply = shape.one.decode(answer)
        except MALFORMED as error:
            raise self._not_a_reply(answer, error, call.method) from None
        if reply.id != request_id and not (reply.id is None and reply.error is not None):
            raise BadAnswer(self.label, f"{call.method}: it answered another request (wrong id).")
        return self._outcome(reply, call.method)

    def _chunk(self, calls: Sequence[Call], shape: Shape[T], timeout_s: float | None) -> list[T | NodeError]:
        """One batch; where the node finds it too large, the same in halves, and the size is remembered."""
        if len(calls) == 1:
            return [self._single(calls[0], shape, self._deadline(timeout_s))]
        half = len(calls) // 2
        try:
            results = self._array(calls, shape, self._deadline(timeout_s))
        except TooLarge:
            self.batch_limit = min(self.batch_limit, half)
            return self._chunk(calls[:half], shape, timeout_s) + self._chunk(calls[half:], shape, timeout_s)
        refused = [index for index, result in enumerate(results) if isinstance(result, TooLarge)]
        if refused:
            again = self._halves([calls[index] for index in refused], half, shape, timeout_s)
            if not all(isinstance(result, TooLarge) for result in again):
                self.batch_limit = min(self.batch_limit, half)
            for index, result in zip(refused, again, strict=True):
                results[index] = result
        return results

    def _halves(
        self, calls: Sequence[Call], size: int, shape: Shape[T], timeout_s: float | None
    ) -> list[T | NodeError]:
        parts = (calls[start : start + size] for start in range(0, len(calls), size))
        return [result for part in parts for result in self._chunk(part, shape, timeout_s)]

    def _array(self, calls: Sequence[Call], shape: Shape[T], deadline: float) -> list[T | NodeError]:
        first = next(self._ids) << 20
        body = _encode(
            [
                {"jsonrpc": "2.0", "id": first + index, "method": call.method, "params": call.params}
                for index, call in enumerate(calls)
            ]
        )
        what = f"batch of {len(calls)} {calls[0].method}"
        answer = self._post(body, deadline, what, shape.sieve)
        try:
            replies = shape.many.decode(answer)
        except MALFORMED as error:
            return self._one_by_one(answer, error, calls, first, shape)
        outcomes: list[T | NodeError] = [
            self._outcome(reply, call.method)
            if reply.result is UNSET or reply.error is not None
            else reply.result
            for reply, call in zip(self._in_order(replies, first, len(calls), what), calls, strict=True)
        ]
        self._raise_rate_limit(outcomes)
        return outcomes

    def _in_order(self, replies: list[Any], first: int, count: int, what: str) -> list[Any]:
        """The replies in the order of the requests. Raises unless each is answered exactly once."""
        expected = range(first, first + count)
        if len(replies) == count and all(map(_has_id, replies, expected)):
            return replies
        by_id = {reply.id: reply for reply in replies}
        if len(by_id) == len(replies) == count and all(number in by_id for number in expected):
            return [by_id[number] for number in expected]
        for reply in replies:
            if (
                reply.error is not None and len(replies) < count
            ):  # geth: one error for the whole batch, in a list
                raise self._error(reply.error, what)
        unknown = sum(number not in expected for number in by_id if isinstance(number, int))
        raise BadAnswer(
            self.label,
            f"{what}: {len(replies)} answers for {count} requests, {unknown} with a wrong id, "
            f"{len(replies) - len(by_id)} twice.",
        )

    def _one_by_one(
        self, body: bytes, error: Exception, calls: Sequence[Call], first: int, shape: Shape[T]
    ) -> list[T | NodeError]:
        """A batch of which something has the wrong type: that becomes an error, the rest counts."""
        what = f"batch of {len(calls)} {calls[0].method}"
        try:
            replies = RAW_MANY.decode(body)
        except MALFORMED:
            raise self._not_a_reply(body, error, what) from None
        ordered = self._in_order(replies, first, len(calls), what)
        outcomes = [
            self._raw_outcome(reply, call.method, shape) for reply, call in zip(ordered, calls, strict=True)
        ]
        self._raise_rate_limit(outcomes)
        return outcomes

    def _outcome(self, reply: Reply[T], method: str) -> T | NodeError:
        if reply.error is not None:
            return self._error(reply.error, method)
        if reply.result is UNSET:
            return BadAnswer(self.label, f"{method}: its answer has neither result nor error.")
        return reply.result

    def _raw_outcome(self, reply: RawReply, method: str, shape: Shape[T]) -> T | NodeError:
        if reply.error is not None:
            return self._error(reply.error, method)
        if not bytes(reply.result):
            return BadAnswer(self.label, f"{method}: its answer has neither result nor error.")
        try:
            return shape.bare.decode(reply.result)
        except MALFORMED as error:
            return BadAnswer(self.label, f"{method}: {_type_problem(error)}")

    def _error(self, error: RpcError | str, method: str) -> NodeError:
        parsed = RpcError(None, error) if isinstance(error, str) else error
        return map_error(self.label, method, parsed, self._redact)

    def _raise_rate_limit(self, outcomes: Sequence[object]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, RateLimited):
                raise outcome

    def _not_a_reply(self, body: bytes, error: Exception, what: str) -> NodeError:
        """What is wrong with an answer that is not what was asked for."""
        if not body.strip():
            return NodeUnavailable(self.label, f"{what}: its answer is empty.")
        try:
            reply = RAW_ONE.decode(body)
        except msgspec.ValidationError:
            return BadAnswer(self.label, f"{what}: {_type_problem(error)}")
        except MALFORMED as cause:
            if "truncated" in str(cause):
                return NodeUnavailable(self.label, f"{what}: its answer was cut off.")
            return BadAnswer(self.label, f"{what}: its answer is not JSON.")
        if reply.error is not None:
            return self._error(reply.error, what)
        return BadAnswer(self.label, f"{what}: {_type_problem(error)}")

    def _post(
        self, body: bytes, deadline: float, what: str, sieve: Callable[[], Sieve] | None = None
    ) -> bytes:
        answer = self._transport.post(body, deadline, sieve)
        if answer.status == 200 and not answer.html:
            return answer.body
        raise self._refusal(answer, what)

    def _refusal(self, answer: Answer, what: str) -> NodeError:
        """What an answer means that is not `200 OK` with JSON."""
        status = answer.status
        if status == 429 or (status == 503 and answer.retry_after_s is not None):
            return RateLimited(self.label, f"it asks for a pause (HTTP {status}).", answer.retry_after_s)
        if status == 413:
            return TooLarge(self.label, f"{what}: it finds the request too large (HTTP 413).")
        said = self._said(answer.body, what)
        if said is not None:
            return said
        if answer.html and status == 200:
            return BadAnswer(self.label, "it answered HTML instead of JSON: check the URL in ETH_RPC_URLS.")
        text = _STATUS.get(status) or ("it redirects elsewhere" if 300 <= status < 400 else "it failed")
        return NodeUnavailable(self.label, f"{text} (HTTP {status}).")

    def _said(self, body: bytes, what: str) -> NodeError | None:
        """Nodes and providers put JSON-RPC errors behind any status."""
        try:
            reply = RAW_ONE.decode(body)
        except MALFORMED:
            try:
                reply = RAW_MANY.decode(body)[0]
            except (*MALFORMED, IndexError):
                return None
        return self._error(reply.error, what) if reply.error is not None else None


_STATUS = {
    401: "it refuses the key: check ETH_RPC_URLS",
    403: "it refuses access: check the key and plan behind ETH_RPC_URLS",
    404: "no JSON-RPC at this path: check ETH_RPC_URLS",
    405: "no JSON-RPC at this path: check ETH_RPC_URLS",
}


def _has_id(reply: Any, expected: int) -> bool:
    return bool(reply.id == expected)


def _type_problem(error: Exception) -> str:
    """In the decoder's words, which name types and the path, never values."""
    if isinstance(error, msgspec.ValidationError):
        return f"its answer has the wrong form: {error}."
    return "its answer is not JSON."
