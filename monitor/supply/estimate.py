"""Issuance without a beacon node: a known stake once, then what the execution chain shows.

Stake moves only through queues with a fixed rate per epoch, so how far it can have drifted from an
anchor is known without looking; deposits and withdrawals seen on the execution chain narrow that.
The protocol's formula turns stake into issuance. Everything is an interval; each bound is rounded
outwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

from monitor.supply.consensus import INCREMENT_GWEI, ParticipationRange, issuance_bounds
from monitor.supply.issuance import Estimated, Method
from monitor.units import Gwei, UnixTime, ceil_div, floor_div


class StakeRules(NamedTuple):
    """How fast stake can move. Rates are gwei an epoch."""

    seconds_per_epoch: int
    entry_gwei: int
    exit_gwei: int
    entry_lag_epochs: int
    """From a deposit to its activation when nothing waits before it: finality, and the way in."""
    exit_lag_epochs: int
    """From leaving the active set to the payment: the delay and a whole sweep."""


PECTRA = StakeRules(384, 256 * 10**9, 256 * 10**9, 16, 2_500)
GLAMSTERDAM = PECTRA._replace(exit_gwei=1_400 * 10**9)
"""EIP-8061 lets exits leave faster: 1/32768 of the stake an epoch, 1,068 ETH at 35 M ETH."""


FLAGS = 3
LEAST_VALIDATOR_GWEI = 16 * 10**9
"""With less effective balance a validator is ejected."""


@dataclass(frozen=True, slots=True)
class StakeAnchor:
    """Stake at a known moment."""

    timestamp: UnixTime
    total_gwei: Gwei
    """Balances and pending deposits of the whole consensus layer."""
    active_low_gwei: Gwei
    """Bounds of the active effective balance; equal where it is known."""
    active_high_gwei: Gwei
    pending_gwei: Gwei
    """The part of `total_gwei` that waits in the deposit queue."""
    label: str


class Flow(NamedTuple):
    """What entered and left in a stretch of `seconds`, as the execution chain shows it."""

    seconds: int
    deposits_gwei: Gwei
    withdrawals_gwei: Gwei


class Stake(NamedTuple):
    """What is known of the consensus layer some time after the anchor. Sums are since the anchor."""

    seconds: int = 0
    deposits: int = 0
    withdrawals: int = 0
    queue_low: int = 0
    queue_high: int = 0
    issued_low: int = 0
    issued_high: int = 0


def estimate(
    anchor: StakeAnchor,
    before: Iterable[Flow],
    within: Iterable[Flow],
    participation: ParticipationRange,
    rules: StakeRules = PECTRA,
) -> Estimated:
    """Issuance of the stretches `within`, which follow `before`, which follow the anchor without a gap.

    Holds while the chain finalizes, slashings are few and deposits average half a validator or more
    (the queue takes 16 an epoch). A stretch of a day or less each keeps the interval narrow.
    """
    stake = at_anchor(anchor)
    for flow in before:
        stake = advance(anchor, stake, flow, participation, rules)
    start = stake
    for flow in within:
        stake = advance(anchor, stake, flow, participation, rules)
    return Estimated(
        Gwei(stake.issued_low - start.issued_low),
        Gwei(stake.issued_high - start.issued_high),
        Method.BOOKKEEPING,
        anchor.label,
        stake.seconds,
        participation.source,
    )


def estimate_by_drift(
    anchor: StakeAnchor,
    start: UnixTime,
    end: UnixTime,
    participation: ParticipationRange,
    rules: StakeRules = PECTRA,
) -> Estimated:
    """Issuance of (start, end], before or after the anchor, from nothing but the queues' rates."""
    age = max(abs(anchor.timestamp - start), abs(anchor.timestamp - end))
    epochs = ceil_div(age, rules.seconds_per_epoch)
    _, most = issuance_bounds(anchor.active_low_gwei, anchor.active_high_gwei)
    drift = (max(rules.entry_gwei, rules.exit_gwei) + most) * epochs
    low, high = _issued(
        max(anchor.active_low_gwei - drift, 0),
        anchor.active_high_gwei + drift,
        end - start,
        participation,
        rules,
    )
    return Estimated(Gwei(low), Gwei(high), Method.DRIFT, anchor.label, age, participation.source)


