"""Issuance of proof-of-work blocks in the store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from monitor.store.database import Database
from monitor.units import WEI_PER_GWEI, BlockNumber, Gwei, Wei, floor_div


class PowSum(NamedTuple):
    """Rewards of the blocks of a range that were read."""

    blocks: int
    uncles: int
    issued_wei: Wei


def save(db: Database, rows: Iterable[tuple[BlockNumber, int, Wei]]) -> None:
    """Keep blocks as (number, how many uncles, wei issued). Rewards are whole gwei: 5 ETH / 32 is."""
    with db.transaction() as connection:
        connection.executemany(
            "INSERT OR REPLACE INTO pow_reward (block_number, uncles, issued_gwei) VALUES (?, ?, ?)",
            ((number, uncles, _gwei(issued)) for number, uncles, issued in rows),
        )


def missing(db: Database, first: BlockNumber, last: BlockNumber) -> list[tuple[BlockNumber, BlockNumber]]:
    """The ranges of `first` to `last` that are not stored, ascending."""
    if first > last:
        return []
    rows = db.rows(
        "SELECT after, before FROM (SELECT lag(block_number, 1, ?1 - 1) OVER (ORDER BY block_number) AS after,"
        " block_number AS before FROM pow_reward WHERE block_number BETWEEN ?1 AND ?2) WHERE before > after + 1",
        first,
        last,
    )
    newest = db.row(
        "SELECT max(block_number) FROM pow_reward WHERE block_number BETWEEN ? AND ?", first, last
    )
    found = [(BlockNumber(after + 1), BlockNumber(before - 1)) for after, before in rows]
    reached = newest[0] if newest[0] is not None else first - 1
    return found if reached >= last else [*found, (BlockNumber(reached + 1), last)]


def total(db: Database, first: BlockNumber, last: BlockNumber) -> PowSum:
    """Sums over the stored ones of blocks `first` to `last`."""
    blocks, uncles, gwei = db.row(
        "SELECT count(*), coalesce(sum(uncles), 0), coalesce(sum(issued_gwei), 0) FROM pow_reward"
        " WHERE block_number BETWEEN ? AND ?",
        first,
        last,
    )
    return PowSum(blocks, uncles, Wei(gwei * WEI_PER_GWEI))


def _gwei(issued: Wei) -> Gwei:
    gwei = floor_div(issued, WEI_PER_GWEI)
    if gwei * WEI_PER_GWEI != issued:
        raise ValueError(f"a reward of {issued} wei is not whole gwei")
    return Gwei(gwei)
