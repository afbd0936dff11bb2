"""What was issued in a stretch of time, by the best that the store has: samples, else a known stake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from monitor.bookkeeping import LONGEST_TAIL_S, STRETCH_S, Bookkeeping
from monitor.store import flows, identity, issuance, rewards
from monitor.store.database import Database
from monitor.supply.consensus import USUAL
from monitor.supply.estimate import (
    GLAMSTERDAM,
    PECTRA,
    StakeAnchor,
    StakeRules,
    StretchBounds,
    estimate_by_drift,
    estimate_within,
)
from monitor.supply.forks import CHAINS, MAINNET
from monitor.supply.issuance import (
    ConsensusTotal,
    Estimated,
    Issuance,
    IssuancePoint,
    Measured,
    Method,
    Unknown,
    between,
    bounds_gwei,
    running_total,
)
from monitor.supply.sweep import SweepTally, sweep_estimate
from monitor.units import SECONDS_PER_DAY, BlockNumber, Gwei, UnixTime, Wei, ceil_div, floor_div

TAIL_SLACK = 10
"""In per cent: how far the pace may have changed."""
BUILT_IN_STAKE = StakeAnchor(
    UnixTime(1_785_542_400), Gwei(39_000_000 * 10**9), Gwei(34_200_000 * 10**9), Gwei(37_800_000 * 10**9),
    Gwei(0), "built-in figure: about 36 M ETH active in August 2026, ±5 %",
)  # fmt: skip
"""For mainnet without a beacon node and without ETHMON_STAKE."""
BEFORE_PECTRA = PECTRA._replace(entry_gwei=512 * 10**9, exit_gwei=512 * 10**9)
"""The churn limit was a 65,536th of the validators: 16 of 32 ETH an epoch at the most there ever were."""
SWEPT_DAYS = 91
"""Ten passes of the sweep: the rate of rewards changes little in that time."""


class IssuanceSource:
    """Where issuance comes from: the samples, else an anchor."""

    def __init__(self, db: Database, stake: tuple[int, int] | None, books: Bookkeeping | None = None) -> None:
        """`books` of an earlier source spare most of the work."""
        self._db = db
        self._books = books or Bookkeeping()
        newest = issuance.newest(db)
        self._newest = newest.total if newest else None
        self._series: list[list[IssuancePoint]] = []
        self._series_since: UnixTime | None = None
        chain_id = identity.chain_id(db) or 0
        self._chain = CHAINS.get(chain_id)
        self._anchor = _anchor(stake) if stake else BUILT_IN_STAKE if chain_id == MAINNET.chain_id else None
        self._tallies: dict[UnixTime, tuple[UnixTime | None, SweepTally]] = {}
        self._booked: list[tuple[StakeAnchor, list[StretchBounds]]] | None = None

    def issued(self, start: UnixTime, end: UnixTime, *, before_merge: bool = False) -> Issuance:
        """Of the consensus layer in (start, end].

        `before_merge`: the caller adds `pow_wei` itself; without it a start before the Merge is Unknown.
        """
        for points in self._sampled(start):
            found = _with_tail(points, start, end)
            if not isinstance(found, Unknown):
                return found
        merge = self._chain.time_of("merge") if self._chain else None
        if merge is not None and start < merge - 1 and not before_merge:
            return Unknown("the frame begins before the Merge")
        return self.estimated(start, end)

    def _sampled(self, start: UnixTime) -> list[list[IssuancePoint]]:
        """The samples from `start` on, and the last day's for the pace: a rule over a week reads no years."""
        if self._newest is None:
            return []
        since = UnixTime(min(start, self._newest.timestamp - SECONDS_PER_DAY))
        if self._series_since is None or since < self._series_since:
            found = issuance.samples(self._db, since=since)
            self._series = running_total([one.total for one in found], [one.issued for one in found[1:]])
            self._series_since = since
        return self._series

    def pow_wei(self, first: BlockNumber | None, last: BlockNumber | None) -> Wei | None:
        """Rewards of those of blocks `first` to `last` that are before the Merge; None where some were not read."""
        if first is None or last is None:
            return Wei(0)
        merge = self._chain.fork("merge") if self._chain else None
        if merge is None or merge.block is None:
            return rewards.total(self._db, first, last).issued_wei
        end = min(last, merge.block - 1)
        wanted = end + 1 - max(first, 1)
        if wanted <= 0:
            return Wei(0)
        found = rewards.total(self._db, first, BlockNumber(end))
        return found.issued_wei if found.blocks == wanted else None

    def staked_gwei(self) -> tuple[Gwei, str] | None:
        """What is staked now, and how that is known."""
        if self._newest is not None:
            return self._newest.total_gwei, "newest sample of the balances"
        if self._anchor is None:
            return None
        middle = floor_div(self._anchor.active_low_gwei + self._anchor.active_high_gwei, 2)
        return Gwei(middle), self._anchor.label

    def estimated(self, start: UnixTime, end: UnixTime) -> Issuance:
        """Of (start, end], without the samples: what an anchor says."""
        genesis = self._chain.beacon_genesis if self._chain else start
        if end <= genesis:
            return Measured(Gwei(0))  # there was no consensus layer yet
        found = list(self._by_bookkeeping(start, end))
        if self._anchor is not None:
            found.append(self._by_drift(self._anchor, UnixTime(max(start, genesis)), end))
        if not found:
            return Unknown("no samples of a beacon node (BEACON_URLS) and no known stake (ETHMON_STAKE)")
        return _narrowed(found)

    def by_sweep(self, start: UnixTime, end: UnixTime) -> Estimated | Unknown:
        """Of (start, end] by the withdrawal sweep: independent of participation, and of the formula."""
        since, tally = self._tally(end)
        if since is None or since > start:
            return Unknown(
                f"payouts were not read since the frame began, or it is longer than {SWEPT_DAYS} days"
            )
        active = self._active(start, end)
        if active is None:
            return Unknown("no known stake (ETHMON_STAKE)")
        return sweep_estimate(tally, end - start, *active)

    def _tally(self, end: UnixTime) -> tuple[UnixTime | None, SweepTally]:
        """Of the last `SWEPT_DAYS` days before `end`, and the first payout in it; kept, as frames share their end."""
        if end not in self._tallies:
            paid = flows.payouts(self._db, UnixTime(end - SWEPT_DAYS * SECONDS_PER_DAY), end)
            tally = SweepTally()
            tally.add(paid)
            self._tallies[end] = (paid[0].timestamp if paid else None, tally)
        return self._tallies[end]

    def _active(self, start: UnixTime, end: UnixTime) -> tuple[Gwei, Gwei] | None:
        """The narrowest bounds of the active stake through (start, end] that bookkeeping gives."""
        if self._booked is None:
            self._booked = list(self._carried_on())
        found: list[tuple[int, int]] = []
        for anchor, bounds in self._booked:
            first, last = start - anchor.timestamp, end - anchor.timestamp
            parts = [one for one in bounds if one.start < last and one.start + one.seconds > first]
            if parts and first >= 0 and parts[-1].start + parts[-1].seconds >= last:
                found.append((min(one.active_low for one in parts), max(one.active_high for one in parts)))
        if not found:
            return None
        low, high = min(found, key=lambda pair: pair[1] - pair[0])
        return Gwei(low), Gwei(high)

    def _by_bookkeeping(self, start: UnixTime, end: UnixTime) -> Iterator[Estimated]:
        """Estimates of anchors that are carried on by deposits and withdrawals of our own ledger."""
        if self._booked is None:
            self._booked = list(self._carried_on())
        for anchor, bounds in self._booked:
            found = estimate_within(anchor, bounds, start, end, USUAL, self._rules(end))
            if found is not None:
                yield found

    def _carried_on(self) -> Iterator[tuple[StakeAnchor, list[StretchBounds]]]:
        anchors = [(self._anchor, False)] if self._anchor else []
        if self._newest is not None:
            anchors.append((_sampled_anchor(self._newest), True))
        for anchor, queue_known in anchors:
            bounds = self._books.bounds(self._db, anchor, self._rules, queue_known=queue_known)
            if bounds:
                yield anchor, bounds

    def _rules(self, end: UnixTime) -> StakeRules:
        """The freest of all rules until `end`: they hold for the stricter ones before, too."""
        late = self._chain is not None and self._chain.is_active("amsterdam", end)
        return GLAMSTERDAM if late else PECTRA

    def _by_drift(self, anchor: StakeAnchor, start: UnixTime, end: UnixTime) -> Estimated:
        pectra = self._chain.time_of("prague") if self._chain else None
        usual = self._rules(UnixTime(max(end, anchor.timestamp)))
        low = high = age = 0
        for first in range(start, end, STRETCH_S):
            early = pectra is not None and first < pectra
            last = UnixTime(min(first + STRETCH_S, end))
            part = estimate_by_drift(anchor, UnixTime(first), last, USUAL, BEFORE_PECTRA if early else usual)
            low, high, age = low + part.low_gwei, high + part.high_gwei, max(age, part.anchor_age_s)
        return Estimated(Gwei(low), Gwei(high), Method.DRIFT, anchor.label, age, USUAL.source)


