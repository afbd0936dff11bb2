"""A database belongs to one chain."""

from __future__ import annotations

from monitor.errors import StoreOtherChain
from monitor.store.database import Database
from monitor.store.faults import SETTING
from monitor.units import BlockHash, UnixTime


def bind_chain(db: Database, chain_id: int, genesis_hash: BlockHash | None, at: UnixTime) -> None:
    """Claim the file for a chain, or prove that it is this chain's; `StoreOtherChain` if it is not.

    A genesis hash of None (a node without history) is not compared; the first one known is kept.
    """
    with db.transaction() as connection:
        known = db.row("SELECT chain_id, genesis_hash FROM chain")
        if known is None:
            connection.execute("INSERT INTO chain VALUES (1, ?, ?, ?)", (chain_id, genesis_hash, at))
            return
        if known[0] != chain_id:
            raise StoreOtherChain(
                f"{SETTING}: {db.path} holds chain {known[0]}, the node follows chain {chain_id}. "
                "Use another file for this chain."
            )
        if None not in (known[1], genesis_hash) and known[1] != genesis_hash:
            raise StoreOtherChain(
                f"{SETTING}: {db.path} holds another chain with the id {chain_id} (genesis {known[1]}, "
                f"the node says {genesis_hash}). Use another file for this chain."
            )
        connection.execute("UPDATE chain SET genesis_hash = coalesce(genesis_hash, ?)", (genesis_hash,))


def chain_id(db: Database) -> int | None:
    """The chain that the file holds; None while nobody has claimed it."""
    row = db.row("SELECT chain_id FROM chain")
    return row[0] if row else None
