"""Readings of the chain and of our own sight of it: fees, burn, blobs, reorgs, gaps, forks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from alerts.model import BlockStamp, CannotSee, Fact, Reading
from monitor.domain import BlockRow, Reorg
from monitor.readings.words import age
from monitor.supply.burn import next_base_fee_wei
from monitor.supply.issuance import Issuance, Measured, Unknown, bounds_gwei
from monitor.supply.total import NO_POW
from monitor.units import WEI_PER_ETH, WEI_PER_GWEI, BlockNumber, UnixTime, Wei, format_eth, format_gwei

BLOB_FLOOR_DIVISOR = 16
"""EIP-7918: below an execution base fee sixteen times its own, the blob fee does not fall (8192 / 131072)."""


@dataclass(frozen=True, slots=True)
class WindowBurn:
    """What was burned in a window that ends at the head; `missing` blocks of it were not seen."""

    window_s: int
    burned_wei: Wei
    base_wei: Wei
    blob_wei: Wei
    missing: int
    starts_late: bool


def fee_readings(row: BlockRow, at: BlockStamp, *, eip7918: bool) -> Iterator[Reading]:
    """Base fee of the next block, and the blob fee over its floor."""
    if row.base_fee_wei is None:
        return
    upcoming = next_base_fee_wei(row.gas_limit, row.gas_used, row.base_fee_wei)
    facts = (
        Fact("This block", f"{format_gwei(row.base_fee_wei, 4)} gwei"),
        Fact("Gas used", f"{row.gas_used * 100 // row.gas_limit if row.gas_limit else 0} % of the limit"),
    )
    yield Reading("gas.base_fee", "chain", "Ethereum", Decimal(upcoming) / WEI_PER_GWEI, at, facts=facts)
    if row.blob_gas_used is None:
        return
    if row.blob_base_fee_wei is None:
        yield Reading("blob.fee_over_floor", "chain", "Blobs", CannotSee("the blob schedule is in doubt"), at)
        return
    floor = max(1, row.base_fee_wei // BLOB_FLOOR_DIVISOR) if eip7918 else 1
    told = (
        Fact("Blob base fee", f"{format_gwei(row.blob_base_fee_wei)} gwei"),
        Fact("Floor", f"{format_gwei(floor)} gwei"),
    )
    yield Reading(
        "blob.fee_over_floor", "chain", "Blobs", Decimal(row.blob_base_fee_wei) / floor, at, facts=told
    )


def burn_reading(burn: WindowBurn, at: BlockStamp) -> Reading:
    """ETH burnt in a window; cannot be seen where blocks of it are missing."""
    name = f"Burn of {age(burn.window_s)}"
    if burn.missing or burn.starts_late:
        cause = (
            "the window begins before the first stored block"
            if burn.starts_late
            else f"{burn.missing} blocks of the window are missing"
        )
        return Reading("supply.burn_eth", "chain", name, CannotSee(cause), at, window_s=burn.window_s)
    facts = (
        Fact("By base fee", f"{format_eth(burn.base_wei, 4)} ETH"),
        Fact("By blobs", f"{format_eth(burn.blob_wei, 6)} ETH"),
    )
    value = Decimal(burn.burned_wei) / WEI_PER_ETH
    return Reading("supply.burn_eth", "chain", name, value, at, window_s=burn.window_s, facts=facts)


def record_reading(
    stretch: str, burned_wei: Wei, first: BlockNumber, last: BlockNumber, occurrence: str, at: BlockStamp
) -> Reading:
    """A `block`, `hour` or `day` that burned more than any before it."""
    facts = (Fact("Where", _blocks(first, last)),)
    return Reading(
        "supply.record_burn",
        f"record:{stretch}",
        f"Record burn of a{'n' if stretch == 'hour' else ''} {stretch}",
        Decimal(burned_wei) / WEI_PER_ETH,
        at,
        {"stretch": stretch},
        occurrence=f"{stretch}:{occurrence}",
        facts=facts,
    )


def net_reading(
    burn: WindowBurn, issued: Issuance, at: BlockStamp, mined_wei: Wei | None = NO_POW
) -> Reading:
    """Issuance less burn in a window, in ETH: the bound nearer to zero, so that only a certain sign alerts.

    An interval that reaches over zero says nothing about the sign: 0. `mined_wei`: rewards of
    proof-of-work blocks in the window, None where uncles were not read.
    """
    name, key = f"Supply over {age(burn.window_s)}", "supply.net_change_eth"
    if isinstance(issued, Unknown):
        return Reading(key, "chain", name, CannotSee(issued.cause), at, window_s=burn.window_s)
    if burn.missing or burn.starts_late:
        return Reading(
            key, "chain", name, CannotSee("blocks of the window are missing"), at, window_s=burn.window_s
        )
    if mined_wei is None:
        cause = "rewards of blocks before the Merge were not read"
        return Reading(key, "chain", name, CannotSee(cause), at, window_s=burn.window_s)
    low, high = (bound * WEI_PER_GWEI + mined_wei - burn.burned_wei for bound in bounds_gwei(issued))
    nearest = low if low > 0 else high if high < 0 else 0
    facts = (
        Fact("Between", f"{format_eth(low, 2)} and {format_eth(high, 2)} ETH"),
        Fact("Burned", f"{format_eth(burn.burned_wei, 4)} ETH"),
        Fact(
            "Issuance",
            "measured" if isinstance(issued, Measured) else f"{issued.method.value}: {issued.anchor}",
        ),
    )
    return Reading(
        key, "chain", name, Decimal(nearest) / WEI_PER_ETH, at, window_s=burn.window_s, facts=facts
    )


def reorg_reading(reorg: Reorg, at: BlockStamp) -> Reading:
    """A branch that was replaced."""
    facts = (
        Fact("Replaced", _blocks(reorg.ancestor + 1, reorg.old_head.number)),
        Fact("Old head", f"block {reorg.old_head.number:,} {reorg.old_head.hash[:10]}…"),
        Fact("New head", f"block {reorg.new_head.number:,} {reorg.new_head.hash[:10]}…"),
    )
    occurrence = f"{reorg.ancestor}:{reorg.new_head.hash}"
    return Reading(
        "chain.reorg", "chain", "Ethereum", Decimal(reorg.depth), at, occurrence=occurrence, facts=facts
    )


def _blocks(first: int, last: int) -> str:
    return f"block {first:,}" if first == last else f"blocks {first:,} to {last:,}"


def gap_reading(blocks: int, causes: Sequence[str], at: BlockStamp) -> Reading:
    """Blocks in open gaps."""
    facts = tuple(Fact("Cause", cause) for cause in causes[:3])
    return Reading("chain.gap", "chain", "The ledger", Decimal(blocks), at, facts=facts)


def head_age_reading(head_time: UnixTime, now: UnixTime, at: BlockStamp, trouble: str) -> Reading:
    """Age of the newest block by the wall clock, and what is wrong with the nodes, if known."""
    facts = (Fact("Nodes", trouble),) if trouble else ()
    return Reading("chain.head_age", "chain", "The chain", Decimal(max(0, now - head_time)), at, facts=facts)


def disagreement_reading(heads: Sequence[tuple[str, BlockNumber]], at: BlockStamp) -> Reading | None:
    """Distance between the heads of the endpoints; nothing to say with fewer than two."""
    if len(heads) < 2:
        return None
    numbers = [number for _, number in heads]
    facts = tuple(Fact(label, f"block {number:,}") for label, number in heads)
    return Reading(
        "node.disagreement", "nodes", "Endpoints", Decimal(max(numbers) - min(numbers)), at, facts=facts
    )


def fork_reading(name: str, time: UnixTime, at: BlockStamp) -> Reading:
    """Time until a scheduled fork."""
    return Reading(
        "fork.time_left", f"fork:{name}", f"Fork {name}", Decimal(max(0, time - at.time)), at, {"fork": name}
    )


def gas_rule_reading(doubt: str, at: BlockStamp) -> Reading:
    """1 while headers and receipts tell different gas."""
    facts = (Fact("Cause", doubt),) if doubt else ()
    return Reading("fork.gas_rule_mismatch", "chain", "Gas rule", Decimal(1 if doubt else 0), at, facts=facts)


def schedule_reading(doubt: str, at: BlockStamp) -> Reading:
    """1 while the node's blob schedule and ours disagree."""
    facts = (Fact("Cause", doubt),) if doubt else ()
    return Reading(
        "fork.schedule_mismatch", "chain", "Blob schedule", Decimal(1 if doubt else 0), at, facts=facts
    )
