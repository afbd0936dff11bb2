"""Whether the rule that we take a block's paid gas by still holds, checked where both ways exist.

Up to Osaka the header's `gasUsed` and the receipts give the same gas. The day they differ in a
block that we count by its header, a fork has changed the rule and we have not noticed: from then
on base burn is not known, until headers and receipts agree again or a version knows the new rule.
"""

from __future__ import annotations

from monitor.chain.blocks import no_blob_fee, to_block
from monitor.chain.checked import read_checked
from monitor.chain.member import Member
from monitor.chain.pool import Pool
from monitor.chain.receipts import receipt_gas
from monitor.chain.rpc import Call
from monitor.chain.verdict import Agreed, Mismatch, Unknown, Verdict
from monitor.domain import BlockRef, BurnRule
from monitor.errors import BlockGone, NodeError, Unsupported

NEW_RULE = Unknown("since Amsterdam the header does not tell the gas that was paid")


def check_gas_rule(pool: Pool, head: BlockRef, blocks: int = 1) -> Verdict:
    """Compare the gas of `head` and the blocks before it by header and by receipts.

    A node whose two answers differ while another's agree contradicts itself, and is left.
    Raises NodeError when nobody answers.
    """
    chain_id = pool.chain_id()

    def compare(member: Member) -> Verdict:
        return _compare(member, head, blocks, chain_id)

    try:
        verdict = pool.using(compare)
    except (Unsupported, BlockGone) as error:
        return Unknown(error.problem)
    if isinstance(verdict, Mismatch):
        try:
            second = pool.using(compare, elsewhere=True)
        except NodeError:
            return verdict
        if isinstance(second, Agreed) and second.telling:
            pool.distrust(verdict.cause)
            return second
    return verdict


def _compare(member: Member, head: BlockRef, blocks: int, chain_id: int) -> Verdict:
    block_hash, compared, telling = head.hash, 0, False
    for number in range(head.number, max(-1, head.number - blocks), -1):
        json = read_checked(member, Call("eth_getBlockByHash", [block_hash, False]), chain_id)
        if json is None:
            raise BlockGone(member.label, f"it no longer has block {number}.")
        block = to_block(json, number, no_blob_fee, member.label)
        if block.row.burn_rule is not BurnRule.HEADER:
            return NEW_RULE
        paid = receipt_gas(member, block)
        if paid != block.row.gas_used:
            return Mismatch(
                f"block {number}: the header says {block.row.gas_used} gas, the receipts {paid}; "
                "base burn by the header is in doubt"
            )
        block_hash, compared, telling = block.ref.parent_hash, compared + 1, telling or paid > 0
    return Agreed(compared, telling)
