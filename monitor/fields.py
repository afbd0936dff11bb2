"""Values in what a user writes: names, texts, amounts and addresses; a wrong one is refused by its place."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from monitor.errors import ConfigError
from monitor.units import Address

LONGEST_NAME = 80
LARGEST = 10**18
"""Of an amount: more than there ever will be, in any unit that is asked for."""


def name_of(place: str, table: Mapping[str, Any]) -> str:
    """The entry's name: printable and not long. Raises ConfigError."""
    name = text_of(place, table, "name")
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise ConfigError(
            f"{place}: name",
            "is missing, too long or not printable.",
            f"Give up to {LONGEST_NAME} characters.",
        )
    return name


def short_text(place: str, table: Mapping[str, Any], key: str, *, required: bool) -> str:
    """As printable and short as a name; empty only where it is not required. Raises ConfigError."""
    text = text_of(place, table, key).strip()
    if len(text) > LONGEST_NAME or not text.isprintable() or (required and not text):
        raise ConfigError(
            f"{place}: {key}",
            "is empty, too long or not printable.",
            f"Give up to {LONGEST_NAME} characters.",
        )
    return text


def text_of(place: str, table: Mapping[str, Any], key: str) -> str:
    """Empty where there is none. Raises ConfigError."""
    value = table.get(key, "")
    if not isinstance(value, str):
        raise ConfigError(f"{place}: {key}", "is not text.", "Put it in quotes.")
    return value


def parse_amount(setting: str, value: object, unit: int) -> int:
    """A positive number in TOML as an exact count of units, rounded down below one unit."""
    try:
        number = (
            Decimal(str(value))
            if isinstance(value, int | float | str) and not isinstance(value, bool)
            else Decimal(0)
        )
    except InvalidOperation:
        number = Decimal(0)
    if not number.is_finite() or not 0 < number < LARGEST:
        raise ConfigError(setting, "is not a positive number.", "Write for instance 1780.")
    return int(number * unit)


def parse_address(setting: str, text: object) -> Address:
    """A 20-byte hex address; a mixed-case one must pass its checksum (EIP-55). Raises ConfigError."""
    if not isinstance(text, str) or not _is_hex(text):
        raise ConfigError(setting, "is not an Ethereum address.", "Write 0x and 40 hex digits.")
    digits = text[2:]
    if digits not in {digits.lower(), digits.upper()} and not _checksum_holds(text):
        raise ConfigError(
            setting, "fails its checksum (EIP-55): a digit is wrong.", "Copy the address again."
        )
    return Address(text.lower())


def _is_hex(text: str) -> bool:
    return len(text) == 42 and text[:2] == "0x" and all(char in "0123456789abcdefABCDEF" for char in text[2:])


def _checksum_holds(text: str) -> bool:
    from eth_utils.crypto import keccak

    digest = keccak(text=text[2:].lower()).hex()
    return all(
        not char.isalpha() or char.isupper() == (int(nibble, 16) >= 8)
        for char, nibble in zip(text[2:], digest, strict=False)
    )
