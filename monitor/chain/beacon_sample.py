"""One reading of all ETH on the consensus layer, after one beacon block, tied to one execution block."""

from __future__ import annotations

from collections.abc import Callable

from monitor.chain.beacon import Beacon, BeaconBlock, BeaconSpec, Header
from monitor.domain import BlockRef
from monitor.errors import BadAnswer, BlockGone, NodeUnavailable
from monitor.supply.issuance import ConsensusTotal
from monitor.units import BlockHash, BlockNumber, Epoch, Gwei, Slot

FindBlock = Callable[[BlockHash], BlockRef | None]
"""The execution node's word: the canonical block with this hash, None where it has none."""

MAX_MISSED = 64
"""Slots to look back for a block; two epochs without one would not finalize."""


def sample_epoch(finalized: Epoch, every: int) -> Epoch:
    """The newest epoch that is finalized and a multiple of `every`: where all monitors sample alike."""
    return Epoch(finalized - finalized % every)


def sample(node: Beacon, spec: BeaconSpec, slot: Slot, find: FindBlock, *, finalized: bool) -> ConsensusTotal:
    """All balances after the last block at or before `slot`.

    The state's root is compared with the block's, before and after the long read: all lists are of
    one state, the one that this block left. Raises NodeError; a number is never made up.
    """
    header, block, ref = _anchor_block(node, spec, slot, find)
    _check_state(node, header)
    validators = node.balances(header.slot)
    epoch = spec.epoch_of(header.slot)
    pending = node.pending_deposits(header.slot).gwei if epoch >= spec.electra_epoch else 0
    builders = node.builders(header.slot).gwei if epoch >= spec.gloas_epoch else 0
    _check_state(node, header)
    if not validators.rows:
        raise BadAnswer(node.label, f"its state at slot {header.slot} has no validators.")
    # Since Gloas a payload's deposits enter with the next block, while its withdrawals have left.
    deposits_block = ref.number if block.execution_number is not None else ref.number - 1
    return ConsensusTotal(
        slot=header.slot,
        block_number=ref.number,
        block_hash=ref.hash,
        timestamp=ref.timestamp,
        deposits_block=BlockNumber(deposits_block),
        validators_gwei=Gwei(validators.gwei),
        pending_deposits_gwei=Gwei(pending),
        builders_gwei=Gwei(builders),
        finalized=finalized,
    )


def _anchor_block(
    node: Beacon, spec: BeaconSpec, slot: Slot, find: FindBlock
) -> tuple[Header, BeaconBlock, BlockRef]:
    """The last block at or before `slot` whose execution block the execution node has, too."""
    for at in range(slot, max(slot - MAX_MISSED, 0) - 1, -1):
        try:
            header = node.header(Slot(at))
        except BlockGone:
            continue  # a missed slot
        block = node.block(header.root)
        if (block.slot, block.parent_root) != (header.slot, header.parent_root):
            raise BadAnswer(node.label, f"its block and its header at slot {at} differ.")
        ref = find(block.execution_hash)
        if ref is not None:
            return header, block, _checked(node, block, ref)
        if spec.epoch_of(header.slot) < spec.gloas_epoch:
            raise NodeUnavailable(
                node.label,
                f"the execution node does not have block {block.execution_hash} of slot {at}: "
                "one of the two is behind, or they follow different chains.",
            )
        # Since Gloas: this block's payload never came. The one before stands for it.
    raise BlockGone(node.label, f"it has no block in the {MAX_MISSED} slots up to {slot}.")


def _checked(node: Beacon, block: BeaconBlock, ref: BlockRef) -> BlockRef:
    number, moment = block.execution_number, block.timestamp
    if number is not None and (number, moment) != (ref.number, ref.timestamp):
        raise BadAnswer(node.label, f"its execution block at slot {block.slot} is not the execution node's.")
    return ref


def _check_state(node: Beacon, header: Header) -> None:
    if node.header(header.slot).root != header.root or node.state_root(header.slot) != header.state_root:
        raise BlockGone(node.label, f"slot {header.slot} was replaced while its state was read.")
