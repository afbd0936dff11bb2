"""Which alerts would these rules have sent? The live engine over stored history or an archive node; nothing is sent.

stored history   every stored block, position row and feed answer of the range, in order
archive node     the same snapshot reader as the daemon, at every `step`-th block
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from alerts.engine import States, evaluate, selects
from alerts.model import Alert, BlockStamp, CannotSee, Fact, Gone, Kind, Reading, Rule, Transition
from monitor.chain.endpoints import Endpoints
from monitor.chain.follower import Advance
from monitor.comovement import Others
from monitor.domain import Block, BlockRef, FeedPrice, ListedToken
from monitor.errors import BadAnswer, Unsupported
from monitor.readings.chain import fee_readings
from monitor.readings.positions import position_readings, refuted, subject_of, title_of
from monitor.store import history, positions, prices, tokens
from monitor.store.database import Database
from monitor.store.positions import StoredPosition
from monitor.supply.forks import reserve_price
from monitor.units import Address, BlockHash, BlockNumber
from monitor.watch.comovement import ComovementWatch
from monitor.watch.readings import ETH_USD, NO_FEED, chain_readings, reported_readings
from monitor.watch.snapshot import SnapshotReader
from monitor.watch.tokens import READ_EVERY_S, stored_readings
from monitor.watchlist import Watchlist

CHUNK = 1_000
NO_HASH = BlockHash("0x" + "00" * 32)
"""Hashes of old blocks are not kept; nothing here depends on them."""

Moment = tuple[BlockStamp, Sequence[Reading]]


@dataclass(frozen=True, slots=True)
class Told:
    """One alert that would have been sent."""

    block: int
    time: int
    alert: Alert


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule would have been worth for one subject. Times are block time."""

    rule: str
    name: str
    alerts: int
    first: int
    """When it was first told."""
    worst: int | None
    """When the most severe level was first told; None: it never was."""
    false_alarms: int
    """Incidents that ended without reaching the most severe level."""

    @property
    def lead_s(self) -> int | None:
        """From the first word to the worst level: the time that a person had."""
        return None if self.worst is None else self.worst - self.first


@dataclass
class Replayed:
    """The outcome of a replay, complete when its moments are used up."""

    told: list[Told] = field(default_factory=list[Told])
    moments: int = 0
    unjudged: tuple[str, ...] = ()
    """Rules for which there was no reading: that they said nothing means nothing."""

    def verdicts(self) -> list[Verdict]:
        """One for each rule and subject that was told about, in order of the first word."""
        groups: dict[tuple[str, str], list[Told]] = {}
        for one in self.told:
            groups.setdefault((one.alert.rule.name, one.alert.subject), []).append(one)
        return sorted((_verdict(group) for group in groups.values()), key=lambda one: one.first)


def replay(
    rules: Sequence[Rule], moments: Iterable[Moment], progress: Callable[[BlockStamp], None] | None = None
) -> Replayed:
    """Judge every moment as the daemon would have. `progress` is called after each."""
    outcome = Replayed()
    states: States = {}
    unmatched = list(rules)
    for at, readings in moments:
        unmatched = [rule for rule in unmatched if not any(selects(rule, reading) for reading in readings)]
        evaluation = evaluate(rules, readings, states, at)
        states = evaluation.states
        outcome.told += [Told(at.number, at.time, alert) for alert in evaluation.alerts]
        outcome.moments += 1
        if progress is not None:
            progress(at)
    outcome.unjudged = tuple(sorted(rule.name for rule in unmatched))
    return outcome


def stored_moments(
    db: Database, watchlist: Watchlist, first: BlockNumber, last: BlockNumber
) -> Iterator[Moment]:
    """Every stored block of the range with what was stored about it."""
    names = {wallet.address: wallet.name for wallet in watchlist.wallets}
    comovement = ComovementWatch(Others(watchlist.series))
    supplies = _Supplies([one.listed for one in tokens.listed(db)], watchlist.rules)
    feed: FeedPrice | CannotSee = CannotSee("no answer of the ETH/USD feed is stored before this")
    for start in range(first, last + 1, CHUNK):
        end = BlockNumber(min(last, start + CHUNK - 1))
        seen = positions.between(db, BlockNumber(start), end)
        answers = prices.between(db, ETH_USD, BlockNumber(start), end)
        for row in history.blocks(db, BlockNumber(start), end):
            ref = BlockRef(row.number, NO_HASH, NO_HASH, row.timestamp)
            at = BlockStamp(row.number, NO_HASH, row.timestamp)
            new = answers.get(row.number)
            feed = feed if new is None else new
            step = Advance(ref, None, [Block(ref, row)], [], None, None)
            yield (
                at,
                [
                    *chain_readings(db, step, watchlist.rules, at),
                    *reported_readings(watchlist, feed, at),
                    *comovement.readings(db, watchlist.rules, at),
                    *(stored_reading(position, names, at) for position in seen.get(row.number, ())),
                    *supplies.readings(db, at),
                ],
            )


