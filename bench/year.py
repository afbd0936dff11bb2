"""A year of history as the daemon would have left it, through the store's own writers; kept between runs.

    2,628,000 blocks (slots missed, reorgs, gaps that were filled), samples of the consensus layer each
    hour, deposits and payouts, three price feeds, a hundred watched positions, and what was told.

Positions have a row every five minutes, as the daemon samples them: ten of them all year, ninety in
the last month. What is older than the daemon keeps whole is thinned, as it would be. Every row follows
from its number: two runs write the same file.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path

from alerts.model import BlockStamp, Fact, Reading, Rule
from alerts.rules import parse_rules
from bench.report import CACHE
from monitor.config import Settings
from monitor.domain import Block, BlockRef, BlockRow, BurnRule, FeedPrice, Gap, GapKind
from monitor.lending.attribution import Contribution
from monitor.lending.outcome import AlreadyLiquidatable, Cluster, LiquidatableBelow
from monitor.lending.position import (
    Cause,
    EventKind,
    Leg,
    Position,
    PositionEvent,
    PositionKey,
    Proof,
    ProofState,
    ProtocolPrice,
)
from monitor.lending.remedy import LiquidationTerms, Remedy
from monitor.readings.catalogue import CATALOGUE
from monitor.store import (
    events,
    flows,
    gaps,
    identity,
    incidents,
    issuance,
    ledger,
    maintenance,
    position_events,
    positions,
    prices,
)
from monitor.store.database import Database, Synchronous, open_writer
from monitor.store.position_events import EventAt
from monitor.supply.issuance import ConsensusTotal, Measured
from monitor.units import (
    SECONDS_PER_DAY,
    TICKS_PER_USD,
    WAD,
    Address,
    BlobGas,
    BlockHash,
    BlockNumber,
    Gas,
    Gwei,
    Slot,
    UnixTime,
    Wad,
    Wei,
)
from monitor.watch.thinning import thin

FIRST = 23_000_000
FIRST_TIME = 1_754_000_400
"""On the hour, in 2025: after Pectra, before Glamsterdam."""
YEAR_BLOCKS = 2_628_000
HOUR_BLOCKS = 299
"""One slot in three hundred is missed."""
WALLETS = 100
OLD = 10
"""Wallets that are watched since the beginning; the others since `RECENT_HOURS` before the end."""
RECENT_HOURS = 720
OUTAGE = 30
"""An hour of each week in which no position was seen."""
FORMAT = 1
"""Of what this module writes; a file of another one is built anew."""


def year_file(blocks: int) -> Path:
    """The database, built where it is not there yet (minutes; it says how far it is)."""
    folder, kind = CACHE / "bench-year", f"year-{FORMAT}-"
    path = folder / f"{kind}{blocks}.db"
    if path.exists():
        with open_writer(path) as db:  # migrates it where it is due, as `ethmon run` would
            _thin(db)
        return path
    folder.mkdir(parents=True, exist_ok=True)
    building = folder / "building.db"
    for old in folder.iterdir():
        if not old.name.startswith(kind):
            old.unlink()
    with open_writer(building, synchronous=Synchronous.NORMAL) as db:
        _build(db, blocks)
        _thin(db)
        maintenance.checkpoint(db)
    building.rename(path)
    return path


def _thin(db: Database) -> None:
    head = ledger.cursor(db)
    while head is not None and thin(
        db, UnixTime(head.timestamp - Settings().position_days * SECONDS_PER_DAY)
    ):
        pass


def _build(db: Database, blocks: int) -> None:
    identity.bind_chain(db, 1, BlockHash("0x" + "d4" * 32), UnixTime(FIRST_TIME))
    ledger.set_cursor(db, _block(FIRST - 1).ref)
    hours, began = blocks // HOUR_BLOCKS, time.monotonic()
    rules = _rules()
    for hour in range(hours):
        with db.transaction():
            at = _blocks_of(db, hour)
            _consensus(db, hour, at)
            if hour % 168 != OUTAGE:
                _watched(db, WALLETS if hour >= hours - RECENT_HOURS else OLD, hour, at)
            _told(db, rules, hour, at)
        if hour % 200 == 199 or hour + 1 == hours:
            left = (time.monotonic() - began) / (hour + 1) * (hours - hour - 1)
            print(
                f"\r   building a year: {100 * (hour + 1) // hours} %, {left:.0f} s left ",
                end="",
                file=sys.stderr,
            )
    print(file=sys.stderr)
    db.connection.execute("UPDATE outbox SET state = 'delivered', attempts = 1, done_at = created_at + 2")
    gaps.open_gap(
        db,
        Gap(GapKind.BLOCKS, BlockNumber(FIRST - 5_000), BlockNumber(FIRST - 4_001), "timed out"),
        UnixTime(FIRST_TIME),
    )


def _blocks_of(db: Database, hour: int) -> BlockRef:
    """An hour of blocks; once a week some arrive late, twice a week the last one is replaced."""
    first = FIRST + hour * HOUR_BLOCKS
    blocks = [_block(number) for number in range(first, first + HOUR_BLOCKS)]
    at = blocks[-1].ref
    if hour % 168 == 20:
        gap = Gap(
            GapKind.BLOCKS,
            BlockNumber(first + 100),
            BlockNumber(first + 139),
            "no endpoint answered: timed out",
        )
        ledger.append(db, [*blocks[:100], *blocks[140:]], at.timestamp)
        gaps.open_gap(db, gap, at.timestamp)
        ledger.append(db, blocks[100:140], UnixTime(at.timestamp + 600))
        events.record_endpoint(db, at.timestamp, "rpc-1", ("down", "up")[hour // 168 % 2], "timed out")
    elif hour % 84 == 50:
        ledger.append(db, [*blocks[:-1], _block(at.number, "orphan")], at.timestamp)
        ledger.replace_branch(db, blocks[-2].ref, blocks[-1:], at.timestamp)
    else:
        ledger.append(db, blocks, at.timestamp)
    ledger.prune(db, BlockNumber(at.number - 64))
    return at


def _block(number: int, branch: str = "") -> Block:
    hour, index = divmod(number - FIRST, HOUR_BLOCKS)
    slot = hour * 300 + index + (index >= 150)
    mix = (number * 2_654_435_761) & 0xFFFFFFFF
    wave = 1 + math.sin(hour / 24 * 2 * math.pi) / 3 + math.sin(hour / 500)
    place = BlockRef(
        BlockNumber(number), _hash(number, branch), _hash(number - 1), UnixTime(FIRST_TIME + 12 * slot)
    )
    row = BlockRow(
        number=place.number,
        timestamp=place.timestamp,
        gas_limit=Gas(45_000_000),
        gas_used=Gas(10_000_000 + mix % 30_000_000),
        base_fee_wei=Wei(90_000_000 + int(abs(wave) * 400_000_000) + mix % 100_000_000),
        burn_rule=BurnRule.HEADER,
        receipt_gas=None,
        blob_gas_used=BlobGas(131_072 * (mix % 10)),
        excess_blob_gas=BlobGas(mix % 150_000_000),
        blob_base_fee_wei=Wei(1 + (mix % 1_000_000 if hour % 40 < 3 else 0)),
        tx_count=100 + mix % 300,
        withdrawal_count=16,
        withdrawals_gwei=Gwei(290_000_000 + mix % 20_000_000),
    )
    return Block(place, row)


def _hash(number: int, branch: str = "") -> BlockHash:
    return BlockHash(f"0x{'ab' * 16 if branch else ''}{number:0{32 if branch else 64}x}")


def _consensus(db: Database, hour: int, at: BlockRef) -> None:
    """A sample of all balances, deposits, and the payouts of the sweep to one validator in 64."""
    deposits, withdrawn = (
        Gwei(32 * 10**9 * (hour % 7)),
        issuance.withdrawn(db, BlockNumber(at.number - HOUR_BLOCKS + 1), at.number),
    )
    assert withdrawn is not None
    issued = Gwei(112_000_000_000 + hour * 1_000)
    base = 36_000_000 * 10**9 + issued * hour
    total = ConsensusTotal(
        Slot(12_000_000 + hour * 300),
        at.number,
        at.hash,
        at.timestamp,
        at.number,
        Gwei(base),
        Gwei(deposits),
        Gwei(0),
        finalized=True,
    )
    issuance.save(db, total, Measured(issued), hour * 7)
    span = flows.DepositRange(BlockNumber(at.number - HOUR_BLOCKS + 1), at.number, deposits, hour * 7)
    payouts = [
        (
            BlockNumber(at.number - index * 4),
            (hour * 75 + index) * 64 % 1_000_000,
            Gwei(18_500_000),
            UnixTime(at.timestamp - index * 48),
        )
        for index in range(75)
    ]
    flows.save(db, span, payouts)


def _usd(time_s: int) -> int:
    """ETH with 8 decimals: between 1,700 and 4,300 USD, with days and hours in it."""
    days = time_s / 86_400
    return int(
        (3_000 + 1_000 * math.sin(days / 40) + 220 * math.sin(days / 3) + 60 * math.sin(days * 7))
        * TICKS_PER_USD
    )


def _watched(db: Database, count: int, hour: int, at: BlockRef) -> None:
    """Prices, positions, why they moved and what owners did."""
    names = {_key(index).account: _name(index) for index in range(count)}
    for feed, scale in (("ETH/USD", 1), ("BTC/USD", 27), ("XAU/USD", 1.2)):
        answer = int(_usd(at.timestamp) * scale)
        prices.save(
            db, at, FeedPrice(feed, Address("0x" + "fe" * 20), answer, 8, UnixTime(at.timestamp - 20))
        )
    for step in range(11, -1, -1):
        place = at._replace(
            number=BlockNumber(at.number - 25 * step), timestamp=UnixTime(at.timestamp - 300 * step)
        )
        seen = [_position(index, place) for index in range(count)]
        positions.save_history(db, place, seen, names, drifted=bool(step or hour % 24))
    positions.save_now(db, at, [_position(index, at) for index in range(count)], names)
    for index in range(hour % 5, count, 5):
        tick = _limit(index)
        moves = [
            Contribution(Cause.INTEREST, tick, tick + 12_345),
            Contribution(Cause.RATIO, tick + 12_345, tick - 77),
        ]
        positions.save_moves(db, at, _key(index), moves)
    if hour % 3 == 0:
        kind = (EventKind.BORROW, EventKind.REPAY, EventKind.SUPPLY)[hour % 9 // 3]
        done = PositionEvent(_key(hour // 3 % count), kind, Address("0x" + "02" * 20), 10**12, "")
        position_events.save(db, [EventAt(at, 7, "0x" + "77" * 32, done)])


def _name(index: int) -> str:
    return f"Wallet {index}"


@cache
def _key(index: int) -> PositionKey:
    protocol, market = (
        ("aave_v3", "Core"),
        ("morpho_blue", "WETH/USDC"),
        ("compound_v3", "USDC"),
        ("sky", "ETH-C"),
    )[index % 4]
    return PositionKey(protocol, market, Address(f"0x{index + 1:040x}"))


def _limit(index: int) -> int:
    return (1_650 + 7 * index) * TICKS_PER_USD + 3


def _position(index: int, at: BlockRef) -> Position:
    limit, price = _limit(index), _usd(at.timestamp)
    outcome = (
        AlreadyLiquidatable(1, limit)
        if price <= limit
        else LiquidatableBelow(limit, Cluster(limit, limit, single=True))
    )
    weth, usdt = _legs(index)
    collateral = replace(weth, value=weth.amount // 10**10 * price // 10**8)
    return Position(
        _key(index), (collateral,), (usdt,), collateral.value, usdt.value, Wad(price * WAD // limit),
        ProtocolPrice(price, updated_at=UnixTime(at.timestamp - 40), source=Address("0x" + "fe" * 20)), outcome,
        terms=LiquidationTerms(Wad(WAD // 2), Wad(WAD // 20)), remedy=Remedy(31_200_000 * 10**6, 17_400 * WAD),
        drift_per_day=0.31, rule="floor, floor, half up", proof=Proof(ProofState.PROVED),
    )  # fmt: skip


@cache
def _legs(index: int) -> tuple[Leg, Leg]:
    debt = 1_000_000 * (index + 1)
    return (
        Leg(Address("0x" + "01" * 20), "WETH", debt * WAD // 1_400, 18, None, follows_eth=True),
        Leg(Address("0x" + "02" * 20), "USDT", debt * 10**6, 6, debt * 10**8, follows_eth=False),
    )


@cache
def _rules() -> Sequence[Rule]:
    document = {
        "wallet": [
            {
                "name": _name(index),
                "address": _key(index).account,
                "alert_at": ["20%", "10%", "5%", "2%"],
                "cool_down": 0,
            }
            for index in range(WALLETS)
        ]
    }
    return parse_rules(document, CATALOGUE)


def _told(db: Database, rules: Sequence[Rule], hour: int, at: BlockRef) -> None:
    """Four looks at the rules a day."""
    if hour % 6:
        return
    stamp = BlockStamp(at.number, at.hash, at.timestamp)
    incidents.decide(
        db,
        rules,
        list(_readings(stamp)),
        at=stamp,
        channels=("telegram", "email"),
        now_wall=float(at.timestamp),
    )
    incidents.prune(db, at.number - 64)


def _readings(at: BlockStamp) -> Iterator[Reading]:
    price = _usd(at.time)
    for index in range(OLD):
        limit = _limit(index)
        distance = Decimal(max(0, price - limit)) / price * 100
        yield Reading(
            "position.distance", f"{_key(index).protocol}:{_key(index).account}", _name(index), distance, at,
            {"wallet": _name(index), "protocol": _key(index).protocol},
            facts=(Fact("Liquidates below", f"${limit / 1e8:,.2f}"), Fact("ETH price", f"${price / 1e8:,.2f}")),
            fixes=("Repay about 31,200,000 USDT to be 10% away",),
        )  # fmt: skip
