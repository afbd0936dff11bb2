"""A contract interface from its ABI JSON: typed encode and decode of calls and events.

Arguments and answers made of single words (uint, int, address, bool, bytesN) are handled here,
which is most of what is called and 20 times faster; anything dynamic goes through eth_abi, which
is imported only then. Every answer is checked: length, padding, range.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path
from struct import Struct
from typing import Any, NamedTuple

WORD = 32
_FOLDER = Path(__file__).parent


class AbiError(ValueError):
    """Data that does not have the form that the ABI promises."""


class Function:
    """One function of an interface."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self.name: str = entry["name"]
        self.inputs = [type_name(part) for part in entry["inputs"]]
        self.outputs = [type_name(part) for part in entry.get("outputs", [])]
        self.signature = f"{self.name}({','.join(self.inputs)})"

    @cached_property
    def selector(self) -> bytes:
        """The first four bytes of a call."""
        return keccak(self.signature)[:4]

    def encode(self, *args: Any) -> bytes:
        """Selector and arguments. Raises `AbiError`."""
        return self.selector + _encode(self.inputs, self._forms[0], args)

    def decode(self, data: bytes) -> tuple[Any, ...]:
        """The values returned. Raises `AbiError` where `data` has another form."""
        return _decode(self.outputs, self._forms[1], data)

    @cached_property
    def _forms(self) -> tuple[_Form | None, _Form | None]:
        return _form(tuple(self.inputs)), _form(tuple(self.outputs))