def at_anchor(anchor: StakeAnchor) -> Stake:
    """The state to advance from."""
    return Stake(queue_low=anchor.pending_gwei, queue_high=anchor.pending_gwei)


def advance(
    anchor: StakeAnchor, stake: Stake, flow: Flow, participation: ParticipationRange, rules: StakeRules
) -> Stake:
    """The state after `flow`."""
    moved = _move(stake, flow, rules)
    active_low, active_high = active_bounds(anchor, stake, moved, rules)
    _, growth = _issued(active_low, active_high, flow.seconds, participation, rules)
    # Rewards of the stretch may become stake before it ends; what that earns is less than one ETH more.
    active_high += max(growth, 0) + INCREMENT_GWEI
    low, high = _issued(active_low, active_high, flow.seconds, participation, rules)
    return moved._replace(issued_low=stake.issued_low + low, issued_high=stake.issued_high + high)


def active_bounds(anchor: StakeAnchor, before: Stake, after: Stake, rules: StakeRules) -> tuple[int, int]:
    """The least and the most active effective balance at any moment of a stretch, in gwei.

    Inside it all that left may have left before anything entered, and the other way round: each
    bound takes from either end what suits it.
    """
    issued = max(before.issued_high, 0)
    arrived = anchor.pending_gwei + after.deposits
    queue_low = min(before.queue_low, after.queue_low)
    # Compounding validators turn rewards into stake: all of them, at the most.
    entered_high = anchor.active_high_gwei + arrived - queue_low + issued
    present_high = anchor.total_gwei + after.deposits - before.withdrawals + issued - queue_low
    low = anchor.active_low_gwei + _entered(anchor, before, rules) - _left(after, rules)
    return max(low, 0), max(min(entered_high, present_high), 0)


def _entered(anchor: StakeAnchor, stake: Stake, rules: StakeRules) -> int:
    """At least this much became active since the anchor."""
    arrived = anchor.pending_gwei + stake.deposits
    return max(arrived - stake.queue_high - rules.entry_gwei * rules.entry_lag_epochs, 0)


def _left(stake: Stake, rules: StakeRules) -> int:
    """At most this much left the active set since the anchor: it was paid, and seen, or is on its way."""
    epochs = ceil_div(stake.seconds, rules.seconds_per_epoch)
    on_its_way = rules.exit_gwei * min(epochs, rules.exit_lag_epochs)
    return min(rules.exit_gwei * epochs, stake.withdrawals + on_its_way)


def _move(stake: Stake, flow: Flow, rules: StakeRules) -> Stake:
    """Deposits arrive at the start of the stretch at the earliest and at its end at the latest."""
    turn = rules.entry_gwei * ceil_div(flow.seconds, rules.seconds_per_epoch)
    turn_low = rules.entry_gwei * floor_div(flow.seconds, rules.seconds_per_epoch)
    return stake._replace(
        seconds=stake.seconds + flow.seconds,
        deposits=stake.deposits + flow.deposits_gwei,
        withdrawals=stake.withdrawals + flow.withdrawals_gwei,
        queue_low=max(stake.queue_low + flow.deposits_gwei - turn, 0),
        queue_high=max(stake.queue_high - turn_low, 0) + flow.deposits_gwei,
    )


