"""Contracts that are tokens in name only: bytecode for one address each."""

from __future__ import annotations

REVERTS = bytes.fromhex("60006000fd")
BURNS_ALL_GAS = bytes.fromhex("5b600056")
SAYS_TOO_LITTLE = bytes.fromhex("6001600052601f6000f3")
"""31 bytes of zeros."""
SAYS_NOTHING = bytes.fromhex("60006000f3")

DECIMALS = bytes.fromhex("313ce567")


def token(supply: int, decimals: int) -> bytes:
    """Answers `decimals()`, and its supply to everything else: `symbol()` too."""
    is_decimals = b"\x60\x00\x35\x60\xe0\x1c\x63" + DECIMALS + b"\x14"
    answer = b"\x60\x00\x52\x60\x20\x60\x00\xf3"
    otherwise = b"\x7f" + supply.to_bytes(32) + answer
    target = len(is_decimals) + 3 + len(otherwise)
    return (
        is_decimals
        + b"\x60"
        + bytes([target])
        + b"\x57"
        + otherwise
        + b"\x5b\x7f"
        + decimals.to_bytes(32)
        + answer
    )


def as_symbol(text: str) -> int:
    """A supply whose 32 bytes read as `text`, for a contract that answers it as its symbol."""
    return int.from_bytes(text.encode()[:32].ljust(32, b"\0"))