def _narrowed(found: Sequence[Estimated]) -> Estimated:
    """What all estimates allow, under the name of the narrowest; where two exclude each other, all that any allows."""
    low, high = max(one.low_gwei for one in found), min(one.high_gwei for one in found)
    if low > high:
        low, high = min(one.low_gwei for one in found), max(one.high_gwei for one in found)
    return replace(min(found, key=lambda one: one.spread_gwei), low_gwei=low, high_gwei=high)


def _sampled_anchor(sample: ConsensusTotal) -> StakeAnchor:
    """A sample as the anchor of what came after it. Balances hold a little that is not active stake."""
    validators = sample.validators_gwei
    return StakeAnchor(
        sample.timestamp,
        sample.total_gwei,
        Gwei(floor_div(validators * 96, 100)),
        Gwei(ceil_div(validators * 101, 100)),
        sample.pending_deposits_gwei,
        "beacon balances, 96 to 101 % of them active",
    )


def _with_tail(points: Sequence[IssuancePoint], start: UnixTime, end: UnixTime) -> Issuance:
    """Measured by the samples; what lies after the newest one is carried on at their pace."""
    if len(points) < 2:
        return Unknown("fewer than two samples")
    newest = points[-1]
    tail = end - newest.timestamp
    if tail <= 0:
        return between(points, start, end)
    if tail > LONGEST_TAIL_S:
        return Unknown("the newest sample is too old")
    assumption = f"the {tail // 60} min after the newest sample at the same pace, ±{TAIL_SLACK} %"
    if start >= newest.timestamp:
        low, high = _tail(points, end - start)
        return Estimated(Gwei(low), Gwei(high), Method.INTERPOLATED, "beacon balances", tail, assumption)
    measured = between(points, start, newest.timestamp)
    if isinstance(measured, Unknown):
        return measured
    low, high = bounds_gwei(measured)
    tail_low, tail_high = _tail(points, tail)
    return Estimated(
        Gwei(low + tail_low), Gwei(high + tail_high), Method.INTERPOLATED, "beacon balances", tail, assumption
    )


def _tail(points: Sequence[IssuancePoint], seconds: int) -> tuple[int, int]:
    newest = points[-1]
    first = next(
        point for point in points if point.timestamp >= newest.timestamp - SECONDS_PER_DAY or point is newest
    )
    if first is newest:
        first = points[-2]
    issued, span = newest.total_gwei - first.total_gwei, newest.timestamp - first.timestamp
    ends = (issued * seconds * (100 - TAIL_SLACK), issued * seconds * (100 + TAIL_SLACK))
    return floor_div(min(ends), span * 100), ceil_div(max(ends), span * 100)


def _anchor(stake: tuple[int, int]) -> StakeAnchor:
    eth, day = stake
    gwei = Gwei(eth * 10**9)
    # The registry holds more than what is active: what waits, what left. A tenth more is generous.
    return StakeAnchor(
        UnixTime(day), Gwei(gwei * 11 // 10), gwei, gwei, Gwei(0), f"ETHMON_STAKE: {eth:,} ETH active"
    )
