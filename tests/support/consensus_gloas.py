"""A Gloas chain in the executable consensus spec: payloads come after their blocks, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from eth_consensus_specs.gloas import minimal as gloas
from eth_consensus_specs.test.helpers.block import build_empty_block
from eth_consensus_specs.test.helpers.genesis import create_genesis_state
from eth_consensus_specs.test.helpers.keys import pubkeys
from eth_consensus_specs.utils import bls

bls.bls_active = False  # after the imports: keys are derived at import

VALIDATORS = 32
SLOTS_PER_EPOCH = int(gloas.SLOTS_PER_EPOCH)
ETH = 10**9


class Payload(NamedTuple):
    """What an execution block moved, in gwei."""

    deposits: int
    withdrawals: int


def genesis(*, withdrawable: bool = False) -> Any:
    """A genesis state in which `withdrawable` validators have a little more than the cap."""
    state = create_genesis_state(gloas, [gloas.Gwei(32 * ETH)] * VALIDATORS, gloas.MAX_EFFECTIVE_BALANCE)
    for index, validator in enumerate(state.validators):
        state.balances[index] += ETH // 2
        if withdrawable:
            validator.withdrawal_credentials = gloas.ETH1_ADDRESS_WITHDRAWAL_PREFIX + bytes(11) + b"\x11" * 20
    return state


def deposit(key: int, amount: int) -> Any:
    credentials = gloas.ETH1_ADDRESS_WITHDRAWAL_PREFIX + bytes(11) + b"\x22" * 20
    return gloas.DepositRequest(pubkey=pubkeys[key], withdrawal_credentials=credentials, amount=amount)


def builder_deposit(key: int, amount: int) -> Any:
    credentials = b"\xb0" + bytes(11) + b"\x33" * 20
    return gloas.BuilderDepositRequest(pubkey=pubkeys[key], withdrawal_credentials=credentials, amount=amount)


@dataclass
class GloasChain:
    """Blocks without votes; each payload arrives or does not. `payloads` is the execution chain."""

    state: Any
    payloads: list[Payload] = field(default_factory=list)
    arrived: bool = False
    """Whether the newest block's payload came."""
    _requests: Any = None

    @property
    def validators(self) -> int:
        return sum(map(int, self.state.balances))

    @property
    def builders(self) -> int:
        return sum(int(builder.balance) for builder in self.state.builders)

    @property
    def pending(self) -> int:
        return sum(int(deposit.amount) for deposit in self.state.pending_deposits)

    def step(
        self, *, arrives: bool = True, deposits: Iterable[Any] = (), builders: Iterable[Any] = ()
    ) -> None:
        """One slot with a block, whose payload `arrives` with these requests in it."""
        state = self.state
        gloas.process_slots(state, state.slot + 1)
        block = build_empty_block(gloas, state, state.slot)
        # Before the bid is touched: views of one block do not see each other's changes.
        if self.arrived and self._requests is not None:
            block.body.parent_execution_requests = self._requests
        bid = block.body.signed_execution_payload_bid.message
        parent = state.latest_execution_payload_bid.block_hash if self.arrived else state.latest_block_hash
        bid.parent_block_hash = parent
        bid.block_hash = gloas.hash(int(state.slot).to_bytes(8, "little"))
        requests = gloas.ExecutionRequests(deposits=list(deposits), builder_deposits=list(builders))
        bid.execution_requests_root = gloas.hash_tree_root(requests)
        gloas.process_block(state, block)
        self.arrived, self._requests = arrives, requests
        if arrives:
            entered = sum(int(row.amount) for row in (*requests.deposits, *requests.builder_deposits))
            left = sum(int(row.amount) for row in state.payload_expected_withdrawals)
            self.payloads.append(Payload(entered, left))
