"""A database with something of everything that the live status shows, through the store's own writers."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from alerts.model import BlockStamp, Reading
from monitor.domain import FeedPrice, Gap, GapKind
from monitor.lending.outcome import Cluster, Insensitive, LiquidatableAbove, NeverByEth, NeverReason, Range
from monitor.lending.position import PositionKey, Proof, ProofState, Seen, Unseen
from monitor.store import events, gaps, identity, incidents, ledger, positions, prices
from monitor.store.database import Database
from monitor.units import TICKS_PER_USD, Address, BlockHash, BlockNumber, UnixTime
from monitor.watchlist import Watchlist, parse_watchlist
from tests.support.databases import chain, new_database, ref
from tests.support.position_rows import whale

HEAD = 400
MISSING = (391, 393)
NOW = UnixTime(ref(HEAD).timestamp + 7)
PRICE = 2_000
HOSTILE = "\x1b[31mEvil\x1b[0m\u202e漢字👨‍👩‍👧\tname\nof many columns " + "W" * 60
CAUSE = "the oracle\x07 answers\nnothing"


def account(number: int) -> Address:
    """A made-up address."""
    return Address(f"0x{number:040x}")


def key(number: int, market: str = "Core") -> PositionKey:
    """Of the made-up account `number`."""
    return PositionKey("aave_v3", market, account(number))


def everything(price: int = PRICE) -> dict[str, Seen]:
    """By name, one position of each kind at an ETH price."""
    tick = TICKS_PER_USD
    long = whale(price, key(1), 1_900 * tick)
    short = LiquidatableAbove(3_000 * tick, Cluster(3_000 * tick, 3_000 * tick, single=True))
    return {
        "Long": long,
        "Short": replace(whale(price, key(2)), outcome=short),
        "Loop": replace(whale(price, key(3)), outcome=Insensitive(0.0439, 321.0)),
        "Never": replace(whale(price, key(4)), outcome=NeverByEth(NeverReason.COVERED)),
        "Soft": replace(whale(price, key(5)), outcome=Range(1_500 * tick, 1_400 * tick)),
        "Gone under": whale(1_700, key(6)),
        "Refuted": replace(whale(price, key(7)), proof=Proof(ProofState.REFUTED, "it says healthy")),
        "Dark": Unseen(key(8), CAUSE),
        HOSTILE: whale(price, key(9), 1_000 * tick),
    }


def watchlist() -> Watchlist:
    """Alert levels of the long one, and an account without a position."""
    return parse_watchlist(
        {
            "wallet": [
                {"name": "Long", "address": account(1), "alert_at": ["20%", "10%", "4%", "2%"]},
                {"name": "Empty", "address": account(99)},
            ]
        }
    )


def fill(path: Path, extra: int = 0) -> None:
    """Everything, and `extra` more positions."""
    with new_database(path) as db:
        identity.bind_chain(db, 1, BlockHash("0x" + "11" * 32), NOW)
        ledger.append(db, chain(1, MISSING[0] - 1), NOW)
        ledger.append(db, chain(MISSING[1] + 1, HEAD), NOW)
        gaps.open_gap(db, Gap(GapKind.BLOCKS, *map(BlockNumber, MISSING), HOSTILE), NOW)
        prices.save(
            db, ref(HEAD), FeedPrice("ETH/USD", account(0), PRICE * TICKS_PER_USD, 8, UnixTime(NOW - 60))
        )
        save_positions(db, extra)
        _tell(db)
        events.record_event(db, UnixTime(NOW - 500), "start")
        events.record_endpoint(db, UnixTime(NOW - 400), "node-1", "ok")
        events.record_endpoint(db, UnixTime(NOW - 300), "node-2", "behind the others", HOSTILE)


def save_positions(db: Database, extra: int = 0, block: int = HEAD) -> None:
    """As seen at `block`."""
    seen = everything()
    names = {one.key.account: name for name, one in seen.items()}
    for number in range(extra):
        seen[f"Extra {number}"] = whale(PRICE, key(1_000 + number), (900 - number) * TICKS_PER_USD)
        names[account(1_000 + number)] = f"Extra {number}"
    positions.save_now(db, ref(block), list(seen.values()), names)


def _tell(db: Database) -> None:
    """The long one comes near; the message waits on both channels."""
    at = BlockStamp(HEAD, ref(HEAD).hash, ref(HEAD).timestamp)
    near = Reading("position.distance", "w1", "Long\x1b[31m", Decimal("1.5"), at, {"wallet": "Long"})
    incidents.decide(
        db, watchlist().rules, [near], at=at, channels=("telegram", "email"), now_wall=float(NOW - 5)
    )
