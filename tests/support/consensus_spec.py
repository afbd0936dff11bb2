"""A chain of full blocks in the executable consensus spec (minimal preset): the judge of issuance maths.

Signatures are off, which the spec supports: the arithmetic is what is under test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from eth_consensus_specs.fulu import minimal as fulu
from eth_consensus_specs.test.helpers.attestations import get_valid_attestations_at_slot
from eth_consensus_specs.test.helpers.block import build_empty_block
from eth_consensus_specs.test.helpers.genesis import create_genesis_state
from eth_consensus_specs.test.helpers.keys import pubkeys
from eth_consensus_specs.utils import bls

bls.bls_active = False  # after the imports: keys are derived at import

SECONDS_PER_SLOT = int(fulu.config.SLOT_DURATION_MS) // 1000
SLOTS_PER_EPOCH = int(fulu.SLOTS_PER_EPOCH)
ETH = 10**9
"""In gwei, as the spec counts."""


VALIDATORS = 32
"""The spec's loops are quadratic in them."""


def genesis(validators: int = VALIDATORS, balance: int = 32 * ETH, *, withdrawable: bool = False) -> Any:
    """A genesis state; `withdrawable` gives every validator execution (0x01) credentials."""
    state = create_genesis_state(fulu, [fulu.Gwei(balance)] * validators, fulu.MAX_EFFECTIVE_BALANCE)
    if withdrawable:
        for validator in state.validators:
            validator.withdrawal_credentials = fulu.ETH1_ADDRESS_WITHDRAWAL_PREFIX + bytes(11) + b"\x11" * 20
    return state


def deposit_request(index: int, amount: int, *, key: int) -> Any:
    """A deposit of `amount` gwei for the test key `key`: a new validator, or a top-up of one."""
    return fulu.DepositRequest(
        pubkey=pubkeys[key],
        withdrawal_credentials=fulu.ETH1_ADDRESS_WITHDRAWAL_PREFIX + bytes(11) + b"\x22" * 20,
        amount=amount,
        index=index,
    )


@dataclass
class SpecChain:
    """Blocks on demand. `offline` neither attest nor sit in the sync committee; proposals never fail."""

    state: Any
    offline: frozenset[int] = frozenset()
    deposited: int = 0
    withdrawn: int = 0
    payouts: list[tuple[int, int, int]] = field(default_factory=list)
    """Every withdrawal: validator index, gwei, timestamp."""

    @property
    def total(self) -> int:
        """Balances and the deposit queue."""
        return self.balances + self.pending

    @property
    def balances(self) -> int:
        return sum(map(int, self.state.balances))

    @property
    def pending(self) -> int:
        return sum(int(deposit.amount) for deposit in self.state.pending_deposits)

    @property
    def active(self) -> int:
        return int(fulu.get_total_active_balance(self.state))

    def step(self, requests: Iterable[Any] = (), change: Callable[[Any], None] | None = None) -> Any:
        """One slot with a full block; `change` may alter the block before it is applied."""
        state = self.state
        fulu.process_slots(state, state.slot + 1)
        block = build_empty_block(fulu, state, state.slot)
        block.body.execution_requests.deposits = list(requests)
        if change is not None:
            change(block)
        block.body.sync_aggregate = self._sync_aggregate()
        for vote in get_valid_attestations_at_slot(
            state, fulu, state.slot - 1, participation_fn=self._voters
        ):
            block.body.attestations.append(vote)
        fulu.process_block(state, block)
        self._record(block)
        return block

    def epochs(self, count: int) -> None:
        """Full blocks to the end of `count` epochs."""
        for _ in range(count * SLOTS_PER_EPOCH):
            self.step()

    def _record(self, block: Any) -> None:
        payload = block.body.execution_payload
        self.deposited += sum(int(request.amount) for request in block.body.execution_requests.deposits)
        self.withdrawn += sum(int(withdrawal.amount) for withdrawal in payload.withdrawals)
        self.payouts.extend(
            (int(paid.validator_index), int(paid.amount), int(payload.timestamp))
            for paid in payload.withdrawals
        )

    def _voters(self, _slot: Any, _index: Any, committee: set[Any]) -> set[Any]:
        return {member for member in committee if int(member) not in self.offline}

    def _sync_aggregate(self) -> Any:
        keys = {self.state.validators[index].pubkey for index in self.offline}
        bits = [key not in keys for key in self.state.current_sync_committee.pubkeys]
        return fulu.SyncAggregate(
            sync_committee_bits=bits, sync_committee_signature=fulu.G2_POINT_AT_INFINITY
        )
