"""What passed between the layers, read from every beacon block of a stretch: slower, and complete by itself."""

from __future__ import annotations

from typing import NamedTuple

from monitor.chain.beacon import Beacon, Header
from monitor.errors import BadAnswer
from monitor.units import Gwei

MAX_BLOCKS = 10_000
"""A day and a half: beyond, the execution node's logs are the way."""


class Passed(NamedTuple):
    """Gwei that entered and left the consensus layer."""

    deposits_gwei: Gwei
    withdrawals_gwei: Gwei | None
    """None since Gloas, where beacon blocks do not hold them."""
    blocks: int


def walk(node: Beacon, start: Header, end: Header) -> Passed:
    """Sums over the blocks after `start` up to `end`, followed back from parent to parent.

    No block can be left out: the walk must arrive at `start`. Raises NodeError.
    """
    deposits = withdrawals = blocks = 0
    known = True
    root = end.root
    while root != start.root:
        block = node.block(root)
        if block.slot <= start.slot or blocks >= MAX_BLOCKS:
            raise BadAnswer(
                node.label, f"slot {end.slot} does not descend from the block of slot {start.slot}."
            )
        deposits += block.deposits_gwei
        withdrawals += block.withdrawals_gwei or 0
        known = known and block.withdrawals_gwei is not None
        blocks += 1
        root = block.parent_root
    return Passed(Gwei(deposits), Gwei(withdrawals) if known else None, blocks)
