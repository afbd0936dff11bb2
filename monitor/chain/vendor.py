"""What nodes and RPC providers say when they refuse, mapped once to our errors.

JSON-RPC codes mean different things to different vendors, so the text decides first and the code
second. The texts are those of geth, reth, Nethermind, Erigon, Besu, Anvil, Hardhat, Alchemy,
Infura, QuickNode, dRPC and the public endpoints. What nobody can place is `NodeUnavailable`:
another endpoint may know better, and nothing is counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from monitor.errors import (
    BlockGone,
    CallReverted,
    NodeError,
    NodeUnavailable,
    RateLimited,
    TooLarge,
    Unsupported,
)

MAX_TEXT = 160


class RpcError(msgspec.Struct, frozen=True):
    """The error object of JSON-RPC 2.0, as leniently as vendors need."""

    code: int | str | None = None
    message: str | None = None
    data: Any = None


_REVERTED = re.compile(
    r"revert|evm error (?!outofgas)|vm execution error|invalid opcode|invalid jump|stack (?:under|over)flow|bad instruction"
)
_PACE = re.compile(
    r"per (?:second|minute|hour|day|month)|rate.?limit|too many requests(?! in)|exceeded its (?:compute|throughput)"
)
_TOO_LARGE = re.compile(
    r"batch.*(?:too|limit|exceed|more than|max|not |disabled|unsupported)|(?:too many|limit|exceed|max).*batch"
    r"|(?:response|request|body|entity|payload)\b.{0,24}too (?:large|big)|response size|query returned more than"
    r"|block range|range (?:is )?too (?:large|wide)|max(?:imum)? results|too many results"
    r"|exceed(?:s|ed)? (?:the )?(?:max(?:imum)?|limit of|range)|out ?of ?gas|gas required exceeds|gas cap"
)
_RATE = re.compile(
    r"capacity exceeded|request (?:count|limit|rate)|limit (?:exceeded|reached)|quota|throttl|credits|slow down"
)
_GONE = re.compile(
    r"(?:header|block)(?: for hash)?(?: [^:]{0,80})? not found|unknown (?:block|header)|resource not found"
    r"|not currently canonical|(?:block|header) .{0,90}could not be found|cannot find (?:block|header)"
    r"|block (?:hash )?(?:does not|doesn't) exist|no (?:block|header) (?:with|found)|blocknotfound"
)
_UNSUPPORTED = re.compile(
    r"missing trie node|prun|state .{0,80}(?:is )?(?:not|un) ?available|state unavailable|no state available"
    r"|historical state|blockoutofrange|out of range|reexec|archive|proof window"
    r"|method .{0,60}(?:not|does ?n.t|unsupported|disabled|unavailable)|not (?:supported|implemented|whitelisted|allowed)"
    r"|unsupported|too many arguments|invalid (?:argument|param|request)|unknown field|free tier|upgrade|history"
)
_UNAVAILABLE = re.compile(
    r"timed? ?out|deadline|temporar|try again|overload|syncing|no (?:healthy|available)"
)

_REVERT_CODES = frozenset({3, -32015})
_NO_METHOD = -32601
_BY_CODE: dict[int, type[NodeError]] = {
    **dict.fromkeys((429, -32005, -32029, -32097), RateLimited),
    **dict.fromkeys((-32602, -32600, -32004, -32006, 4444), Unsupported),
}


def map_error(label: str, method: str, error: RpcError, redact: Callable[[str], str]) -> NodeError:
    """Our error for the vendor's answer to `method`. Its text is shortened, cleaned and scrubbed."""
    message = one_line(error.message or "", redact)
    text = f"{message} {_detail(error.data)}".lower()
    said = f"{method}: {message or 'an error without a text'} (code {one_line(str(error.code), redact)})"
    code = error.code if isinstance(error.code, int) else None
    if _is_revert(method, text, code, error.data):
        return CallReverted(label, said, revert_data(error.data, message))
    kind = _kind(text, code)
    if kind is RateLimited:
        return RateLimited(label, said, _backoff_s(error.data))
    return kind(label, said)


def revert_data(data: object, message: str = "") -> bytes:
    """The revert data, wherever the vendor puts it; empty where there is none."""
    for _ in range(3):  # {"data": {"data": "0x..."}} is as deep as it gets
        if not isinstance(data, Mapping):
            break
        data = data.get("data") or data.get("result")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    text = data if isinstance(data, str) else message
    match = re.search(r"0x((?:[0-9a-fA-F]{2})*)\b", text)
    return bytes.fromhex(match[1]) if match else b""


def one_line(text: str, redact: Callable[[str], str]) -> str:
    """Vendor text that may be shown: scrubbed, printable, on one line, at most `MAX_TEXT` long."""
    clean = "".join(c if c.isprintable() else " " for c in redact(text[: 8 * MAX_TEXT]))
    clean = " ".join(clean.split())
    return clean if len(clean) <= MAX_TEXT else clean[: MAX_TEXT - 1] + "…"


def _kind(text: str, code: int | None) -> type[NodeError]:
    """The first row that fits; codes speak where the text says nothing."""
    by_text: tuple[tuple[re.Pattern[str], type[NodeError]], ...] = (
        (_PACE, RateLimited),
        (_TOO_LARGE, TooLarge),
        (_RATE, RateLimited),
        (_UNAVAILABLE, NodeUnavailable),
        (_GONE, BlockGone),
        (_UNSUPPORTED, Unsupported),
    )
    if code == _NO_METHOD:
        return Unsupported
    for pattern, kind in by_text:
        if pattern.search(text):
            return kind
    return _BY_CODE.get(code, NodeUnavailable) if code is not None else NodeUnavailable


def _detail(data: object) -> str:
    """Where Nethermind and jsonrpsee put the cause: text beside a message that says nothing."""
    return data[:MAX_TEXT] if isinstance(data, str) and not data.startswith("0x") else ""


def _is_revert(method: str, text: str, code: int | None, data: object) -> bool:
    if method not in {"eth_call", "eth_estimateGas", "eth_simulateV1", "debug_traceCall"}:
        return False
    if code in _REVERT_CODES or _REVERTED.search(text):
        return True
    return isinstance(data, str) and data.startswith(("0x08c379a0", "0x4e487b71"))


def _backoff_s(data: object) -> float | None:
    """Infura: `{"rate": {"backoff_seconds": 30}}`; others: `{"try_again_in": "1.5s"}`."""
    try:
        found = msgspec.convert(data, _Backoff, strict=False)
    except msgspec.ValidationError:
        return None
    if found.rate is not None:
        return found.rate.backoff_seconds
    match = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)(ms|s)", found.try_again_in or "")
    return float(match[1]) / (1000 if match[2] == "ms" else 1) if match else None


class _Rate(msgspec.Struct):
    backoff_seconds: float | None = None


class _Backoff(msgspec.Struct):
    rate: _Rate | None = None
    try_again_in: str | None = None
