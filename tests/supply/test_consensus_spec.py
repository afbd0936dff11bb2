"""Issuance maths against the executable consensus spec."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.supply.consensus import (
    FULL,
    Participation,
    ParticipationRange,
    base_reward_per_increment,
    issuance_ratio,
    max_issuance_per_epoch,
    stake_from_sync_reward,
)
from monitor.supply.estimate import Flow, StakeAnchor, StakeRules, estimate, estimate_by_drift
from monitor.supply.issuance import ConsensusTotal, Estimated, Measured, measure
from monitor.supply.sweep import Payout, SweepTally, sweep_estimate
from tests.support.consensus_spec import (
    ETH,
    SECONDS_PER_SLOT,
    SLOTS_PER_EPOCH,
    VALIDATORS,
    SpecChain,
    deposit_request,
    fulu,
    genesis,
)

STATE = genesis(8)
MINIMAL = StakeRules(SECONDS_PER_SLOT * SLOTS_PER_EPOCH, 64 * ETH, 64 * ETH, 16, 300)


def reading(chain: SpecChain) -> ConsensusTotal:
    slot = int(chain.state.slot)
    return ConsensusTotal(
        slot, slot, "0x", slot * SECONDS_PER_SLOT, slot, chain.balances, chain.pending, 0, True
    )


@settings(max_examples=60)
@given(st.integers(8, 60_000_000))
def test_base_reward_and_maximum_are_the_specs(increments: int) -> None:
    """The spec's own functions on a state with as much stake, up to beyond mainnet's."""
    share, rest = divmod(increments, len(STATE.validators))
    for index, validator in enumerate(STATE.validators):
        validator.effective_balance = (share + (rest if index == 0 else 0)) * ETH
    active = int(fulu.get_total_active_balance(STATE))
    assert active == increments * ETH
    assert base_reward_per_increment(active) == int(fulu.get_base_reward_per_increment(STATE))
    assert max_issuance_per_epoch(active) == sum(
        int(fulu.get_base_reward(STATE, index)) for index in range(len(STATE.validators))
    )


def test_the_weights_are_the_specs() -> None:
    from monitor.supply import consensus

    for name in ("SYNC_REWARD_WEIGHT", "PROPOSER_WEIGHT", "WEIGHT_DENOMINATOR", "BASE_REWARD_FACTOR"):
        assert int(getattr(fulu, name)) == getattr(consensus, name.replace("REWARD_WEIGHT", "WEIGHT"))
    for name in ("SOURCE", "TARGET", "HEAD"):
        assert int(getattr(fulu, f"TIMELY_{name}_WEIGHT")) == getattr(consensus, f"{name}_WEIGHT")
    assert int(fulu.EFFECTIVE_BALANCE_INCREMENT) == consensus.INCREMENT_GWEI


@pytest.mark.parametrize("offline", [0, 4])
def test_full_blocks_issue_what_the_formula_says(offline: int) -> None:
    chain = SpecChain(genesis(), frozenset(range(offline)))
    chain.epochs(2)
    start, seats = chain.balances, 0
    bits = 0
    for _ in range(2 * SLOTS_PER_EPOCH):
        block = chain.step()
        bits += sum(map(bool, block.body.sync_aggregate.sync_committee_bits))
        seats += len(block.body.sync_aggregate.sync_committee_bits)
    share = Fraction(VALIDATORS - offline, VALIDATORS)
    ratio = issuance_ratio(Participation(share, share, share, Fraction(bits, seats)))
    assert (ratio == 1) is (offline == 0)
    expected = 2 * max_issuance_per_epoch(VALIDATORS * 32 * ETH) * ratio
    assert chain.balances - start == pytest.approx(float(expected), rel=1e-5)


def test_nobody_at_all_is_fined_as_the_formula_says() -> None:
    """Negative issuance; the leak that follows is beyond the formula and still negative when measured."""
    chain = SpecChain(genesis(), frozenset(range(VALIDATORS)))
    chain.epochs(2)
    first = reading(chain)
    chain.epochs(2)
    second = reading(chain)
    nobody = Participation(*([Fraction(0)] * 4))
    measured = measure(first, second, 0, 0)
    assert measured.gwei == pytest.approx(
        float(2 * max_issuance_per_epoch(VALIDATORS * 32 * ETH) * issuance_ratio(nobody)), rel=1e-5
    )
    chain.epochs(4)
    leaking = measure(second, reading(chain), 0, 0)
    assert leaking.gwei < 2 * measured.gwei


def test_deposits_withdrawals_and_slashings_do_not_blur_what_is_measured() -> None:
    """Two chains with the same duties: one with deposits and withdrawals, one with neither.

    Money that passes through earns nothing here, so both must issue the same to the gwei; that of a
    slashed validator is missing from the sum by exactly what was taken from balances.
    """
    plain, busy = SpecChain(genesis()), SpecChain(genesis(withdrawable=True))
    before = reading(plain), reading(busy)
    for epoch in range(5):
        for slot in range(SLOTS_PER_EPOCH):
            plain.step()
            busy.step([deposit_request(epoch, 32 * ETH, key=VALIDATORS + epoch)] if slot == 3 else ())
    assert busy.deposited == 5 * 32 * ETH
    assert busy.withdrawn > 0
    assert 0 < busy.pending < busy.deposited  # some were credited, some wait
    measured = measure(before[1], reading(busy), busy.deposited, busy.withdrawn)
    assert (
        measured
        == measure(before[0], reading(plain), 0, 0)
        == Measured(plain.balances - VALIDATORS * 32 * ETH)
    )

    paid_before = reading(busy)
    balance = int(busy.state.balances[7])
    fulu.slash_validator(busy.state, 7)
    lost = balance - int(busy.state.balances[7])
    fulu.decrease_balance(busy.state, 7, 5 * ETH)  # as a correlated slashing takes later
    slashed = measure(paid_before, reading(busy)._replace(slot=paid_before.slot + 1), 0, 0)
    assert lost > 0
    assert slashed.gwei == busy.total - paid_before.total_gwei <= -5 * ETH


def test_a_forfeited_deposit_is_negative_issuance(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deposit of a new key with a bad signature is taken from the queue and credited to nobody."""
    chain = SpecChain(genesis())
    chain.epochs(1)
    start = reading(chain)
    chain.step([deposit_request(0, 32 * ETH, key=70)])
    monkeypatch.setattr(fulu, "is_valid_deposit_signature", lambda *_: False)
    chain.epochs(4)
    assert chain.pending == 0
    assert len(chain.state.validators) == VALIDATORS
    measured = measure(start, reading(chain), chain.deposited, chain.withdrawn)
    epochs = Fraction(4 * SLOTS_PER_EPOCH + 1, SLOTS_PER_EPOCH)
    issued = float(max_issuance_per_epoch(VALIDATORS * 32 * ETH) * epochs)
    assert measured.gwei == pytest.approx(issued - 32 * ETH, abs=0.1 * issued)