def _issued(
    active_low: int, active_high: int, seconds: int, participation: ParticipationRange, rules: StakeRules
) -> tuple[int, int]:
    """Bounds of the issuance of `seconds`, whatever the stake did between its bounds."""
    least, most = issuance_bounds(Gwei(active_low), Gwei(active_high))
    low_ratio, high_ratio = participation.ratios()
    # The protocol rounds each flag of each validator down to a gwei; above half of the stake voting, that
    # takes more from rewards than from fines, so the upper bound holds without it.
    rounded = ceil_div(FLAGS * active_high, LEAST_VALIDATOR_GWEI)
    low = (least if low_ratio >= 0 else most) * low_ratio - rounded
    high = (most if high_ratio >= 0 else least) * high_ratio
    share = Fraction(seconds, rules.seconds_per_epoch)
    low, high = low * share, high * share
    return floor_div(low.numerator, low.denominator), ceil_div(high.numerator, high.denominator)


class Stretch(NamedTuple):
    """A time after the anchor; None for what the execution chain was not asked."""

    seconds: int
    deposits_gwei: Gwei | None
    withdrawals_gwei: Gwei | None


class StretchBounds(NamedTuple):
    """Active stake, in gwei, at any moment of a stretch that begins `start` seconds after the anchor."""

    start: int
    seconds: int
    active_low: int
    active_high: int


def stretch_bounds(
    anchor: StakeAnchor,
    stretches: Iterable[Stretch],
    participation: ParticipationRange,
    rules: StakeRules = PECTRA,
    *,
    queue_known: bool = True,
) -> Iterator[StretchBounds]:
    """Active stake through `stretches`, which follow the anchor without a gap.

    What is not known is taken as it suits each bound: for the lower one nothing entered and all left
    that can, for the upper one the queue was never empty and nothing left. `queue_known` False: what
    waits at the anchor is not known either.
    """
    # Larger than any queue there can be: entries then run at the full rate.
    full = anchor
    if not queue_known:
        queue = anchor.total_gwei
        full = replace(anchor, total_gwei=Gwei(anchor.total_gwei + queue), pending_gwei=queue)
    low, high = at_anchor(anchor), at_anchor(full)
    for stretch in stretches:
        least, most = _filled(stretch, rules)
        low_moved, high_moved = _move(low, least, rules), _move(high, most, rules)
        active_low, _ = active_bounds(anchor, low, low_moved, rules)
        _, active_high = active_bounds(full, high, high_moved, rules)
        _, growth = _issued(active_low, active_high, stretch.seconds, participation, rules)
        active_high += max(growth, 0) + INCREMENT_GWEI
        yield StretchBounds(high.seconds, stretch.seconds, active_low, active_high)
        _, growth = _issued(active_low, active_high, stretch.seconds, participation, rules)
        low = low_moved
        high = high_moved._replace(issued_high=high.issued_high + growth)


def estimate_within(
    anchor: StakeAnchor,
    bounds: Iterable[StretchBounds],
    start: UnixTime,
    end: UnixTime,
    participation: ParticipationRange,
    rules: StakeRules = PECTRA,
) -> Estimated | None:
    """Issuance of (start, end] out of stretches; None where they do not cover it."""
    low = high = covered = 0
    first, last = start - anchor.timestamp, end - anchor.timestamp
    for one in bounds:
        seconds = min(last, one.start + one.seconds) - max(first, one.start)
        if seconds > 0:
            part = _issued(one.active_low, one.active_high, seconds, participation, rules)
            low, high, covered = low + part[0], high + part[1], covered + seconds
    if covered < end - start:
        return None
    return Estimated(Gwei(low), Gwei(high), Method.BOOKKEEPING, anchor.label, last, participation.source)


def _filled(stretch: Stretch, rules: StakeRules) -> tuple[Flow, Flow]:
    """The flows that suit the lower and the upper bound."""
    epochs = ceil_div(stretch.seconds, rules.seconds_per_epoch)
    deposits, withdrawals = stretch.deposits_gwei, stretch.withdrawals_gwei
    return (
        Flow(
            stretch.seconds,
            Gwei(0) if deposits is None else deposits,
            Gwei(rules.exit_gwei * epochs) if withdrawals is None else withdrawals,
        ),
        Flow(
            stretch.seconds,
            Gwei(rules.entry_gwei * epochs) if deposits is None else deposits,
            Gwei(0) if withdrawals is None else withdrawals,
        ),
    )
