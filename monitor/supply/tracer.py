"""geth's supply tracer (`--vmtrace supply`): its rows, and where they and our ledger differ.

The tracer writes a line for every block that it executes, side branches too, and marks no reorg:
only the parent hashes tell which lines count. Zero fields are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from monitor.domain import BlockRow, BurnRule
from monitor.supply.burn import Burn, burn_of
from monitor.units import BlockHash, BlockNumber, Wei

MAX_LINE_BYTES = 4_096


class TracerRow(NamedTuple):
    """What one executed block did to the sum of all execution-layer balances, in wei."""

    number: BlockNumber
    hash: BlockHash
    parent_hash: BlockHash
    base_burn_wei: Wei
    blob_burn_wei: Wei
    destroyed_wei: Wei
    """By self-destructs, which our ledger does not see."""
    reward_wei: Wei
    withdrawals_wei: Wei
    """Paid out by the consensus layer: not issuance, whatever the tracer calls it."""

    @property
    def change_wei(self) -> Wei:
        """Change of the sum of balances."""
        gained = self.reward_wei + self.withdrawals_wei
        return Wei(gained - self.base_burn_wei - self.blob_burn_wei - self.destroyed_wei)


class _Line(msgspec.Struct):
    blockNumber: int  # noqa: N815 - the tracer's name
    hash: str
    parentHash: str  # noqa: N815 - the tracer's name
    issuance: dict[str, Any] = {}
    burn: dict[str, Any] = {}


def parse_row(line: bytes | str) -> TracerRow:
    """One line of the file. Raises ValueError where it is not the tracer's."""
    if len(line) > MAX_LINE_BYTES:
        raise ValueError("a line of a supply tracer is not that long")
    try:
        row = msgspec.json.decode(line, type=_Line)
        return TracerRow(
            BlockNumber(row.blockNumber),
            BlockHash(row.hash),
            BlockHash(row.parentHash),
            _wei(row.burn, "1559"),
            _wei(row.burn, "blob"),
            _wei(row.burn, "misc"),
            _wei(row.issuance, "reward"),
            _wei(row.issuance, "withdrawals"),
        )
    except (msgspec.MsgspecError, TypeError, ValueError):
        raise ValueError("not a line of geth's supply tracer") from None


def branch(rows: Iterable[TracerRow], head: BlockHash) -> list[TracerRow]:
    """The rows from `head` back to where they end, newest first; rows of other branches are left out."""
    by_hash = {row.hash: row for row in rows}
    found: list[TracerRow] = []
    while (row := by_hash.pop(head, None)) is not None:
        found.append(row)
        head = row.parent_hash
    return found


@dataclass(frozen=True, slots=True)
class Difference:
    """A block of which the tracer says something else than our ledger."""

    number: BlockNumber
    ours: Burn
    theirs: Burn
    expected: bool
    """True where the tracer is known to be wrong: it takes the header's gas, after Amsterdam too."""


def differences(ours: Mapping[BlockNumber, BlockRow], theirs: Iterable[TracerRow]) -> list[Difference]:
    """Every block that both have and that burned another amount, in the order of `theirs`."""
    found: list[Difference] = []
    for row in theirs:
        block = ours.get(row.number)
        if block is None:
            continue
        burn, traced = burn_of(block), Burn(row.base_burn_wei, row.blob_burn_wei)
        if burn != traced:
            expected = block.burn_rule is BurnRule.RECEIPTS and burn.blob_wei == traced.blob_wei
            found.append(Difference(row.number, burn, traced, expected))
    return found


def _wei(part: dict[str, Any], key: str) -> Wei:
    text = part.get(key, "0x0")
    if not isinstance(text, str) or not text.startswith("0x"):
        raise ValueError(key)
    return Wei(int(text, 16))
