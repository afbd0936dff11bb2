"""What the home page tells at a glance, and the stamp at every page's foot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from monitor.errors import EthmonError
from monitor.issued import IssuanceSource
from monitor.readings.words import age
from monitor.reports.burn import BurnFrame, coverage_words
from monitor.reports.charts.wording import moment, short_hash
from monitor.reports.status import Status, status_of
from monitor.reports.supply import method_words, net_of
from monitor.store import ledger, positions
from monitor.store.database import Database, open_reader
from monitor.supply.issuance import Unknown, bounds_gwei
from monitor.units import WEI_PER_ETH, WEI_PER_GWEI, UnixTime, format_eth

LATE_S = 60
"""A head older than this is stale: blocks come every 12 s."""


class Stamp(NamedTuple):
    """Where the database stands."""

    words: str
    late: bool


class Tile(NamedTuple):
    """One figure of the home page."""

    label: str
    figure: str
    note: str
    board: str
    """The dashboard that says more; empty without one."""
    tone: str = ""
    """`bad` or nothing."""


class Home(NamedTuple):
    """The figures, and the chain and file that they are of."""

    chain: str
    file: str
    tiles: tuple[Tile, ...]


def read_stamp(path: Path, now: UnixTime) -> Stamp:
    """Block and age of the newest block that was followed."""
    try:
        with open_reader(path) as db:
            head = ledger.cursor(db)
    except EthmonError as error:
        return Stamp(str(error).replace(str(path), path.name), late=True)
    if head is None:
        return Stamp("No block is stored yet", late=True)
    words = f"Block {head.number:,} ({short_hash(head.hash)}), {moment(head.timestamp)}"
    return Stamp(f"{words}, {age(max(0, now - head.timestamp))} ago", now - head.timestamp > LATE_S)


def read_home(path: Path, stake: tuple[int, int] | None, now: UnixTime) -> Home:
    """All tiles; of an empty database only what it lacks. Raises StoreError."""
    with open_reader(path) as db, db.snapshot():
        status = status_of(db, now)
        day = next((frame for frame in status.burn if frame.name == "24h"), None)
        tiles = [
            *_chain_tiles(status, day, now),
            *_supply_tile(db, day, stake),
            *_position_tile(db),
            _gap_tile(status),
        ]
    return Home(status.chain_name, path.name, tuple(tiles))


def _chain_tiles(status: Status, day: BurnFrame | None, now: UnixTime) -> Iterator[Tile]:
    if status.head is None:
        yield Tile("Newest block", "none yet", "`ethmon run` follows the chain", "", "bad")
        return
    late = now - status.head.timestamp
    daemon = "the daemon runs" if status.daemon_pid else "no daemon runs"
    yield Tile(
        "Newest block",
        f"{status.head.number:,}",
        f"{age(max(0, late))} old, {daemon}",
        "",
        "bad" if late > LATE_S else "",
    )
    if day is not None:
        bound = "" if day.exact else "≥ "
        note = f"exact, {day.totals.blocks:,} blocks" if day.exact else coverage_words(day)
        yield Tile("Burned in 24 h", f"{bound}{format_eth(day.total_wei, 2)} ETH", note, "burn")
    row = status.head_row
    if row is not None and row.base_fee_wei is not None:
        blob = "" if row.blob_base_fee_wei is None else f"blobs {_gwei(row.blob_base_fee_wei)}"
        yield Tile("Base fee", _gwei(row.base_fee_wei), blob, "fees")


def _supply_tile(db: Database, day: BurnFrame | None, stake: tuple[int, int] | None) -> Iterator[Tile]:
    if day is None:
        return
    issuance, net = net_of(day, IssuanceSource(db, stake))
    known = method_words(issuance).partition(":")[0].partition(" by ")[0]
    if isinstance(net, Unknown):
        yield Tile("Net supply, 24 h", "not known", net.cause, "supply")
        return
    low, high = net.low_wei, net.high_wei
    middle, half = (low + high) // 2, (high - low + 1) // 2
    sign = "+" if middle > 0 else ""
    spread = f"± {format_eth(half, 0)} ETH; " if half >= WEI_PER_ETH else ""
    issued = 0 if isinstance(issuance, Unknown) else sum(bounds_gwei(issuance)) // 2 * WEI_PER_GWEI
    note = f"{spread}issued {format_eth(issued, 0)} ETH, {known}"
    yield Tile("Net supply, 24 h", f"{sign}{format_eth(middle, 0)} ETH", note, "supply")


def _position_tile(db: Database) -> Iterator[Tile]:
    rows = positions.current(db)
    if not rows:
        return
    near = [row for row in rows if row.distance is not None]
    unseen = sum(row.outcome == "unseen" or row.is_refuted for row in rows)
    note = f"{len(rows)} watched" + (f", {unseen} not seen" if unseen else "")
    if not near:
        yield Tile("Positions", str(len(rows)), note, "positions")
        return
    first = min(near, key=lambda row: row.distance or 0.0)
    distance = first.distance or 0.0
    figure = f"{distance:.1%}" if distance else "now"
    yield Tile(
        "Nearest liquidation",
        figure,
        f"{first.name or first.account}; {note}",
        "positions",
        "bad" if distance < 0.05 else "",
    )


def _gap_tile(status: Status) -> Tile:
    if not status.gaps:
        return Tile(
            "Gaps", "none", "no block was left out" if status.head else "nothing was asked yet", "alerts"
        )
    blocks = sum(one.gap.last - one.gap.first + 1 for one in status.gaps)
    return Tile(
        "Gaps", f"{blocks:,} blocks", f"{len(status.gaps)} open: not seen, not counted", "alerts", "bad"
    )


def _gwei(wei: int) -> str:
    """As many places as say something."""
    return f"{wei / WEI_PER_GWEI:,.3g} gwei" if wei >= 10**5 else f"{wei:,} wei"
