"""Supplies of tokens in the past, from an archive node: a look every hour and 40 minutes, newest first.

A look is at a block whose number divides by `EVERY_BLOCKS`, so that a run which was cut off goes on where it was.
Blocks above the finalized one are left to the daemon: what is read here is never rolled back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monitor.chain.endpoints import Endpoints
from monitor.chain.pinned import Pinned
from monitor.chain.reader import Reader
from monitor.domain import ListedToken
from monitor.errors import CannotSee, EthmonError, NodeError
from monitor.protocols import supplies
from monitor.protocols.tokens import TokenBook
from monitor.store import tokens
from monitor.store.database import Database
from monitor.store.tokens import SupplyRow
from monitor.units import BlockNumber, ceil_div, floor_div

EVERY_BLOCKS = 500
"""An hour and 40 minutes of twelve-second slots: with some of them missed still less than a silence of `UNSEEN_AFTER_S`."""


@dataclass(frozen=True, slots=True)
class Looked:
    """How far a run came. `total` looks were missing at its start."""

    total: int
    done: int


def missing_looks(
    db: Database, listed: Sequence[ListedToken], first: BlockNumber, last: BlockNumber, every: int
) -> list[BlockNumber]:
    """Blocks of the range to look at, newest first: those without a row of one of the tokens."""
    lowest, highest = ceil_div(first, every), floor_div(last, every)
    numbers = [BlockNumber(place * every) for place in range(highest, lowest - 1, -1)]
    return [number for number in numbers if tokens.lacks(db, listed, number)]


def read_supplies(
    source: Endpoints,
    db: Database,
    listed: Sequence[ListedToken],
    first: BlockNumber,
    last: BlockNumber,
    *,
    cancel: threading.Event,
    progress: Callable[[Looked], None] | None = None,
    every: int = EVERY_BLOCKS,
) -> Looked:
    """Store what is missing; ends early, with all that was read kept, when `cancel` is set.

    Raises EthmonError where a block's state is not served: most nodes keep that of the newest 128 blocks alone.
    """
    final = source.finalized()
    end = last if final is None else min(last, final.number)
    wanted = missing_looks(db, listed, first, end, every)
    reader, book = Reader(), TokenBook()
    for done, number in enumerate(wanted):
        if cancel.is_set():
            return Looked(len(wanted), done)
        ref = source.ref(number)
        if ref is None:
            raise EthmonError(f"The node has no block {number:,}.")
        tokens.add(db, listed, _look(reader, source.pinned(ref), book, listed))
        if progress is not None:
            progress(Looked(len(wanted), done + 1))
    return Looked(len(wanted), len(wanted))


def _look(reader: Reader, pinned: Pinned, book: TokenBook, listed: Sequence[ListedToken]) -> list[SupplyRow]:
    at, asked = pinned.block, supplies.read_supplies(book, [token.address for token in listed])
    try:
        told = reader.run(pinned, asked)
    except NodeError as error:
        raise EthmonError(
            f"State at block {at.number:,} cannot be read ({error.problem}): this needs an archive node."
        ) from None
    return [
        SupplyRow(at.number, at.timestamp, address, None, None, str(one))
        if isinstance(one, CannotSee)
        else SupplyRow(at.number, at.timestamp, address, one.units, one.decimals, "")
        for address, one in told.items()
    ]
