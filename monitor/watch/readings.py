"""Every reading of one advance, from what was read and what the store adds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from alerts.model import BlockStamp, CannotSee, Reading, Rule
from monitor.bookkeeping import Bookkeeping
from monitor.chain.follower import Advance
from monitor.domain import FeedPrice
from monitor.issued import IssuanceSource
from monitor.lending.outcome import liquidation_tick
from monitor.lending.position import Leg, Position, PositionKey, Unseen
from monitor.readings import chain, happenings
from monitor.readings.positions import PROTOCOLS, position_readings
from monitor.readings.reported import holding_readings, level_reading, price_readings
from monitor.store import frames, identity, positions
from monitor.store.database import Database
from monitor.supply.forks import reserve_price
from monitor.units import Address, UnixTime, Wei
from monitor.watch.records import record_readings
from monitor.watch.snapshot import Snapshot
from monitor.watchlist import Watchlist

ETH_USD = "ETH/USD"
NO_FEED = CannotSee("no ETH/USD feed is known for this chain")
HEARTBEATS = {"ETH/USD": 3_600, "BTC/USD": 3_600}
"""Seconds within which a feed promises an answer. XAU/USD keeps market hours and has none here."""


def wanted_balances(watchlist: Watchlist) -> list[Address]:
    """The wallets whose balance some rule looks at."""
    wanted = any(rule.spec.key in {"wallet.balance", "wallet.transfer"} for rule in watchlist.rules)
    return [wallet.address for wallet in watchlist.wallets] if wanted else []


def watched_readings(
    db: Database,
    snapshot: Snapshot,
    last: Snapshot | None,
    watchlist: Watchlist,
    *,
    keys: Sequence[PositionKey] = (),
    gone: Sequence[PositionKey] = (),
    legs: Mapping[PositionKey, Sequence[Leg]] | None = None,
) -> list[Reading]:
    """Of what the watchlist names. `keys` are the positions known so far, for when nothing can be seen.

    `legs` are the assets that positions have or had; they price what events moved.
    """
    at = BlockStamp(snapshot.at.number, snapshot.at.hash, snapshot.at.timestamp)
    names = {wallet.address: wallet.name for wallet in watchlist.wallets}
    seen = [Unseen(key, snapshot.blind) for key in keys] if snapshot.blind else snapshot.seen
    chain_id = identity.chain_id(db)
    found = position_readings(seen, names, at, gone, chain_id)
    found += reported_readings(watchlist, snapshot.feeds.get(ETH_USD, NO_FEED), at)
    found += price_readings([feed for feed in snapshot.feeds.values() if isinstance(feed, FeedPrice)], at)
    found += _events(snapshot, legs or {}, names, at, chain_id)
    found += _moves(db, snapshot, watchlist.rules, names, at)
    found += _balances(snapshot, last, names, at)
    found += _oracles(snapshot, at)
    return found


def chain_readings(db: Database, step: Advance, rules: Sequence[Rule], at: BlockStamp) -> Iterator[Reading]:
    """Of the chain itself: fees, burn over the windows that rules ask for, the reorg if there was one."""
    eip7918 = reserve_price(identity.chain_id(db), UnixTime(at.time))
    yield from chain.fee_readings(step.blocks[-1].row, at, eip7918=eip7918)
    for window in sorted(_windows(rules, "supply.burn_eth")):
        yield chain.burn_reading(_burn(_frame(db, window, at), window), at)
    if any(rule.spec.key == "supply.record_burn" for rule in rules):
        yield from record_readings(db, step.blocks, at)
    if step.reorg is not None:
        yield chain.reorg_reading(step.reorg, at)


def net_readings(
    db: Database,
    rules: Sequence[Rule],
    stake: tuple[int, int] | None,
    at: BlockStamp,
    books: Bookkeeping | None = None,
) -> Iterator[Reading]:
    """Net supply change over the windows that rules ask for: its sign, where the interval has one.

    `books` of the look before spare most of the work.
    """
    windows = _windows(rules, "supply.net_change_eth")
    source = IssuanceSource(db, stake, books) if windows else None
    for window in sorted(windows):
        assert source is not None
        issued = source.issued(UnixTime(at.time - window), UnixTime(at.time), before_merge=True)
        found = _frame(db, window, at)
        mined = source.pow_wei(found.coverage.first, found.coverage.last)
        yield chain.net_reading(_burn(found, window), issued, at, mined)


def _windows(rules: Sequence[Rule], key: str) -> set[int]:
    return {rule.window_s for rule in rules if rule.spec.key == key and rule.window_s is not None}


def _frame(db: Database, window_s: int, at: BlockStamp) -> frames.Frame:
    return frames.frame(db, UnixTime(at.time - window_s + 1), UnixTime(at.time + 1))


def _burn(found: frames.Frame, window_s: int) -> chain.WindowBurn:
    totals, coverage = found.totals, found.coverage
    missing = coverage.missing + coverage.maybe_missing + max(totals.burn_unknown, totals.blob_burn_unknown)
    return chain.WindowBurn(
        window_s,
        Wei(totals.burn_wei + totals.blob_burn_wei),
        totals.burn_wei,
        totals.blob_burn_wei,
        missing,
        coverage.starts_late,
    )


def reported_readings(watchlist: Watchlist, eth: FeedPrice | CannotSee, at: BlockStamp) -> Iterator[Reading]:
    """Of what somebody published, against the ETH/USD feed."""
    for level in watchlist.levels:
        yield level_reading(level.name, level.price, level.source, eth, at, level.side)
    for one in watchlist.holdings:
        yield from holding_readings(
            one.name, one.amount_wei, (one.cost_low, one.cost_high), one.source, eth, at
        )


def _events(
    snapshot: Snapshot,
    legs: Mapping[PositionKey, Sequence[Leg]],
    names: dict[Address, str],
    at: BlockStamp,
    chain_id: int | None,
) -> Iterator[Reading]:
    for happened in snapshot.events:
        event = happened.event
        name = names.get(event.key.account, event.key.account)
        where = f"{happened.log_index}:{event.kind.value}"
        reading = happenings.event_reading(
            event,
            where,
            happened.transaction_hash,
            _pricing(event.key, legs),
            name,
            at,
            chain_id,
            happened.block,
        )
        if reading is not None:
            yield reading


def _pricing(key: PositionKey, legs: Mapping[PositionKey, Sequence[Leg]]) -> Sequence[Leg]:
    """A position's own assets, else those of others on the same protocol: they have the same oracle.

    What was opened and liquidated between two looks was never seen with assets of its own.
    """
    others = (one for other, found in legs.items() for one in found if _same_oracle(other, key))
    return (*legs.get(key, ()), *others)


def _same_oracle(one: PositionKey, other: PositionKey) -> bool:
    return (one.protocol, one.market) == (other.protocol, other.market) and one != other


def _moves(
    db: Database, snapshot: Snapshot, rules: Sequence[Rule], names: dict[Address, str], at: BlockStamp
) -> Iterator[Reading]:
    for window in _windows(rules, "position.liquidation_price_move"):
        for one in snapshot.seen:
            now = liquidation_tick(one.outcome) if isinstance(one, Position) else None
            before = positions.price_at(db, one.key, UnixTime(at.time - window)) if now is not None else None
            if isinstance(one, Position) and now is not None and before:
                name = names.get(one.key.account, one.key.account)
                yield happenings.move_reading(one, before, now, window, name, at)


def _balances(
    snapshot: Snapshot, last: Snapshot | None, names: dict[Address, str], at: BlockStamp
) -> list[Reading]:
    before = (
        {account: value for account, value in last.balances.items() if isinstance(value, int)} if last else {}
    )
    return happenings.balance_readings(snapshot.balances, before, names, at)


def _oracles(snapshot: Snapshot, at: BlockStamp) -> Iterator[Reading]:
    for name, feed in snapshot.feeds.items():
        if isinstance(feed, FeedPrice) and feed.updated_at is not None and name in HEARTBEATS:
            yield happenings.overdue_reading(name, feed.updated_at, HEARTBEATS[name], at)
    market = snapshot.feeds.get(ETH_USD)
    if not isinstance(market, FeedPrice):
        return
    told: set[tuple[str, str]] = set()
    for one in snapshot.seen:
        if (
            not isinstance(one, Position)
            or (one.key.protocol, one.key.market) in told
            or one.price.answer <= 0
            or one.price.of_token
        ):
            continue
        told.add((one.key.protocol, one.key.market))
        title = f"ETH price of {PROTOCOLS.get(one.key.protocol, one.key.protocol)} {one.key.market}"
        ours = Decimal(one.price.answer).scaleb(-one.price.decimals)
        yield happenings.divergence_reading(
            one.key, ours, Decimal(market.answer).scaleb(-market.decimals), title, at
        )
