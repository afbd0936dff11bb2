"""What is read at one block beside the block itself. All node I/O of a watch is here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from alerts.model import CannotSee
from monitor.chain.endpoints import Endpoints
from monitor.chain.reader import Reader, events, prove_all
from monitor.domain import BlockRef, FeedPrice, TokenSupply
from monitor.errors import CannotSee as CannotSeeError
from monitor.errors import NodeError
from monitor.lending.position import Position, Proof, Seen
from monitor.protocols.base import Adapter
from monitor.protocols.feeds import FeedAnswer, read_feeds
from monitor.protocols.supplies import read_supplies
from monitor.protocols.tokens import TokenBook
from monitor.store.position_events import EventAt
from monitor.units import Address

log = logging.getLogger(__name__)

NeedsProof = Callable[[BlockRef, Position], bool]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that was read at one block besides the block itself."""

    at: BlockRef
    seen: Sequence[Seen]
    blind: str
    """Why no position could be read; empty when they were."""
    feeds: Mapping[str, FeedPrice | CannotSee]
    events: Sequence[EventAt]
    balances: Mapping[Address, int | CannotSee]
    """In wei; of the wallets whose balance some rule looks at."""
    supplies: Mapping[Address, TokenSupply | CannotSee] = field(
        default_factory=dict[Address, TokenSupply | CannotSee]
    )
    """Of the tokens that were due."""
    supplies_blind: bool = False
    """No node answered for them: none of `supplies` says anything of its contract."""


@dataclass
class SnapshotReader:
    """Reads snapshots. Raises nothing for a node that cannot answer: that is "cannot see"."""

    source: Endpoints
    adapters: Sequence[Adapter]
    feeds: Mapping[str, Address]
    reader: Reader = field(default_factory=Reader)
    proves: bool = True
    """False: liquidation prices are computed and not put to the contracts."""
    tokens: TokenBook = field(default_factory=TokenBook)
    """Decimals of the tokens whose supply is read."""

    def read(
        self,
        at: BlockRef,
        accounts: Sequence[Address],
        *,
        blocks: Sequence[BlockRef] = (),
        balances_of: Sequence[Address] = (),
        supplies_of: Sequence[Address] = (),
        needs_proof: NeedsProof = lambda _at, _position: True,
        known: Mapping[object, Proof] | None = None,
    ) -> Snapshot:
        """Positions, prices, balances as of `at`, and what happened to `accounts` in `blocks`."""
        feeds, balances = self._feeds(at), self._balances(at, balances_of)
        supplies, no_supplies = self._supplies(at, supplies_of)
        try:
            seen = self.reader.positions(self.source.pinned(at), self.adapters, accounts) if accounts else []
            seen = self._proved(at, seen, needs_proof, known or {})
            happened = self._events(blocks, frozenset(accounts))
        except NodeError as error:
            log.warning("positions cannot be seen at block %d: %s", at.number, error)
            return Snapshot(at, (), error.problem, feeds, (), balances, supplies, no_supplies)
        return Snapshot(at, seen, "", feeds, happened, balances, supplies, no_supplies)

    def _proved(
        self, at: BlockRef, seen: Sequence[Seen], needs_proof: NeedsProof, known: Mapping[object, Proof]
    ) -> list[Seen]:
        """With their last proof, and a new one, all in one batch, where that is due."""
        carried = [
            replace(one, proof=known[one.key]) if isinstance(one, Position) and one.key in known else one
            for one in seen
        ]
        if not self.proves:
            return list(seen)
        due = {
            index: one
            for index, one in enumerate(carried)
            if isinstance(one, Position) and (one.key not in known or needs_proof(at, one))
        }
        adapters = {adapter.key: adapter for adapter in reversed(self.adapters)}
        asked = [(adapters[one.key.protocol], one) for one in due.values()]
        for (index, one), proof in zip(due.items(), prove_all(self.source.pinned(at), asked), strict=True):
            carried[index] = replace(one, proof=proof)
        return carried

    def _feeds(self, at: BlockRef) -> dict[str, FeedPrice | CannotSee]:
        if not self.feeds:
            return {}
        try:
            answers = self.reader.run(self.source.pinned(at), read_feeds(list(self.feeds.values())))
        except NodeError as error:
            return dict.fromkeys(self.feeds, CannotSee(f"price feeds: {error.problem}"))
        return {name: _feed_price(name, address, answers[address]) for name, address in self.feeds.items()}

    def _balances(self, at: BlockRef, accounts: Sequence[Address]) -> dict[Address, int | CannotSee]:
        pinned = self.source.pinned(at)
        found: dict[Address, int | CannotSee] = {}
        for account in accounts:
            try:
                found[account] = pinned.get_balance(account)
            except NodeError as error:
                found[account] = CannotSee(f"balances: {error.problem}")
        return found

    def _supplies(
        self, at: BlockRef, tokens: Sequence[Address]
    ) -> tuple[dict[Address, TokenSupply | CannotSee], bool]:
        if not tokens:
            return {}, False
        try:
            told = self.reader.run(self.source.pinned(at), read_supplies(self.tokens, tokens))
        except NodeError as error:
            return dict.fromkeys(tokens, CannotSee(f"supplies: {error.problem}")), True
        return {
            token: CannotSee(str(one)) if isinstance(one, CannotSeeError) else one
            for token, one in told.items()
        }, False

    def _events(self, blocks: Sequence[BlockRef], accounts: frozenset[Address]) -> list[EventAt]:
        if not accounts:
            return []
        return [
            EventAt(block, where.log_index, where.transaction_hash, event)
            for block in blocks
            for where, event in events(self.source.pinned(block), self.adapters)
            if event.key.account in accounts
        ]


def _feed_price(name: str, address: Address, told: FeedAnswer | CannotSeeError) -> FeedPrice | CannotSee:
    if isinstance(told, CannotSeeError):
        return CannotSee(str(told))
    if told.answer <= 0:
        return CannotSee(f"the {name} feed answers {told.answer}")
    return FeedPrice(name, address, told.answer, told.decimals, told.updated_at)