@dataclass
class _Supplies:
    """Tokens looked at as often as the daemon does."""

    listed: Sequence[ListedToken]
    rules: Sequence[Rule]
    looked_at: int = 0

    def readings(self, db: Database, at: BlockStamp) -> Sequence[Reading]:
        if at.time - self.looked_at < READ_EVERY_S:
            return ()
        self.looked_at = at.time
        return stored_readings(db, self.listed, self.rules, at)


def archive_moments(
    source: Endpoints, reader: SnapshotReader, watchlist: Watchlist, numbers: Iterable[BlockNumber]
) -> Iterator[Moment]:
    """Positions, feeds and fees as an archive node has them at each of `numbers`. Raises NodeError."""
    accounts = [wallet.address for wallet in watchlist.wallets]
    names = {wallet.address: wallet.name for wallet in watchlist.wallets}
    for number in numbers:
        (block,) = source.blocks(number, number)
        if block is None:
            raise BadAnswer("node", f"it has no block {number}.")
        snapshot = reader.read(block.ref, accounts)
        if snapshot.blind:
            raise Unsupported(
                "node", f"state at block {number} cannot be read ({snapshot.blind}); is it an archive node?"
            )
        at = BlockStamp(number, block.ref.hash, block.ref.timestamp)
        yield (
            at,
            [
                *position_readings(snapshot.seen, names, at),
                *reported_readings(watchlist, snapshot.feeds.get(ETH_USD, NO_FEED), at),
                *fee_readings(block.row, at, eip7918=reserve_price(source.chain_id(), block.ref.timestamp)),
            ],
        )


def stored_reading(row: StoredPosition, names: Mapping[Address, str], at: BlockStamp) -> Reading:
    """What the daemon read of a position, from its row."""
    name = row.name or names.get(row.account, row.account)
    labels = {"wallet": name, "protocol": row.protocol}
    facts = (
        Fact("Liquidation price", f"{row.liquidation_usd or 0:,.2f} USD"),
        Fact("Price", f"{row.price_usd or 0:,.2f} USD"),
    )
    return Reading(
        "position.distance",
        subject_of(row.key),
        title_of(row.key, name),
        _distance(row),
        at,
        labels,
        facts=facts,
    )


def _distance(row: StoredPosition) -> Decimal | CannotSee | Gone:
    if row.outcome == "unseen":
        return CannotSee(row.cause)
    if row.is_refuted:
        return refuted(row.proof_cause)
    if row.outcome == "already":
        return Decimal(0)
    if row.distance is None:
        return Gone("no ETH price liquidates it")
    return Decimal(repr(row.distance)) * 100


def _verdict(group: Sequence[Told]) -> Verdict:
    rule = group[0].alert.rule
    top = len(rule.levels)
    loud = [
        one
        for one in group
        if one.alert.transition in {Transition.OPENED, Transition.WORSENED, Transition.HAPPENED}
    ]
    worst = next((one.time for one in loud if one.alert.level >= top or rule.spec.kind is Kind.EVENT), None)
    return Verdict(
        rule.name, group[0].alert.name, len(group), group[0].time, worst, _false_alarms(group, top)
    )


def _false_alarms(group: Sequence[Told], top: int) -> int:
    """Incidents that opened and recovered below the most severe level."""
    found, reached, is_open = 0, False, False
    for one in group:
        if one.alert.transition in {Transition.OPENED, Transition.WORSENED}:
            is_open, reached = True, reached or one.alert.level >= top
        elif one.alert.transition is Transition.RECOVERED and is_open:
            found += not reached
            reached = is_open = False
    return found
