"""Whether the rule that we take a block's paid gas by still holds, checked where both ways exist.

Up to Osaka the header's `gasUsed` and the receipts give the same gas. The day they differ in a
block that we count by its header, a fork has changed the rule and we have not noticed.
"""

from __future__ import annotations

from monitor.chain.pool import Pool
from monitor.chain.receipts import receipt_gas
from monitor.chain.verdict import Agreed, Mismatch, Unknown, Verdict
from monitor.domain import Block, BurnRule
from monitor.errors import BlockGone, Unsupported


def check_gas_rule(pool: Pool, block: Block) -> Verdict:
    """Compare the gas of `block` by header and by receipts. Raises NodeError when nobody answers."""
    if block.row.burn_rule is not BurnRule.HEADER:
        return Unknown("since Amsterdam the header does not tell the gas that was paid")
    try:
        paid = pool.using(lambda member: receipt_gas(member, block))
    except (Unsupported, BlockGone) as error:
        return Unknown(error.problem)
    if paid != block.row.gas_used:
        return Mismatch(
            f"block {block.ref.number}: the header says {block.row.gas_used} gas, the receipts {paid}; "
            "base burn by the header is in doubt"
        )
    return Agreed(1, telling=paid > 0)
