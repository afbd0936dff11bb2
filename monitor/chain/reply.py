"""Requests and answers of JSON-RPC 2.0 as typed values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, cast

import msgspec
from msgspec import UNSET, Raw, UnsetType

from monitor.chain.sieve import Sieve
from monitor.chain.vendor import RpcError
from monitor.errors import NodeError

T = TypeVar("T")

MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a decoder raises on hostile text: not JSON, not the type, not UTF-8, nested without end."""


class Call(NamedTuple):
    """One request."""

    method: str
    params: Sequence[Any]


class Reply(msgspec.Struct, Generic[T], gc=False):
    """One answer of JSON-RPC 2.0; `result: null` is a result, a missing one is not."""

    id: int | str | None = None
    result: T | UnsetType = UNSET
    error: RpcError | str | None = None


class RawReply(msgspec.Struct, gc=False):
    """The same with nothing decoded, to find out what is wrong with it."""

    id: int | str | None = None
    result: Raw = Raw(b"")
    error: RpcError | str | None = None


class Shape(Generic[T]):
    """The type that a result must have, with its decoders. Make one per module, not per call."""

    def __init__(self, kind: Any, sieve: Callable[[], Sieve] | None = None) -> None:
        """`sieve` takes out of a batch's text, while it arrives, what the type does not need."""
        self.sieve = sieve
        self.bare: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind)
        self.one: msgspec.json.Decoder[Reply[T]] = msgspec.json.Decoder(Reply[kind])
        self.many: msgspec.json.Decoder[list[Reply[T]]] = msgspec.json.Decoder(list[Reply[kind]])


ANY: Shape[Any] = Shape(Any)
TEXT: Shape[str] = Shape(str)
RAW_ONE = msgspec.json.Decoder(RawReply)
RAW_MANY = msgspec.json.Decoder(list[RawReply])


def unwrap(result: T | NodeError) -> T:
    """The value of a batch entry. Raises it where it is an error."""
    if isinstance(result, NodeError):
        raise result
    return cast("T", result)


class BatchCaller(Protocol):
    """Whoever sends batches: `Endpoints`, as far as readers of many blocks need it."""

    def batch(self, calls: Sequence[Call], shape: Shape[T]) -> list[T | NodeError]:
        """One result or error per call, in order."""
        ...
