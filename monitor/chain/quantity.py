"""Strict reading of JSON-RPC's hex text: a number, a hash, an address or bytes, or a ValueError.

`int("0x_1", 16)` and `bytes.fromhex("ab cd")` accept what no node may say; these do not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import repeat
from typing import Any

from monitor.units import MAX_INT64, Address, BlockHash

_LOWER_HASH = re.compile("0x[0-9a-f]{64}").fullmatch
_HASH = re.compile("0x[0-9a-fA-F]{64}").fullmatch


def number(text: str) -> int:
    """A quantity of any size."""
    if text[:2] != "0x" or not (text.isalnum() and text.isascii()):
        raise ValueError("not a hex quantity")
    return int(text, 16)


def int64(text: str) -> int:
    """A quantity that fits the database: below 2**63."""
    value = number(text)
    if value > MAX_INT64:
        raise ValueError("a quantity of 2**63 or more")
    return value


def int64s(texts: Sequence[str]) -> list[Any]:
    """Several quantities as `int64`, ints of whatever unit: together they take one look at the text.

    Joined text that is alphanumeric ASCII has no sign, space or underscore, so `int` lets only hex
    digits pass, each with at most one "0x", and the count says that each has one.
    """
    joined = "".join(texts)
    if joined.count("0x") != len(texts) or (joined and not joined.encode().isalnum()):  # bytes: ASCII only
        raise ValueError("not a hex quantity")
    values = list(map(int, texts, repeat(16)))
    if values and max(values) > MAX_INT64:
        raise ValueError("a quantity of 2**63 or more")
    return values


def block_hash(text: str) -> BlockHash:
    """32 bytes, in lower case."""
    if _LOWER_HASH(text):
        return BlockHash(text)
    if _HASH(text):
        return BlockHash(text.lower())
    raise ValueError("not a hash of 32 bytes")


def address(text: str) -> Address:
    """20 bytes, in lower case."""
    if len(text) != 42 or text[:2] != "0x" or not (text.isalnum() and text.isascii()):
        raise ValueError("not an address")
    int(text, 16)
    return Address(text.lower())


def data(text: str) -> bytes:
    """Bytes of any length, `0x` for none."""
    if text[:2] != "0x" or not (text.isalnum() and text.isascii()):
        raise ValueError("not hex bytes")
    return bytes.fromhex(text[2:])


def hex_number(value: int) -> str:
    """A quantity as JSON-RPC wants it."""
    return hex(value)


def hex_data(value: bytes) -> str:
    """Bytes as JSON-RPC wants them."""
    return f"0x{value.hex()}"
