"""What is read beside the blocks at each new head, and what follows from it.

    positions of the watched wallets ---+
    price feeds -------------------------+--> rows, readings, alerts: one transaction with the block
    events of the new blocks ------------+

All node I/O happens in `decide`, pinned to the head's hash; the function that it returns only writes.
What cannot be read becomes "cannot see" and never stops the ledger.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from alerts.model import BlockStamp, CannotSee, Message, Reading
from monitor.chain.endpoints import Endpoints
from monitor.chain.follower import Advance
from monitor.chain.reader import Reader, events, prove
from monitor.domain import BlockRef, FeedPrice
from monitor.errors import CannotSee as CannotSeeError
from monitor.errors import NodeError
from monitor.lending.attribution import Contribution, attribute
from monitor.lending.outcome import liquidation_tick
from monitor.lending.position import EventKind, Position, PositionKey, Proof, Seen, Unseen
from monitor.ports import Clock
from monitor.protocols.base import Adapter
from monitor.protocols.feeds import read_feeds
from monitor.readings.positions import position_readings
from monitor.readings.reported import holding_readings, level_reading, price_readings
from monitor.store import incidents, positions, prices
from monitor.store.database import Database
from monitor.units import Address, UnixTime
from monitor.watchlist import Watchlist

log = logging.getLogger(__name__)

SAMPLE_EVERY_S = 300
"""A position that only drifts gets a row of history this often (block time)."""
EVENTS_OF_BLOCKS = 64
"""Blocks of one advance whose logs are read; older ones were missed while catching up."""

OnMessages = Callable[[Sequence[Message]], None]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that was read at one block besides the block itself."""

    at: BlockRef
    seen: Sequence[Seen]
    blind: str
    """Why no position could be read; empty when they were."""
    feeds: Mapping[str, FeedPrice | CannotSee]
    events: Sequence[positions.EventAt]


@dataclass(frozen=True, slots=True)
class _Sampled:
    """The last row of history of a position."""

    position: Position
    time: UnixTime


