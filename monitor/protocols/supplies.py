"""Supply of ERC-20 tokens as their contracts tell it. A contract that does not tell is `CannotSee`, never 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contracts_abi import erc20
from monitor.domain import TokenSupply
from monitor.errors import CannotSee
from monitor.protocols.asking import decoded
from monitor.protocols.base import Answer, Reading, View, together
from monitor.protocols.tokens import Token, TokenBook
from monitor.units import Address

Supplies = dict[Address, TokenSupply | CannotSee]


def read_supplies(book: TokenBook, addresses: Sequence[Address]) -> Reading[Supplies]:
    """Every token's supply, in one round; `book` asks for the decimals of those that it does not know yet."""
    wanted = list(dict.fromkeys(addresses))
    readings: list[Reading[Any]] = [book.read(wanted), _totals(wanted)]
    tokens, answers = yield from together(readings)
    return {
        address: _supply(address, tokens[address], answer)
        for address, answer in zip(wanted, answers, strict=True)
    }


def _totals(addresses: Sequence[Address]) -> Reading[Sequence[Answer]]:
    if not addresses:
        return ()
    return (yield [View(address, erc20.TOTAL_SUPPLY.encode()) for address in addresses])


def _supply(address: Address, token: Token | CannotSee, answer: Answer) -> TokenSupply | CannotSee:
    try:
        units = decoded(erc20.TOTAL_SUPPLY, answer, f"supply of token {address}")
    except CannotSee as error:
        return error
    return token if isinstance(token, CannotSee) else TokenSupply(units, token.decimals, token.symbol)
