"""What a report says, read at one moment of the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alerts.model import Rule
from monitor.comovement import Others
from monitor.domain import BlockRef
from monitor.errors import EthmonError
from monitor.reports.charts.steps import NetStep, Steps, net_steps, steps
from monitor.reports.charts.track import Track, track
from monitor.reports.comovement import Comovement, comovement
from monitor.reports.ladder import LadderView, stored_ladder
from monitor.reports.positions import PositionView, stored_view
from monitor.reports.supply import SupplyFrame, SupplyView, supply_view
from monitor.store import identity, incidents
from monitor.store.database import Database
from monitor.store.gaps import GapRecord
from monitor.store.history import ReorgRecord, all_gaps, open_gaps, reorgs
from monitor.supply.forks import CHAINS
from monitor.units import UnixTime
from monitor.watchlist import Series

MOST_ALERTS = 200
MOST_TRACKS = 12
"""Positions with a picture of their own, nearest to liquidation first."""


@dataclass(frozen=True, slots=True)
class Content:
    """A frame of history with all that was seen in it."""

    at: BlockRef
    chain: str
    chain_id: int | None
    supply: SupplyView
    steps: Steps
    net: Sequence[NetStep]
    positions: PositionView
    tracks: Sequence[Track]
    ladder: LadderView
    alerts: Sequence[tuple[Any, ...]]
    """Newest first: time, block, severity, transition, title, rule, incident, standing."""
    gaps: Sequence[GapRecord]
    """Of blocks in the frame, closed ones too."""
    reorgs: Sequence[ReorgRecord]
    comovement: Comovement | None
    """Of the year up to the newest close; None where no correlation is known."""

    @property
    def frame(self) -> SupplyFrame:
        """The whole of it."""
        return self.supply.frames[0]


def gather(
    db: Database,
    since: str,
    stake: tuple[int, int] | None,
    rules: Sequence[Rule],
    series: Sequence[Series] = (),
) -> Content:
    """Everything of the frame that `since` names. Raises UsageError, StoreError."""
    with db.snapshot():
        found = steps(db, since)
        start = found.whole.start
        view = stored_view(db)
        chain_id = identity.chain_id(db)
        chain = CHAINS.get(chain_id or 0)
        tracks = [track(db, line.row, UnixTime(start + 1), rules) for line in view.lines[:MOST_TRACKS]]
        return Content(
            at=found.at,
            chain=chain.name if chain else f"chain {chain_id}" if chain_id else "an unnamed chain",
            chain_id=chain_id,
            supply=supply_view(db, since, stake),
            steps=found,
            net=net_steps(db, found, stake),
            positions=view,
            tracks=[one for one in tracks if len(one.points) > 1],
            ladder=stored_ladder(db),
            alerts=[row for row in incidents.history(db, MOST_ALERTS) if row[0] > start],
            gaps=_gaps(db, found),
            reorgs=[record for record in reorgs(db) if record.at > start],
            comovement=_comovement(db, series),
        )


def _comovement(db: Database, series: Sequence[Series]) -> Comovement | None:
    """Of whatever is there: nobody has to have other prices."""
    try:
        return comovement(db, (), 30, "1y", Others(series))
    except EthmonError:
        return None


def _gaps(db: Database, found: Steps) -> list[GapRecord]:
    first, last = found.whole.coverage.first, found.whole.coverage.last
    known = {record.id: record for record in (*open_gaps(db), *all_gaps(db))}
    return [
        record
        for record in known.values()
        if first is not None and last is not None and record.gap.first <= last and record.gap.last >= first
    ]
