"""Total supply at the head, and where it goes at the present pace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from monitor.domain import BlockRef
from monitor.issued import IssuanceSource
from monitor.reports.burn import burn_total
from monitor.reports.supply_frame import SupplyFrame
from monitor.store import frames, history, identity
from monitor.store.database import Database
from monitor.store.periods import Period
from monitor.supply.barrier import (
    AtPeak,
    BackIn,
    Equilibrium,
    NeverAtThisPace,
    equilibrium,
    time_to_peak,
)
from monitor.supply.forks import MAINNET
from monitor.supply.issuance import Unknown, bounds_gwei
from monitor.supply.total import (
    MERGE_ANCHOR,
    NetChange,
    SupplyAnchor,
    TotalSupply,
    net_change,
    total_supply,
)
from monitor.units import WEI_PER_GWEI, BlockNumber, Gwei, UnixTime, Wei, floor_div

PACES = ("30d", "7d", "24h")
"""Frames whose pace is carried on, the first whose net change is known."""
SETTING = "ETHMON_SUPPLY_ANCHOR"


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest supply since the anchor, at a day's end, and when it is reached again."""

    supply_wei: Wei
    time: UnixTime
    reached: AtPeak | NeverAtThisPace | BackIn


@dataclass(frozen=True, slots=True)
class Outlook:
    """Where supply is and where it goes. What is not known says why."""

    total: TotalSupply | Unknown
    base_wei: Wei | None
    """What growth is a share of: the middle of `total`, else the anchor's figure on mainnet."""
    base_label: str
    pace: SupplyFrame | None
    peak: Peak | Unknown
    equilibrium: Equilibrium | Unknown


def outlook(
    db: Database,
    source: IssuanceSource,
    at: BlockRef,
    setting: tuple[int, int, int] | None,
    paces: Sequence[SupplyFrame],
) -> Outlook:
    """Everything that follows from the anchor; `paces` are the frames of `PACES`."""
    anchor = _anchor(db, setting)
    total = anchor if isinstance(anchor, Unknown) else _total(db, source, anchor, at)
    base, label = _base(total, anchor)
    pace = next((frame for frame in paces if isinstance(frame.net, NetChange)), None)
    peak = total if isinstance(total, Unknown) else _peak(db, source, total, at, pace)
    return Outlook(total, base, label, pace, peak, _equilibrium(source, base, pace))


def middle_wei(low: int, high: int) -> Wei:
    """The middle of an interval, rounded down: for display."""
    return Wei(floor_div(low + high, 2))


def _anchor(db: Database, setting: tuple[int, int, int] | None) -> SupplyAnchor | Unknown:
    if setting is not None:
        supply, slack, number = setting
        row = history.block(db, BlockNumber(number))
        if row is None:
            return Unknown(
                f"block {number:,} of {SETTING} is not stored: `ethmon backfill --from {number}` reads on from it"
            )
        return SupplyAnchor(row.number, row.timestamp, Wei(supply), Wei(slack), SETTING)
    if identity.chain_id(db) == MAINNET.chain_id:
        return MERGE_ANCHOR
    return Unknown(f"no known total to start from on this chain ({SETTING})")


def _total(db: Database, source: IssuanceSource, anchor: SupplyAnchor, at: BlockRef) -> TotalSupply | Unknown:
    if at.number == anchor.block:
        return total_supply(anchor, [])
    if at.number < anchor.block:
        return Unknown(f"the anchor's block {anchor.block:,} is not reached yet")
    first = BlockNumber(anchor.block + 1)
    found = frames.frame_of_blocks(db, first, at.number)
    if found.coverage.missing:
        return Unknown(
            f"{found.coverage.missing:,} blocks since the anchor are not stored: "
            f"`ethmon backfill --from {first}`, or a later anchor in {SETTING}"
        )
    burn = burn_total(found.totals)
    issued = source.issued(anchor.timestamp, at.timestamp, before_merge=True)
    return total_supply(anchor, [net_change(issued, burn, source.pow_wei(first, at.number))])


def _base(total: TotalSupply | Unknown, anchor: SupplyAnchor | Unknown) -> tuple[Wei | None, str]:
    if isinstance(total, TotalSupply):
        return middle_wei(total.low_wei, total.high_wei), "of the present supply"
    if isinstance(anchor, SupplyAnchor):
        return (
            anchor.supply_wei,
            f"of the {floor_div(anchor.supply_wei, 10**18):,} ETH at block {anchor.block:,}",
        )
    return None, ""


def _peak(
    db: Database, source: IssuanceSource, total: TotalSupply, at: BlockRef, pace: SupplyFrame | None
) -> Peak | Unknown:
    """Middles of intervals are compared; where the total is exact, so is this."""
    if pace is None or isinstance(pace.net, Unknown):
        return Unknown("the net change of the last 24 hours is not known")
    now = middle_wei(total.low_wei, total.high_wei)
    highest, when = total.anchor.supply_wei, total.anchor.timestamp
    for supply, time in _day_ends(db, source, total.anchor, at):
        if supply >= highest:
            highest, when = supply, time
    change = middle_wei(pace.net.low_wei, pace.net.high_wei)
    return Peak(highest, when, time_to_peak(now, highest, change, pace.seconds))


def _day_ends(
    db: Database, source: IssuanceSource, anchor: SupplyAnchor, at: BlockRef
) -> Iterator[tuple[Wei, UnixTime]]:
    """Supply at the end of each day since the anchor, and at the head."""
    doubled = 2 * anchor.supply_wei
    last = BlockNumber(anchor.block)
    start = anchor.timestamp
    for day in history.series(db, UnixTime(start + 1), UnixTime(at.timestamp + 1), Period.DAY):
        assert day.end is not None
        end, through = UnixTime(day.end - 1), day.coverage.last
        issued = source.issued(start, end, before_merge=True)
        rewards = source.pow_wei(BlockNumber(last + 1), through)
        if isinstance(issued, Unknown) or rewards is None:
            return
        doubled += 2 * (rewards - day.totals.burn_wei - day.totals.blob_burn_wei)
        doubled += sum(bounds_gwei(issued)) * WEI_PER_GWEI
        start, last = end, through if through is not None else last
        yield middle_wei(doubled, 0), end


def _equilibrium(source: IssuanceSource, base: Wei | None, pace: SupplyFrame | None) -> Equilibrium | Unknown:
    staked = source.staked_gwei()
    if staked is None:
        return Unknown("no known stake (BEACON_URLS or ETHMON_STAKE)")
    if base is None:
        return Unknown(f"no known total supply ({SETTING})")
    issued = pace.issued_per_year_wei if pace is not None else None
    burned = pace.burn.per_year_wei(pace.burn.total_wei) if pace is not None else None
    if issued is None or burned is None:
        return Unknown("the net change of the last 24 hours is not known")
    found = equilibrium(base, _wei(staked[0]), middle_wei(*issued), burned)
    return found or Unknown("nothing burns, or nothing is unstaked")


def _wei(amount: Gwei) -> Wei:
    return Wei(amount * WEI_PER_GWEI)