class Event:
    """One event of an interface. Indexed dynamic values come as their hash."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self.name: str = entry["name"]
        inputs = entry["inputs"]
        self.signature = f"{self.name}({','.join(type_name(part) for part in inputs)})"
        self._parts = [(part["name"], type_name(part), bool(part["indexed"])) for part in inputs]

    @cached_property
    def topic(self) -> bytes:
        """The first topic of its logs."""
        return keccak(self.signature)

    def decode(self, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
        """Values by name. Raises `AbiError`."""
        indexed = [(name, kind) for name, kind, is_indexed in self._parts if is_indexed]
        plain = [(name, kind) for name, kind, is_indexed in self._parts if not is_indexed]
        if len(topics) != len(indexed) + 1 or topics[0] != self.topic:
            raise AbiError(f"not a log of {self.signature}")
        values = {
            name: decode_values([kind if is_static(kind) else "bytes32"], topic)[0]
            for (name, kind), topic in zip(indexed, topics[1:], strict=True)
        }
        rest = decode_values([kind for _, kind in plain], data)
        return values | dict(zip([name for name, _ in plain], rest, strict=True))


class Interface:
    """Functions and events by name, from `contracts_abi/<name>.json`."""

    def __init__(self, entries: Sequence[dict[str, Any]]) -> None:
        self._functions = {e["name"]: Function(e) for e in entries if e["type"] == "function"}
        self.events = {e["name"]: Event(e) for e in entries if e["type"] == "event"}

    def __getitem__(self, name: str) -> Function:
        return self._functions[name]

    def __iter__(self) -> Iterator[Function]:
        return iter(self._functions.values())


@cache
def interface(name: str) -> Interface:
    """The interface in `contracts_abi/<name>.json`."""
    return Interface(json.loads((_FOLDER / f"{name}.json").read_text()))


def keccak(text: str) -> bytes:
    """Keccak-256 of a signature."""
    from eth_hash.auto import keccak as digest  # noqa: PLC0415 - its import picks a backend

    return digest(text.encode())


def type_name(part: dict[str, Any]) -> str:
    """The canonical type of an ABI entry, tuples written out."""
    kind: str = part["type"]
    if kind.startswith("tuple"):
        return f"({','.join(type_name(inner) for inner in part['components'])}){kind[5:]}"
    return kind


@cache
def is_static(kind: str) -> bool:
    """Whether a value of this type is one word of its own."""
    number = kind.removeprefix("u").removeprefix("int")
    return (
        kind in {"address", "bool"}
        or (number != kind and (not number or number.isdigit()))
        or _is_bytes(kind)
    )


def _is_bytes(kind: str) -> bool:
    return kind.startswith("bytes") and kind[5:].isdigit()


def encode_values(kinds: Sequence[str], values: Sequence[Any]) -> bytes:
    """ABI encoding. Raises `AbiError`."""
    return _encode(kinds, _form(tuple(kinds)), values)


def _encode(kinds: Sequence[str], form: _Form | None, values: Sequence[Any]) -> bytes:
    if len(kinds) != len(values):
        raise AbiError(f"{len(values)} values for {len(kinds)} types")
    if form is not None:
        return b"".join(map(_encode_word, kinds, values))
    from eth_abi.abi import encode  # noqa: PLC0415 - 0.2 s, only where something is dynamic
    from eth_abi.exceptions import EncodingError  # noqa: PLC0415

    try:
        return encode(list(kinds), list(values))
    except (EncodingError, TypeError, ValueError) as error:
        raise AbiError(str(error)) from None


def decode_values(kinds: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """ABI decoding; longer data than needed is allowed, as the chain allows it. Raises `AbiError`."""
    return _decode(kinds, _form(tuple(kinds)), data)


def _decode(kinds: Sequence[str], form: _Form | None, data: bytes) -> tuple[Any, ...]:
    if form is not None:
        if len(data) < form.words.size:
            raise AbiError(f"{len(data)} bytes, {form.words.size} expected")
        words = form.words.unpack_from(data)
        return tuple(map(int.from_bytes if form.plain else _decode_word, *form.kinds, words))
    from eth_abi.abi import decode  # noqa: PLC0415
    from eth_abi.exceptions import DecodingError  # noqa: PLC0415

    try:
        return decode(list(kinds), data)
    except (DecodingError, OverflowError, TypeError, ValueError) as error:
        raise AbiError(str(error)) from None


class _Form(NamedTuple):
    """How values of one word each are taken from data."""

    words: Struct
    plain: bool
    """All of them are uint256: any word is one."""
    kinds: tuple[tuple[str, ...], ...]
    """Nothing where plain, else the types: the arguments before the words."""


@cache
def _form(kinds: tuple[str, ...]) -> _Form | None:
    """None where one of the types is not a single word."""
    if not all(map(is_static, kinds)):
        return None
    plain = set(kinds) <= {"uint256"}
    return _Form(Struct(f"{WORD}s" * len(kinds)), plain, () if plain else (kinds,))


@cache
def _bits(kind: str) -> int:
    return int(kind.removeprefix("u").removeprefix("int") or 256)


def _encode_word(kind: str, value: Any) -> bytes:
    try:
        if kind == "address":
            return (
                bytes.fromhex(str(value)[2:]).rjust(WORD, b"\0") if len(str(value)) == 42 else _refuse(kind)
            )
        if kind == "bool":
            return int(bool(value)).to_bytes(WORD)
        if _is_bytes(kind):
            return bytes(value).ljust(WORD, b"\0") if len(value) <= int(kind[5:]) else _refuse(kind)
        bits, signed = _bits(kind), kind[0] == "i"
        low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
        return int(value).to_bytes(WORD, signed=signed) if low <= value < high else _refuse(kind)
    except (ValueError, TypeError, OverflowError):
        raise AbiError(f"a value does not fit {kind}") from None


def _decode_word(kind: str, word: bytes) -> Any:
    number = int.from_bytes(word)
    if kind == "uint256":
        return number
    if kind == "address":
        return f"0x{number:040x}" if number >> 160 == 0 else _refuse(kind)
    if kind == "bool":
        return bool(number) if number <= 1 else _refuse(kind)
    if _is_bytes(kind):
        size = int(kind[5:])
        return word[:size] if not any(word[size:]) else _refuse(kind)
    bits = _bits(kind)
    if kind[0] == "u":
        return number if number >> bits == 0 else _refuse(kind)
    signed = number - (1 << 256) if number >> 255 else number
    return signed if -(1 << bits - 1) <= signed < 1 << bits - 1 else _refuse(kind)


def _refuse(kind: str) -> Any:
    raise AbiError(f"a value does not fit {kind}")