@dataclass
class Watch:
    """Reads for one watchlist. Remembers the last sample of each position, to take moves apart."""

    source: Endpoints
    adapters: Sequence[Adapter]
    watchlist: Watchlist
    feeds: Mapping[str, Address]
    clock: Clock
    channels: Sequence[str] = ("console",)
    reader: Reader = field(default_factory=Reader)
    last: Snapshot | None = None
    _samples: dict[PositionKey, _Sampled] = field(default_factory=dict[PositionKey, _Sampled])
    _priced: dict[PositionKey, Position] = field(default_factory=dict[PositionKey, Position])
    _proofs: dict[PositionKey, Position] = field(default_factory=dict[PositionKey, Position])

    @property
    def names(self) -> dict[Address, str]:
        """By address."""
        return {wallet.address: wallet.name for wallet in self.watchlist.wallets}

    def decide(self, step: Advance) -> Callable[[Database], None] | None:
        """Read at the head of `step`; nothing while it is only catching up."""
        if not step.complete:
            return None
        snapshot = self.read(step.blocks[-1].ref, [block.ref for block in step.blocks])
        return lambda db: self._write(db, snapshot)

    def read(self, at: BlockRef, blocks: Sequence[BlockRef] = ()) -> Snapshot:
        """Positions, prices and events as of `at`. Raises nothing for a node that cannot answer."""
        pinned = self.source.pinned(at)
        accounts = [wallet.address for wallet in self.watchlist.wallets]
        feeds = self._feeds(at)
        try:
            seen = self.reader.positions(pinned, self.adapters, accounts) if accounts else []
            seen = [self._proved(at, one) for one in seen]
            happened = self._events(blocks, set(accounts))
        except NodeError as error:
            log.warning("positions cannot be seen at block %d: %s", at.number, error)
            return Snapshot(at, (), error.problem, feeds, ())
        return Snapshot(at, seen, "", feeds, happened)

    def _feeds(self, at: BlockRef) -> dict[str, FeedPrice | CannotSee]:
        if not self.feeds:
            return {}
        try:
            answers = self.reader.run(self.source.pinned(at), read_feeds(list(self.feeds.values())))
        except NodeError as error:
            return dict.fromkeys(self.feeds, CannotSee(f"price feeds: {error.problem}"))
        found: dict[str, FeedPrice | CannotSee] = {}
        for name, address in self.feeds.items():
            told = answers[address]
            if isinstance(told, CannotSeeError):
                found[name] = CannotSee(str(told))
            elif told.answer <= 0:
                found[name] = CannotSee(f"the {name} feed answers {told.answer}")
            else:
                found[name] = FeedPrice(name, address, told.answer, told.decimals, told.updated_at)
        return found

    def _proved(self, at: BlockRef, one: Seen) -> Seen:
        """A position with its proof: asked for when its liquidation price is new, kept while it is not."""
        if isinstance(one, Unseen):
            return one
        before = self._proofs.get(one.key)
        tick = liquidation_tick(one.outcome)
        sample = self._samples.get(one.key)
        due = sample is None or at.timestamp - sample.time >= SAMPLE_EVERY_S or _differs(sample.position, one)
        if (
            before is not None
            and not due
            and liquidation_tick(before.outcome) is not None
            and tick is not None
        ):
            return replace(one, proof=before.proof)
        proved = replace(one, proof=self._proof(at, one))
        self._proofs[one.key] = proved
        return proved

    def _proof(self, at: BlockRef, position: Position) -> Proof:
        adapter = next(adapter for adapter in self.adapters if adapter.key == position.key.protocol)
        return prove(self.source.pinned(at), adapter, position)

    def _events(self, blocks: Sequence[BlockRef], accounts: set[Address]) -> list[positions.EventAt]:
        if not accounts:
            return []
        found: list[positions.EventAt] = []
        for block in blocks[-EVENTS_OF_BLOCKS:]:
            for where, event in events(self.source.pinned(block), self.adapters):
                if event.key.account in accounts:
                    found.append(positions.EventAt(block, where.log_index, where.transaction_hash, event))
        return found

    def _write(self, db: Database, snapshot: Snapshot) -> None:
        at, names = snapshot.at, self.names
        for feed in snapshot.feeds.values():
            if isinstance(feed, FeedPrice):
                prices.save(db, at, feed)
        gone = self._gone(snapshot)
        if not snapshot.blind:
            positions.save_now(db, at, snapshot.seen, names)
            positions.save_events(db, snapshot.events)
            self._save_samples(db, snapshot, names)
        readings = self.readings(snapshot, gone)
        incidents.decide(
            db, self.watchlist.rules, readings,
            at=BlockStamp(at.number, at.hash, at.timestamp), channels=self.channels, now_wall=self.clock.now(),
        )  # fmt: skip
        self.last = snapshot

    def readings(self, snapshot: Snapshot, gone: Sequence[PositionKey] = ()) -> list[Reading]:
        """Everything that rules may look at, of one snapshot."""
        at = BlockStamp(snapshot.at.number, snapshot.at.hash, snapshot.at.timestamp)
        seen = [Unseen(key, snapshot.blind) for key in self._samples] if snapshot.blind else snapshot.seen
        found = position_readings(seen, self.names, at, gone)
        eth = snapshot.feeds.get("ETH/USD", CannotSee("no ETH/USD feed is known for this chain"))
        for level in self.watchlist.levels:
            found.append(level_reading(level.name, level.price, level.source, eth, at))
        for one in self.watchlist.holdings:
            costs = (one.cost_low, one.cost_high)
            found += holding_readings(one.name, one.amount_wei, costs, one.source, eth, at)
        found += price_readings([feed for feed in snapshot.feeds.values() if isinstance(feed, FeedPrice)], at)
        return found

    def _gone(self, snapshot: Snapshot) -> list[PositionKey]:
        if snapshot.blind or self.last is None or self.last.blind:
            return []
        now = {one.key for one in snapshot.seen}
        return [one.key for one in self.last.seen if one.key not in now and isinstance(one, Position)]

    def _save_samples(self, db: Database, snapshot: Snapshot, names: dict[Address, str]) -> None:
        liquidated = {at.event.key for at in snapshot.events if at.event.kind is EventKind.LIQUIDATION}
        touched = {at.event.key for at in snapshot.events}
        for one in snapshot.seen:
            sample = self._samples.get(one.key)
            if isinstance(one, Unseen) or (
                sample is not None and one.key not in touched and not _due(sample, one, snapshot.at)
            ):
                continue
            positions.save_history(db, snapshot.at, [one], names)
            self._save_moves(db, snapshot.at, one, liquidated=one.key in liquidated)
            self._samples[one.key] = _Sampled(one, snapshot.at.timestamp)

    def _save_moves(self, db: Database, at: BlockRef, one: Position, *, liquidated: bool) -> None:
        """Why its price moved since it last had one: while it is liquidatable there is none to move."""
        if liquidation_tick(one.outcome) is None:
            return
        before = self._priced.get(one.key)
        if before is not None:
            positions.save_moves(db, at, one.key, _moves(before, one, liquidated=liquidated))
        self._priced[one.key] = one


def _due(sample: _Sampled, one: Position, at: BlockRef) -> bool:
    return at.timestamp - sample.time >= SAMPLE_EVERY_S or _differs(sample.position, one)


def _differs(before: Position, after: Position) -> bool:
    """Whether more than interest happened: another class, other tokens, another proof, a per cent of debt."""
    if type(before.outcome) is not type(after.outcome) or before.proof.state is not after.proof.state:
        return True
    old = [(leg.token, leg.amount) for leg in (*before.collaterals, *before.debts)]
    new = [(leg.token, leg.amount) for leg in (*after.collaterals, *after.debts)]
    if [token for token, _ in old] != [token for token, _ in new]:
        return True
    return any(abs(now - was) * 1_000 > was for (_, was), (_, now) in zip(old, new, strict=True))


def _moves(before: Position, after: Position, *, liquidated: bool) -> Sequence[Contribution]:
    if before.model is None or after.model is None:
        return ()
    try:
        return attribute(before.model, after.model, liquidated=liquidated)
    except CannotSeeError as error:
        log.debug("a move of %s cannot be taken apart: %s", after.key.market, error)
        return ()