def test_estimates_hold_the_truth_on_a_chain_with_entries_and_absences() -> None:
    """Bookkeeping, drift alone, and the sweep, each against balances that they never see."""
    chain = SpecChain(genesis(withdrawable=True), frozenset({0}))
    chain.epochs(2)
    anchor = StakeAnchor(
        int(chain.state.slot) * SECONDS_PER_SLOT,
        chain.total,
        chain.active,
        chain.active,
        chain.pending,
        "test",
    )
    start = reading(chain)
    participation = ParticipationRange(
        Participation(*([Fraction(30, 32)] * 3), Fraction(26, 32)), FULL, "at most 2 of 32 offline"
    )
    tally, flows, active = SweepTally(), [], []
    for epoch in range(11):
        deposited, withdrawn, seen = chain.deposited, chain.withdrawn, len(chain.payouts)
        for slot in range(SLOTS_PER_EPOCH):
            chain.step(
                [deposit_request(epoch, 32 * ETH, key=VALIDATORS + epoch)] if slot == 3 and epoch < 6 else ()
            )
        tally.add(Payout(*paid) for paid in chain.payouts[seen:])
        flows.append(
            Flow(MINIMAL.seconds_per_epoch, chain.deposited - deposited, chain.withdrawn - withdrawn)
        )
        active.append(chain.active)
        truth = measure(start, reading(chain), chain.deposited, sum(flow.withdrawals_gwei for flow in flows))
        estimated = estimate(anchor, [], flows, participation, MINIMAL)
        assert estimated.low_gwei <= truth.gwei <= estimated.high_gwei
        seconds = MINIMAL.seconds_per_epoch * len(flows)
        drift = estimate_by_drift(
            anchor, anchor.timestamp, anchor.timestamp + seconds, participation, MINIMAL
        )
        assert drift.low_gwei <= truth.gwei <= drift.high_gwei
        assert drift.high_gwei - drift.low_gwei >= estimated.high_gwei - estimated.low_gwei
    assert active[-1] > active[0]  # somebody did enter
    assert estimated.high_gwei < 1.3 * truth.gwei
    assert estimated.low_gwei > 0.7 * truth.gwei
    later = estimate(anchor, flows[:5], flows[5:], participation, MINIMAL)
    assert later.anchor_age_s == estimated.anchor_age_s == seconds
    assert later.high_gwei < estimated.high_gwei

    swept = sweep_estimate(
        tally, seconds, min(active), max(active), offline_permille=(0, 63), least_periods=100
    )
    assert isinstance(swept, Estimated)
    assert swept.low_gwei <= truth.gwei <= swept.high_gwei
    assert swept.high_gwei < 1.4 * truth.gwei


def test_stake_is_read_off_one_sync_committee_reward() -> None:
    chain = SpecChain(genesis())
    chain.step()
    committee = [bytes(key) for key in chain.state.current_sync_committee.pubkeys]
    seats = {index: committee.count(bytes(v.pubkey)) for index, v in enumerate(chain.state.validators)}
    before = list(map(int, chain.state.balances))
    block = chain.step()
    gains = {
        (int(chain.state.balances[index]) - before[index]) // count
        for index, count in seats.items()
        if count and index != int(block.proposer_index)
    }
    assert len(gains) == 1
    low, high = stake_from_sync_reward(gains.pop(), slots_per_epoch=SLOTS_PER_EPOCH, committee_size=32)
    assert low <= VALIDATORS * 32 * ETH <= high
    assert high - low < 2 * ETH
