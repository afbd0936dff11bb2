"""The balance identity after Gloas: builders, payloads one slot late, payloads that never come."""

from __future__ import annotations

from monitor.supply.issuance import ConsensusTotal, Measured, measure
from tests.support.consensus_gloas import (
    ETH,
    SLOTS_PER_EPOCH,
    VALIDATORS,
    GloasChain,
    builder_deposit,
    deposit,
    genesis,
)


def reading(chain: GloasChain) -> ConsensusTotal:
    """As `monitor.chain.beacon_sample` ties it: to the block's own payload, deposits one behind."""
    assert chain.arrived
    number = len(chain.payloads)
    slot = int(chain.state.slot)
    return ConsensusTotal(
        slot, number, "0x", slot * 6, number - 1, chain.validators, chain.pending, chain.builders, True
    )


def issued(chain: GloasChain, start: ConsensusTotal, end: ConsensusTotal) -> Measured:
    deposits = sum(payload.deposits for payload in chain.payloads[start.deposits_block : end.deposits_block])
    left = sum(payload.withdrawals for payload in chain.payloads[start.block_number : end.block_number])
    result = measure(start, end, deposits, left)
    assert isinstance(result, Measured)
    return result


def test_money_in_transit_is_neither_issued_nor_lost() -> None:
    """A chain with deposits, builders, withdrawals and empty slots issues what a chain without any does."""
    plain, busy = GloasChain(genesis()), GloasChain(genesis(withdrawable=True))
    plain.step()
    busy.step()
    before = reading(plain), reading(busy)
    for slot in range(2 * SLOTS_PER_EPOCH):
        plain.step()
        busy.step(
            arrives=slot % 5 not in (2, 3),
            deposits=[deposit(VALIDATORS + slot, 32 * ETH)] if slot in (0, 2, 5) else (),
            builders=[builder_deposit(60 + slot, 7 * ETH)] if slot in (1, 2, 4) else (),
        )
        if busy.arrived:
            assert issued(busy, before[1], reading(busy)) == issued(plain, before[0], reading(plain))
    # What was in the payload of slot 2 never came.
    assert busy.builders - before[1].builders_gwei == 2 * 7 * ETH
    assert busy.pending == 2 * 32 * ETH
    assert sum(payload.withdrawals for payload in busy.payloads) > ETH


def test_a_wrong_tie_would_show() -> None:
    """Counting deposits to the payload's own block, as before Gloas, is off by what is in transit."""
    chain = GloasChain(genesis())
    chain.step()
    start = reading(chain)
    chain.step(deposits=[deposit(VALIDATORS, 32 * ETH)])
    end = reading(chain)
    right = issued(chain, start, end)
    wrong = issued(chain, start, end._replace(deposits_block=end.block_number))
    assert wrong.gwei == right.gwei - 32 * ETH
    assert abs(right.gwei) < ETH // 100
