"""What is read beside the blocks at each new head, and what follows from it.

    positions of the watched wallets ---+
    price feeds, balances, supplies -----+--> rows, readings, alerts: one transaction with the block
    events of the new blocks ------------+

All node I/O happens in `decide`, pinned to the head's hash; the function that it returns only writes.
What cannot be read becomes "cannot see" and never stops the ledger.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from alerts.model import BlockStamp, Message, Reading
from monitor.bookkeeping import Bookkeeping
from monitor.chain.endpoints import Endpoints
from monitor.chain.follower import Advance
from monitor.comovement import Others
from monitor.domain import BlockRef, FeedPrice
from monitor.lending.position import Leg, Position, PositionKey, Unseen
from monitor.ports import Clock
from monitor.readings.positions import ended_readings
from monitor.store import incidents, last_look, ledger, outbox, position_events, positions, prices
from monitor.store.database import Database
from monitor.units import Address, UnixTime
from monitor.watch.comovement import ComovementWatch
from monitor.watch.delisted import NOT_WATCHED, delisted_readings
from monitor.watch.history import PositionHistory
from monitor.watch.own import fork_readings, own_readings, stamp
from monitor.watch.readings import chain_readings, net_readings, wanted_balances, watched_readings
from monitor.watch.snapshot import Snapshot, SnapshotReader
from monitor.watch.tokens import TokenWatch
from monitor.watch.unmatched import Unmatched
from monitor.watch.unread import Unread
from monitor.watchlist import Watchlist

log = logging.getLogger("ethmon")

__all__ = ["Snapshot", "SnapshotReader", "Watch"]


@dataclass
class Watch:
    """One watchlist on one chain."""

    source: Endpoints
    reader: SnapshotReader
    watchlist: Watchlist
    clock: Clock
    channels: Sequence[str] = ()
    """Names of every channel that is configured."""
    stake: tuple[int, int] | None = None
    """ETHMON_STAKE, for issuance without a beacon node."""
    on_messages: Callable[[Sequence[Message]], None] = lambda _messages: None
    """Called after messages were queued, inside the transaction: only to wake somebody."""
    history: PositionHistory = field(default_factory=PositionHistory)
    tokens: TokenWatch = field(default_factory=TokenWatch)
    last: Snapshot | None = None
    known: frozenset[PositionKey] = frozenset()
    """The positions of the last look that saw."""
    unread: Unread = field(default_factory=Unread)
    legs: dict[PositionKey, dict[Address, Leg]] = field(default_factory=dict[PositionKey, dict[Address, Leg]])
    """What each position has or had, as it was seen last: a debt that was repaid whole is still priced."""

    left: frozenset[PositionKey] = frozenset()
    """Positions of wallets that were taken off the list: what is open about them ends."""
    parted: frozenset[PositionKey] = frozenset()
    """All of these since the start: a reorg takes back the block that ended it."""
    edited: bool = True
    """What is listed may not be what it was when incidents were opened: an edit, a restart, a reorg."""
    unmatched: Unmatched = field(default_factory=Unmatched)
    books: Bookkeeping = field(default_factory=Bookkeeping)
    comovement: ComovementWatch = field(init=False)

    def __post_init__(self) -> None:
        self.comovement = ComovementWatch(Others(self.watchlist.series))

    def resume(self, db: Database) -> None:
        """Go on where the last process was: what it knew, and which blocks' events it had not read."""
        newest = last_look.newest_block(db)
        if newest is None:
            return
        for key, legs in last_look.legs(db).items():
            self._remember(key, legs)
        self._part_with(frozenset(self.legs))
        self.unread.after_restart(ref for ref in ledger.recent_refs(db) if ref.number > newest)

    def adopt(self, watchlist: Watchlist, tokens: TokenWatch) -> None:
        """Go on with an edited list. Incidents of rules that are gone end by themselves."""
        self.watchlist, self.tokens = watchlist, tokens
        self.comovement = ComovementWatch(Others(watchlist.series))
        self.unmatched.restart()
        self.edited = True
        self._part_with(self.known)

    def _part_with(self, keys: frozenset[PositionKey]) -> None:
        """Of `keys`, know those that are watched; the others are not gone, only nobody's business now."""
        self.known = frozenset(key for key in keys if key.account in self.names)
        self.left = keys - self.known
        self.parted = frozenset(key for key in self.parted | self.left if key.account not in self.names)

    @property
    def names(self) -> dict[Address, str]:
        """By address."""
        return {wallet.address: wallet.name for wallet in self.watchlist.wallets}

    def decide(self, step: Advance) -> Callable[[Database], None] | None:
        """Read at the head of `step`; nothing while it is only catching up."""
        ancestor = step.reorg.ancestor if step.reorg is not None else None
        self.unread.follow([block.ref for block in step.blocks], ancestor)
        if ancestor is not None:
            self.left, self.edited = self.parted, True
            self.tokens.forget_above(ancestor)
            self.reader.tokens.known.clear()
        if not step.complete:
            return None
        blocks = self.unread.next()
        snapshot = self.read(step.blocks[-1].ref, blocks)
        self.comovement.prepare(self.watchlist.rules)
        return lambda db: self._write(db, step, snapshot, blocks)

    def read(self, at: BlockRef, blocks: Sequence[BlockRef] = ()) -> Snapshot:
        """Positions, prices and events as of `at`."""
        return self.reader.read(
            at,
            [wallet.address for wallet in self.watchlist.wallets],
            blocks=blocks,
            balances_of=wanted_balances(self.watchlist),
            supplies_of=self.tokens.due(at),
            needs_proof=self.history.is_due,
            known=self.history.proofs,
        )

    def look_at_ourselves(self, db: Database, trouble: str) -> None:
        """Judge our own sight by the wall clock: a stale head, gaps, endpoints apart."""
        now = self.clock.now()
        readings = own_readings(db, self.source, now, trouble)
        if readings:
            with db.transaction():
                at = BlockStamp(readings[0].at.number, readings[0].at.hash, now)
                self._judge(db, readings, at, of_chain=False)

    def _write(self, db: Database, step: Advance, snapshot: Snapshot, blocks: Sequence[BlockRef]) -> None:
        at, names = snapshot.at, self.names
        if step.reorg is not None:
            self.history.forget_above(step.reorg.ancestor)
        for feed in snapshot.feeds.values():
            if isinstance(feed, FeedPrice):
                prices.save(db, at, feed)
        gone = self._gone(snapshot)
        if not snapshot.blind:
            positions.save_now(db, at, snapshot.seen, names)
            position_events.save(db, snapshot.events)
            self.history.save(db, snapshot, names)
        for one in snapshot.seen:
            if isinstance(one, Position):
                self._remember(one.key, (*one.collaterals, *one.debts))
        block = stamp(at, UnixTime(at.timestamp))
        readings = [
            *watched_readings(
                db,
                snapshot,
                self.last,
                self.watchlist,
                keys=sorted(self.known),
                gone=gone,
                legs={key: tuple(legs.values()) for key, legs in self.legs.items()},
            ),
            *chain_readings(db, step, self.watchlist.rules, block),
            *net_readings(db, self.watchlist.rules, self.stake, block, self.books),
            *self.comovement.readings(db, self.watchlist.rules, block),
            *fork_readings(self.source, block),
            *ended_readings(sorted(self.left), {}, NOT_WATCHED, block),
            *self._delisted(db, block),
            *self.tokens.write(db, snapshot, self.watchlist.rules, block),
        ]
        self._judge(db, readings, block)
        if not snapshot.blind:
            self._say_unmatched(db, readings, block)
        self.last, self.left, self.edited = snapshot, frozenset(), False
        if not snapshot.blind:
            self.known = frozenset(one.key for one in snapshot.seen)
            self.unread.done(blocks)

    def _delisted(self, db: Database, at: BlockStamp) -> Iterator[Reading]:
        if self.edited:
            compared = self.comovement.others.names(db)
            yield from delisted_readings(db, self.watchlist, self.tokens.listed, compared, at)

    def _judge(
        self, db: Database, readings: Sequence[Reading], at: BlockStamp, *, of_chain: bool = True
    ) -> None:
        queued = incidents.decide(
            db,
            self.watchlist.rules,
            readings,
            at=at,
            channels=self.channels,
            now_wall=self.clock.now(),
            of_chain=of_chain,
        )
        if queued:
            self.on_messages(queued)

    def _say_unmatched(self, db: Database, readings: Sequence[Reading], at: BlockStamp) -> None:
        message = self.unmatched.look(self.watchlist.rules, readings, at.time)
        if message is not None:
            log.warning("%s: %s", message.title, message.lead)
            outbox.enqueue(db, message, self.channels, self.clock.now())
            self.on_messages((message,))

    def _remember(self, key: PositionKey, legs: Sequence[Leg]) -> None:
        self.legs.setdefault(key, {}).update((leg.token, leg) for leg in legs if leg.amount)

    def _gone(self, snapshot: Snapshot) -> list[PositionKey]:
        """Positions that were there at the last look that saw, and are not, though this one saw."""
        if snapshot.blind:
            return []
        now = {one.key for one in snapshot.seen}
        unseen = {(one.key.protocol, one.key.account) for one in snapshot.seen if isinstance(one, Unseen)}
        return sorted(key for key in self.known - now if (key.protocol, key.account) not in unseen)
