"""Rewards of proof-of-work blocks into the store: each is read once, in transactions of a thousand."""

from __future__ import annotations

import threading
from collections.abc import Callable

from monitor.chain.reply import BatchCaller
from monitor.chain.uncles import Reward, read_pow_blocks
from monitor.store import rewards
from monitor.store.database import Database
from monitor.supply.pow import block_reward_wei
from monitor.units import BlockNumber

WRITE_BLOCKS = 1_000


def read_rewards(
    node: BatchCaller,
    db: Database,
    first: BlockNumber,
    last: BlockNumber,
    *,
    cancel: threading.Event,
    reward: Reward = block_reward_wei,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Store what is missing of blocks `first` to `last`, all before the Merge; returns how many were read.

    Ends early, with all that was read committed, when `cancel` is set. Raises NodeError and StoreError.
    """
    done = 0
    for start, end in rewards.missing(db, first, last):
        for low in range(start, end + 1, WRITE_BLOCKS):
            if cancel.is_set():
                return done
            high = BlockNumber(min(low + WRITE_BLOCKS - 1, end))
            found = list(read_pow_blocks(node, BlockNumber(low), high, reward=reward))
            rewards.save(db, ((one.number, len(one.uncles), one.issued_wei) for one in found))
            done += len(found)
            if progress is not None:
                progress(done)
    return done
