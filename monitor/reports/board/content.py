"""What the live status shows, read at one moment of the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from alerts.model import Rule, Severity
from monitor.domain import BlockRow, FeedPrice
from monitor.issued import IssuanceSource
from monitor.reports.alert_levels import AlertLevel, levels_of
from monitor.reports.burn import BurnFrame, burn_view
from monitor.reports.status import Status, status_of
from monitor.reports.supply import net_of
from monitor.store import backlog, events, history, incidents, positions, prices
from monitor.store.backlog import Backlog
from monitor.store.database import Database
from monitor.store.events import Event
from monitor.store.history import ReorgRecord
from monitor.store.incidents import IncidentRow
from monitor.store.positions import StoredPosition
from monitor.supply.issuance import Issuance, Unknown
from monitor.supply.total import NetChange
from monitor.units import BlockHash, UnixTime

SHOWN_BLOCKS = 240
SHOWN_ALERTS = 24
PACE_FRAME = "5m"
"""Whose pace is "now": about 25 blocks, so that one busy block does not decide."""
NET_FRAMES = ("24h", "7d")
ETH_USD = "ETH/USD"
USUAL_LEVELS = (
    AlertLevel(Decimal("0.20"), Severity.WARNING),
    AlertLevel(Decimal("0.05"), Severity.CRITICAL),
)
"""Colours of a position without alert levels."""


class NetFrame(NamedTuple):
    """Both sides of the ledger over one stretch of time."""

    burn: BurnFrame
    issuance: Issuance
    net: NetChange | Unknown


@dataclass(frozen=True, slots=True)
class Near:
    """A position with the distances that its owner asked to be alerted at."""

    row: StoredPosition
    levels: Sequence[AlertLevel]
    """Widest first; empty where no rule names it."""

    @property
    def distance(self) -> float | None:
        """As a fraction of the protocol's price; None where there is none, or it is not to be believed."""
        return self.row.distance

    @property
    def refuted(self) -> bool:
        """The contract itself says otherwise."""
        return self.row.is_refuted

    @property
    def unseen(self) -> bool:
        """Nothing true can be said about it now."""
        return self.refuted or self.row.outcome == "unseen"

    @property
    def reached(self) -> Severity | None:
        """How loud the nearest level is that it is inside of; None outside of all."""
        if self.distance is None:
            return None
        if self.row.outcome == "already":
            return Severity.CRITICAL
        inside = [one.severity for one in self.levels or USUAL_LEVELS if self.distance < one.distance]
        return max(inside, default=None)


class Told(NamedTuple):
    """An alert that was told."""

    time: UnixTime
    """Of its block."""
    severity: Severity
    transition: str
    title: str
    phase: str
    """Of its incident now: open, acked, snoozed, blind; "fine" when it is over, or a newer alert says more."""
    better: bool
    """Its incident is at a milder level now, or at none."""
    standing: bool
    """False once its block is gone from the chain."""


@dataclass(frozen=True, slots=True)
class Board:
    """One moment. Everything but `read_at` is as the database has it."""

    read_at: UnixTime
    """Wall clock."""
    status: Status
    blocks: Sequence[BlockRow]
    """The newest that are stored, newest first."""
    pace: BurnFrame | None
    nets: Sequence[NetFrame]
    positions: Sequence[Near]
    """In the order of concern: inside an alert level, not seen, the rest by distance, without a price."""
    eth_usd: FeedPrice | None
    """The newest answer of the feed that is stored."""
    watched: int | None
    """Accounts on the watchlist; None where it cannot be read."""
    open: Sequence[IncidentRow]
    told: Sequence[Told]
    """Newest first."""
    backlog: Backlog
    last_reorg: ReorgRecord | None
    last_run: Event | None
    """The daemon's last start or stop."""


class Wishes(NamedTuple):
    """What the user's settings add to the database."""

    stake: tuple[int, int] | None = None
    """ETHMON_STAKE."""
    rules: Sequence[Rule] = ()
    watched: int | None = None


def gather(db: Database, now: UnixTime, wishes: Wishes, kept: NetCache) -> Board:
    """Everything at one moment. Raises StoreError."""
    with db.snapshot():
        status = status_of(db, now)
        opened = incidents.list_open(db)
        reorgs = history.reorgs(db, 1)
        return Board(
            read_at=now,
            status=status,
            blocks=history.recent_blocks(db, SHOWN_BLOCKS),
            pace=burn_view(db, PACE_FRAME).frames[0] if status.head else None,
            nets=kept.nets(db, status, wishes.stake),
            positions=_positions(db, wishes.rules),
            eth_usd=prices.newest(db, ETH_USD),
            watched=wishes.watched,
            open=opened,
            told=_told(db, opened),
            backlog=backlog.backlog(db),
            last_reorg=reorgs[0] if reorgs else None,
            last_run=events.last_of(db, "start", "stop"),
        )


class NetCache:
    """Net supply of the newest head: issuance looks at all samples, which need not be every second."""

    def __init__(self) -> None:
        self._head: BlockHash | None = None
        self._nets: Sequence[NetFrame] = ()

    def nets(self, db: Database, status: Status, stake: tuple[int, int] | None) -> Sequence[NetFrame]:
        """Of `NET_FRAMES`; empty while there is no block."""
        if status.head is None:
            return ()
        if status.head.hash != self._head:
            source = IssuanceSource(db, stake)
            found = [burn_view(db, name).frames[0] for name in NET_FRAMES]
            self._nets = [NetFrame(frame, *net_of(frame, source)) for frame in found]
            self._head = status.head.hash
        return self._nets


def _positions(db: Database, rules: Sequence[Rule]) -> list[Near]:
    found = [
        Near(row, sorted(levels_of(rules, row), key=lambda level: -level.distance))
        for row in positions.current(db)
    ]
    return sorted(found, key=_concern)


def _concern(one: Near) -> tuple[int, float, str]:
    rank = 0 if one.reached is not None else 1 if one.unseen else 2 if one.distance is not None else 3
    return (rank, one.distance or 0.0, one.row.name)


def _told(db: Database, opened: Sequence[IncidentRow]) -> list[Told]:
    """The state of an incident stands beside its newest alert only: the older ones are history."""
    phases = {row.id: (row.phase, row.better) for row in opened}
    return [
        Told(
            UnixTime(at),
            Severity[name.upper()],
            transition,
            title,
            *phases.pop(incident, ("fine", False)),
            bool(standing),
        )
        for at, _, name, transition, title, _, incident, standing in incidents.history(db, SHOWN_ALERTS)
    ]
