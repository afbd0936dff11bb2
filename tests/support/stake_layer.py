"""A consensus layer in whole sums whose stake moves as freely as the protocol's queues allow."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from hypothesis import strategies as st

from monitor.supply.consensus import Participation, ParticipationRange, max_issuance_per_epoch
from monitor.supply.estimate import StakeRules

ETH = 10**9
RULES = StakeRules(384, 256 * ETH, 256 * ETH, 4, 20)
LOW = Participation(*[Fraction(98, 100)] * 4)
HIGH = Participation(*[Fraction(1)] * 4)
RANGE = ParticipationRange(LOW, HIGH, "test")


@dataclass
class Layer:
    """A consensus layer in whole sums, epoch by epoch."""

    active: int
    queue: list[list[int]] = field(default_factory=list)
    """Deposits that wait: age in epochs, gwei."""
    leaving: list[list[int]] = field(default_factory=list)
    """Exited stake: age in epochs, gwei."""
    excess: int = 0
    """Rewards on top of full validators, until they are swept."""
    compounded: int = 0
    """The part of `excess` that becomes stake once it is a whole ETH."""
    issued: int = 0

    @property
    def total(self) -> int:
        return self.active + self.excess + sum(gwei for _, gwei in self.queue + self.leaving)

    def epoch(self, deposit: int, exits: int, lag: int, compounding: int, ratio: Fraction, sweep: int) -> int:
        """One epoch; what was paid out."""
        reward = int(max_issuance_per_epoch(self.active) * ratio)
        self.issued += reward
        self.excess += reward
        self.compounded += reward * compounding // 100
        whole = min(self.compounded, self.excess) // ETH * ETH  # stake counts in whole ETH
        self.active += whole
        self.excess -= whole
        self.compounded -= whole
        self._enter(deposit)
        exits = min(exits, self.active // 2)
        self.active -= exits
        self.leaving.append([0, exits])
        return self._pay(lag, sweep)

    def _enter(self, deposit: int) -> None:
        room = RULES.entry_gwei
        for entry in self.queue:
            entry[0] += 1
            if entry[0] > RULES.entry_lag_epochs - 1 or room < RULES.entry_gwei:
                moved = min(room, entry[1])
                entry[1] -= moved
                room -= moved
                self.active += moved
        self.queue = [entry for entry in self.queue if entry[1]]
        if deposit:
            self.queue.append([0, deposit])

    def _pay(self, lag: int, sweep: int) -> int:
        paid = self.excess * sweep // 100
        self.excess -= paid
        for entry in self.leaving:
            entry[0] += 1
        paid += sum(gwei for age, gwei in self.leaving if age >= lag)
        self.leaving = [entry for entry in self.leaving if entry[0] < lag]
        return paid


epochs = st.tuples(
    st.sampled_from([0, 0, 32, 256, 3_000]),  # deposit, ETH
    st.integers(0, 256),  # exits, ETH
    st.sampled_from([0, 0, 3, 100]),  # part of the excess that is swept, percent
)
