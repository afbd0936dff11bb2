"""The next sample of the consensus layer, and what was issued since the one before: all I/O of issuance."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from monitor.chain.beacon import Beacon, BeaconSpec
from monitor.chain.beacon_deposits import Caller, read_deposits
from monitor.chain.beacon_pool import BeaconNodes
from monitor.chain.beacon_sample import sample, sample_epoch
from monitor.chain.beacon_walk import walk
from monitor.domain import Block, BlockRef
from monitor.errors import NodeError, Unsupported
from monitor.supply.issuance import ConsensusTotal, Measured, Unknown, measure
from monitor.units import Address, BlockHash, BlockNumber, Gwei, Slot

Withdrawals = Callable[[BlockNumber, BlockNumber], Gwei | None]
"""Gwei withdrawn in blocks first to last by our own ledger; None where it does not know them all."""

WALK_BLOCKS = 64
"""Where logs are refused, this many beacon blocks are read one by one instead, and no more."""


class ExecutionNode(Caller, Protocol):
    """`Endpoints`, as far as it is needed here."""

    def ref(self, number: BlockNumber) -> BlockRef | None:
        """The canonical block at `number`."""
        ...

    def block_by_hash(self, block_hash: BlockHash) -> Block | None:
        """The block with this hash."""
        ...


class Step(NamedTuple):
    """A new sample. It is worth keeping also where `issued` is not known: the next step starts from it."""

    total: ConsensusTotal
    issued: Measured | Unknown
    """Since the sample before."""
    next_deposit: int | None
    """Number of the deposit to come, for the next step to prove that no log is missing."""


class Sampler:
    """Takes samples at every `every_epochs`-th finalized epoch. Nothing is kept between calls."""

    def __init__(
        self,
        nodes: BeaconNodes,
        execution: ExecutionNode,
        deposit_contract: Address | None,
        withdrawals: Withdrawals,
        *,
        every_epochs: int = 10,
    ) -> None:
        """`deposit_contract` None: the one that the beacon node names."""
        self._nodes = nodes
        self._execution = execution
        self._contract = deposit_contract
        self._withdrawals = withdrawals
        self._every = every_epochs

    def step(self, previous: ConsensusTotal | None, next_deposit: int | None) -> Step | None:
        """The newest sample that is due after `previous`; None while there is none.

        All reads are of finalized blocks, so what is taken stays. Raises NodeError, which is a gap
        in the samples with its cause.
        """

        def read(node: Beacon, spec: BeaconSpec) -> Step | None:
            epoch = sample_epoch(node.finalized_epoch(), self._every)
            slot = Slot(epoch * spec.slots_per_epoch)
            if previous is not None and slot <= previous.slot:
                return None
            total = sample(node, spec, slot, self._find, finalized=True)
            if previous is not None and total.slot <= previous.slot:
                return None
            if previous is None:
                return Step(total, Unknown("the first sample"), next_deposit)
            return self._measured(node, spec, previous, total, next_deposit)

        return self._nodes.using(read)

    def _find(self, block_hash: BlockHash) -> BlockRef | None:
        block = self._execution.block_by_hash(block_hash)
        if block is None:
            return None
        canonical = self._execution.ref(block.ref.number)
        return canonical if canonical is not None and canonical.hash == block_hash else None

    def _measured(
        self,
        node: Beacon,
        spec: BeaconSpec,
        previous: ConsensusTotal,
        total: ConsensusTotal,
        next_deposit: int | None,
    ) -> Step:
        first, last = BlockNumber(previous.deposits_block + 1), total.deposits_block
        builders = spec.epoch_of(total.slot) >= spec.gloas_epoch
        withdrawn = self._withdrawals(BlockNumber(previous.block_number + 1), total.block_number)
        try:
            contract = self._contract or spec.deposit_contract
            if contract is None:
                raise Unsupported(node.label, "it does not name the deposit contract.")
            found = read_deposits(
                self._execution, contract, first, last, next_number=next_deposit, builders=builders
            )
        except NodeError as refusal:
            if total.slot - previous.slot > WALK_BLOCKS:
                return Step(total, Unknown(f"deposits of blocks {first} to {last}: {refusal.problem}"), None)
            passed = walk(node, node.header(previous.slot), node.header(total.slot))
            withdrawn = withdrawn if withdrawn is not None else passed.withdrawals_gwei
            return Step(total, measure(previous, total, passed.deposits_gwei, withdrawn), None)
        return Step(total, measure(previous, total, found.gwei, withdrawn), found.next_number)
