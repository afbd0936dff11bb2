"""What the consensus protocol can issue: the rewards of Altair and every fork since, in its own integers.

All amounts are gwei, as the protocol counts. Participation is a share of active stake per flag;
shares are exact fractions, so nothing is rounded but where the protocol rounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import NamedTuple

from monitor.units import Gwei, ceil_div, floor_div

INCREMENT_GWEI = 10**9
"""EFFECTIVE_BALANCE_INCREMENT: stake counts in whole ETH."""
BASE_REWARD_FACTOR = 64
SOURCE_WEIGHT = 14
TARGET_WEIGHT = 26
HEAD_WEIGHT = 14
SYNC_WEIGHT = 2
PROPOSER_WEIGHT = 8
WEIGHT_DENOMINATOR = 64

SLOTS_PER_EPOCH = 32
SYNC_COMMITTEE_SIZE = 512


def base_reward_per_increment(active_gwei: Gwei) -> Gwei:
    """Reward of one ETH of stake for an epoch of perfect duty. `active_gwei` > 0."""
    return Gwei(floor_div(INCREMENT_GWEI * BASE_REWARD_FACTOR, isqrt(active_gwei)))


def max_issuance_per_epoch(active_gwei: Gwei) -> Gwei:
    """The most that an epoch can issue: every validator perfect, every block proposed. 0 without stake."""
    if active_gwei < INCREMENT_GWEI:
        return Gwei(0)
    return Gwei(base_reward_per_increment(active_gwei) * floor_div(active_gwei, INCREMENT_GWEI))


def issuance_bounds(least_active_gwei: Gwei, most_active_gwei: Gwei) -> tuple[Gwei, Gwei]:
    """The lowest and highest `max_issuance_per_epoch` of any stake (in whole ETH) between the two.

    The whole-gwei base reward makes issuance a saw: rising with stake, falling by up to 0.3 % each
    time the base reward steps down, so the ends of the interval alone do not bound it.
    """
    most = floor_div(max(most_active_gwei, 0), INCREMENT_GWEI)
    least = min(ceil_div(max(least_active_gwei, 0), INCREMENT_GWEI), most)
    low, high = _issuance(least), _issuance(most)
    if least > 0:
        trough = _increments_paying(_base_reward(least))[1] + 1
        low = min(low, _issuance(trough)) if trough <= most else min(low, high)
    if most > 0:
        peak = _increments_paying(_base_reward(most))[0] - 1
        high = max(high, _issuance(peak)) if peak >= least else max(low, high)
    return low, high


def _base_reward(increments: int) -> int:
    return base_reward_per_increment(Gwei(increments * INCREMENT_GWEI))


def _issuance(increments: int) -> Gwei:
    return max_issuance_per_epoch(Gwei(increments * INCREMENT_GWEI))


class Participation(NamedTuple):
    """Shares of active stake, 0 to 1: correct and timely source, target and head votes; sync committee."""

    source: Fraction
    target: Fraction
    head: Fraction
    sync: Fraction


FULL = Participation(Fraction(1), Fraction(1), Fraction(1), Fraction(1))


def issuance_ratio(participation: Participation) -> Fraction:
    """Issuance as a share of `max_issuance_per_epoch`; negative where penalties outweigh rewards.

    A flag's reward shrinks with everybody's participation in it (hence the squares); missing source
    and target votes are fined; the proposer earns 8/56 of the attesters' and of the sync committee's
    weights. Holds while the chain finalizes: not in an inactivity leak, not for slashings.
    """
    source, target, head, sync = participation
    voted = SOURCE_WEIGHT * source + TARGET_WEIGHT * target + HEAD_WEIGHT * head
    rewards = SOURCE_WEIGHT * source**2 + TARGET_WEIGHT * target**2 + HEAD_WEIGHT * head**2
    fines = SOURCE_WEIGHT * (1 - source) + TARGET_WEIGHT * (1 - target)
    proposer = Fraction(PROPOSER_WEIGHT, WEIGHT_DENOMINATOR - PROPOSER_WEIGHT)
    committee = SYNC_WEIGHT * (sync * (1 + proposer) - (1 - sync))
    return (rewards - fines + voted * proposer + committee) / WEIGHT_DENOMINATOR


@dataclass(frozen=True, slots=True)
class ParticipationRange:
    """Participation that is not known exactly. Every share of `low` is at most that of `high`."""

    low: Participation
    high: Participation
    source: str
    """Where the range comes from, for the label."""

    def ratios(self) -> tuple[Fraction, Fraction]:
        """The interval of `issuance_ratio`: it rises with every share."""
        return issuance_ratio(self.low), issuance_ratio(self.high)


def _per_mille(source: int, target: int, head: int, sync: int) -> Participation:
    return Participation(*(Fraction(share, 1000) for share in (source, target, head, sync)))


USUAL = ParticipationRange(
    _per_mille(995, 992, 970, 930),
    _per_mille(999, 998, 993, 985),
    "mainnet's usual participation: ratio 0.968 to 0.992; measured days of 2022 had 0.976 to 0.977",
)
"""Mainnet while it finalizes. A day with a large client's outage falls below it."""


def stake_from_sync_reward(
    reward_gwei: Gwei, *, slots_per_epoch: int = SLOTS_PER_EPOCH, committee_size: int = SYNC_COMMITTEE_SIZE
) -> tuple[Gwei, Gwei] | None:
    """Active stake from the reward of one seat in the sync committee for one block.

    The reward is a fixed share of the whole network's base reward, so 512 rows tell what otherwise
    takes a list of two million. Gives the lowest and highest stake, in whole ETH, that pays exactly
    this reward (at 36 M ETH up to 0.6 % apart, because the base reward is a whole number of gwei);
    None for a reward that no stake pays.
    """
    unit = slots_per_epoch * committee_size * WEIGHT_DENOMINATOR
    least = ceil_div(reward_gwei * unit, SYNC_WEIGHT)
    most = ceil_div((reward_gwei + 1) * unit, SYNC_WEIGHT) - 1
    if reward_gwei <= 0:
        return None
    # Without floors the network's base reward is 64 * sqrt(stake in gwei).
    top = base_reward_per_increment(Gwei(floor_div(least, BASE_REWARD_FACTOR) ** 2))
    bottom = base_reward_per_increment(Gwei(ceil_div(most, BASE_REWARD_FACTOR) ** 2))
    found = [
        bound
        for base in range(max(bottom - 2, 1), top + 3)
        for bound in _overlap((ceil_div(least, base), floor_div(most, base)), _increments_paying(base))
    ]
    if not found:
        return None
    return Gwei(min(found) * INCREMENT_GWEI), Gwei(max(found) * INCREMENT_GWEI)


def _increments_paying(base: int) -> tuple[int, int]:
    """The least and the most whole ETH of active stake at which the base reward is `base`."""
    numerator = INCREMENT_GWEI * BASE_REWARD_FACTOR
    least_root, most_root = floor_div(numerator, base + 1) + 1, floor_div(numerator, base)
    return ceil_div(least_root**2, INCREMENT_GWEI), ceil_div((most_root + 1) ** 2, INCREMENT_GWEI) - 1


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, ...]:
    low, high = max(one[0], other[0]), min(one[1], other[1])
    return (low, high) if low <= high else ()
