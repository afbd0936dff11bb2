"""Whether a block can be the child of its parent. A true hash alone does not make a header canonical.

Judged on the chains that we know, from London to Osaka: base fee, gas limit, gas used, time. Not
judged are headers of Amsterdam and later, whose rules may be others, and excess blob gas: the blob
target changes by configuration alone, and what follows from it is checked hourly against the fees
that the node charged (`monitor.chain.schedule`), where a difference is a gap and not a halt.
"""

from __future__ import annotations

from collections.abc import Sequence

from monitor.domain import Block, BlockRow, BurnRule
from monitor.errors import BadAnswer
from monitor.supply.burn import Finding, check_child
from monitor.supply.forks import CHAINS


def check_parentage(chain_id: int | None, parent: BlockRow | None, blocks: Sequence[Block]) -> None:
    """Hold linked `blocks` to their parents; `parent` is the first one's, None where its row is not there.

    Raises BadAnswer for the first block that its parent excludes.
    """
    if chain_id not in CHAINS:
        return
    for block in blocks:
        row = block.row
        if parent is not None and row.burn_rule is BurnRule.HEADER:
            for finding in check_child(parent, row, None, eip7918=False):
                raise BadAnswer("node", f"{_words(finding)}, which its parent excludes: it is not canonical.")
        parent = row


def _words(finding: Finding) -> str:
    wanted = "" if finding.expected is None else f" instead of {finding.expected}"
    return f"block {finding.number} has {finding.rule.value.replace('_', ' ')} {finding.found}{wanted}"
