"""Strict reading of JSON-RPC's hex text: a number, a hash, an address or bytes, or a ValueError.

`int("0x_1", 16)` and `bytes.fromhex("ab cd")` accept what no node may say; these do not.
"""

from __future__ import annotations

from monitor.units import MAX_INT64, Address, BlockHash


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


def block_hash(text: str) -> BlockHash:
    """32 bytes, in lower case."""
    if len(text) != 66 or text[:2] != "0x" or not (text.isalnum() and text.isascii()):
        raise ValueError("not a hash of 32 bytes")
    int(text, 16)
    return BlockHash(text if text.islower() else text.lower())


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
