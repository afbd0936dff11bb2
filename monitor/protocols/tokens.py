"""What a row shows of a token. Symbols are the contract's own text: made printable, never decided by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from contracts_abi import erc20
from contracts_abi.interface import AbiError
from monitor.errors import CannotSee
from monitor.protocols.asking import decoded
from monitor.protocols.base import Answer, Ask, Reading, Refusal, View
from monitor.units import Address

LONGEST_SYMBOL: Final = 20
MOST_DECIMALS: Final = 77
"""10**77 is the last power of ten in a uint256."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as shown."""

    address: Address
    symbol: str
    decimals: int


def printable(text: str) -> str:
    """Letters that cannot mislead a terminal or a message: ASCII, short, never empty."""
    kept = "".join(char for char in text if char.isascii() and char.isprintable()).strip()
    return kept[:LONGEST_SYMBOL] or "?"


@dataclass
class TokenBook:
    """Tokens read so far; symbol and decimals of a token do not change."""

    known: dict[Address, Token] = field(default_factory=dict[Address, Token])

    def read(self, addresses: Sequence[Address]) -> Reading[dict[Address, Token | CannotSee]]:
        """The tokens, by address; `CannotSee` for one whose decimals cannot be read."""
        missing = [address for address in dict.fromkeys(addresses) if address not in self.known]
        found: dict[Address, Token | CannotSee] = {}
        if missing:
            asks: list[Ask] = []
            for address in missing:
                asks += [View(address, erc20.DECIMALS.encode()), View(address, erc20.SYMBOL.encode())]
            answers = yield asks
            for index, address in enumerate(missing):
                found[address] = self._learn(address, answers[2 * index], answers[2 * index + 1])
        return {address: self.known.get(address) or found[address] for address in addresses}

    def _learn(self, address: Address, decimals: Answer, symbol: Answer) -> Token | CannotSee:
        try:
            places = decoded(erc20.DECIMALS, decimals, f"decimals of token {address}")
        except CannotSee as error:
            return error
        if places > MOST_DECIMALS:
            return CannotSee(f"token {address} says it has {places} decimals")
        token = self.known[address] = Token(address, _symbol(symbol), places)
        return token


def _symbol(answer: Answer) -> str:
    if isinstance(answer, Refusal):
        return "?"
    try:
        return printable(erc20.symbol_of(answer))
    except AbiError:
        return "?"
