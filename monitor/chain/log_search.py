"""Looks for accounts in a protocol's logs, once per account: whole history, in as many parts as the node wants."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from monitor.chain.pinned import Pinned
from monitor.errors import NodeError, TooLarge
from monitor.protocols.base import Adapter, EventLog, LogSearch, Searching
from monitor.units import Address, BlockNumber

MOST_QUERIES: Final = 64
"""Per search: nodes that allow only small spans would take thousands for the whole chain."""
log = logging.getLogger(__name__)


def learn_places(pinned: Pinned, adapters: Sequence[Adapter], accounts: Sequence[Address]) -> None:
    """Let adapters that need it find where `accounts` are. Never fails: what is not found is told to them."""
    for adapter in adapters:
        if isinstance(adapter, Searching):
            searches = adapter.searches(accounts)
            if searches:
                adapter.learn(accounts, _found(pinned, searches))


def _found(pinned: Pinned, searches: Sequence[LogSearch]) -> list[EventLog] | None:
    try:
        return [found for search in searches for found in search_logs(pinned, search)]
    except NodeError as error:
        log.info("the node does not search its logs for positions: %s", error.problem)
        return None


def search_logs(pinned: Pinned, search: LogSearch) -> list[EventLog]:
    """All logs of a search up to the block, in order. Raises NodeError, TooLarge after `MOST_QUERIES`."""
    found: list[EventLog] = []
    pending = [(search.first, pinned.block.number)]
    for _ in range(MOST_QUERIES):
        if not pending:
            return found
        first, last = pending.pop()
        try:
            part = pinned.find_logs((first, last), [search.address], search.topics)
        except TooLarge:
            if first >= last:
                raise
            middle = BlockNumber((first + last) // 2)
            pending += [(BlockNumber(middle + 1), last), (first, middle)]
            continue
        found += [
            EventLog(
                one.log.address,
                one.log.topics,
                one.log.data,
                one.block,
                one.log.log_index,
                one.log.transaction_hash,
            )
            for one in part
        ]
    raise TooLarge("log search", f"the node takes the history in more than {MOST_QUERIES} parts.")
