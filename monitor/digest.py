"""The daily quiet message: what was burned, who is nearest, what was not seen, what was sent.

It is the other half of the dead man's switch: when it does not come, ethmon is not well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from alerts.compose import notice
from alerts.model import Fact, Message, Severity
from alerts.wording import moment
from monitor.reports import positions as words
from monitor.reports.burn import burn_view
from monitor.reports.status import read_status
from monitor.store import backlog, incidents
from monitor.store.database import Database
from monitor.store.positions import StoredPosition
from monitor.units import SECONDS_PER_DAY, UnixTime, format_eth, format_gwei

NEAREST = 5


def digest(db: Database, now: UnixTime) -> Message:
    """The message of the day that `now` lies in; the same key all day, so it is queued once."""
    day = now - now % SECONDS_PER_DAY
    bare = notice(
        f"digest:{day}", "Daily digest", "All that ethmon saw in the last 24 hours.", Severity.INFO, now
    )
    facts = (*_chain(db, now), *_positions(db), *_open(db), *_deliveries(db, now))
    return replace(bare, thread="digest", facts=facts)


def _chain(db: Database, now: UnixTime) -> Iterator[Fact]:
    status = read_status(db.path, now)
    if status.head is None:
        yield Fact("Chain", "no block is stored yet")
        return
    yield Fact("Head", f"block {status.head.number:,}, {now - status.head.timestamp} s old")
    burned = burn_view(db, "24h").frames[0]
    fee = burned.totals.base_fee
    mean = "" if fee is None else f", mean base fee {format_gwei(fee.mean_wei, 3)} gwei"
    yield Fact(
        "Burned in 24 h", f"{'' if burned.exact else 'at least '}{format_eth(burned.total_wei, 4)} ETH{mean}"
    )
    missing = sum(record.gap.last - record.gap.first + 1 for record in status.gaps)
    yield Fact("Gaps", f"{missing:,} blocks not read" if missing else "none")
    yield Fact("Reorgs", f"{status.reorgs}, deepest {status.deepest}" if status.reorgs else "none")


def _positions(db: Database) -> Iterator[Fact]:
    for line in words.stored_view(db).lines[:NEAREST]:
        yield Fact(line.row.name, _position(line.row))


def _position(row: StoredPosition) -> str:
    if row.is_refuted:
        return "cannot see: the contract refutes the computed liquidation price"
    return f"{words.liquidation_words(row)}, {words.distance_words(row)}"


def _open(db: Database) -> Iterator[Fact]:
    found = incidents.list_open(db)
    for row in found[:NEAREST]:
        yield Fact(f"Still {row.phase}", f"{row.title} (told {moment(row.told_at)})")
    if len(found) > NEAREST:
        yield Fact("Still open", f"{len(found) - NEAREST} more: `ethmon alerts list`")


def _deliveries(db: Database, now: UnixTime) -> Iterator[Fact]:
    counts = backlog.counts(db, now - SECONDS_PER_DAY)
    waiting = sum(count for (_, state), count in counts.items() if state in {"pending", "sending"})
    dead = sum(count for (_, state), count in counts.items() if state == "dead")
    sent = sum(count for (_, state), count in counts.items() if state == "delivered")
    yield Fact("Messages", f"{sent} delivered, {waiting} waiting, {dead} undeliverable")
