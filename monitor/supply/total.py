"""Total supply: an anchor that somebody established, plus everything issued and burned since.

Each figure carries the bounds of what is not exact and the list of what is not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.supply.burn import BurnTotal
from monitor.supply.issuance import Issuance, Unknown, bounds_gwei
from monitor.units import WEI_PER_ETH, WEI_PER_GWEI, BlockNumber, UnixTime, Wei


@dataclass(frozen=True, slots=True)
class SupplyAnchor:
    """Total supply after a known block."""

    block: BlockNumber
    timestamp: UnixTime
    supply_wei: Wei
    slack_wei: Wei
    """How far off the figure may be, either way, by its author's own account."""
    source: str


MERGE_ANCHOR = SupplyAnchor(
    block=BlockNumber(15_537_394),
    timestamp=UnixTime(1_663_224_179),
    supply_wei=Wei(120_521_140_924_621_298_474_538_089),
    slack_wei=Wei(200 * WEI_PER_ETH),
    source="ultrasound.money, recorded at the Merge; about 192 ETH of uncredited deposits before genesis count",
)


@dataclass(frozen=True, slots=True)
class Uncounted:
    """ETH that the ledger leaves out: it makes true supply lower by up to `at_most_wei`."""

    what: str
    at_most_wei: Wei | None
    """None: no bound is known; the text says why it is small."""


UNCOUNTED: tuple[Uncounted, ...] = (
    Uncounted("ETH destroyed by self-destructs before Cancun: 54 cases since the contract's origin", None),
    Uncounted("ETH destroyed by self-destructs since Cancun: 2 cases until block 25,000,000", None),
    Uncounted(
        "deposits that were never credited before genesis (bad signature, about 6 of 21,073)",
        Wei(192 * WEI_PER_ETH),
    ),
)
NO_POW = Wei(0)
FORFEITED = Uncounted(
    "deposits forfeited for a bad signature: measured issuance has them, an estimate does not see them", None
)


@dataclass(frozen=True, slots=True)
class NetChange:
    """Supply change over a stretch: issuance less burn, between bounds that hold together."""

    low_wei: Wei
    high_wei: Wei
    issuance: Issuance
    burn: BurnTotal

    @property
    def is_exact(self) -> bool:
        """Whether both bounds meet."""
        return self.low_wei == self.high_wei


def net_change(issuance: Issuance, burn: BurnTotal, pow_wei: Wei | None = NO_POW) -> NetChange | Unknown:
    """Issuance of both layers less burn; Unknown where any of them is not known in full.

    `pow_wei`: rewards of proof-of-work blocks in the stretch, None where uncles were not read.
    """
    if isinstance(issuance, Unknown):
        return issuance
    if not burn.is_complete:
        return Unknown(
            f"burn is not known for {max(burn.unknown_base, burn.unknown_blob)} of {burn.blocks} blocks"
        )
    if pow_wei is None:
        return Unknown("rewards of uncles before the Merge were not read")
    low, high = (bound * WEI_PER_GWEI + pow_wei - burn.known_wei for bound in bounds_gwei(issuance))
    return NetChange(Wei(low), Wei(high), issuance, burn)


@dataclass(frozen=True, slots=True)
class TotalSupply:
    """Supply after a block, between bounds, with what it stands on."""

    low_wei: Wei
    high_wei: Wei
    anchor: SupplyAnchor
    burn: BurnTotal
    """Burned since the anchor."""
    uncounted: tuple[Uncounted, ...]


def total_supply(anchor: SupplyAnchor, since: Sequence[NetChange | Unknown]) -> TotalSupply | Unknown:
    """The anchor plus stretches that follow it without a gap or overlap; one unknown leaves no total."""
    low, high = anchor.supply_wei - anchor.slack_wei, anchor.supply_wei + anchor.slack_wei
    burn = BurnTotal(Wei(0), Wei(0), 0, 0, 0)
    estimated = False
    for change in since:
        if isinstance(change, Unknown):
            return change
        low, high, burn = low + change.low_wei, high + change.high_wei, burn + change.burn
        estimated = estimated or not change.is_exact
    uncounted = (*UNCOUNTED, FORFEITED) if estimated else UNCOUNTED
    return TotalSupply(Wei(low), Wei(high), anchor, burn, uncounted)
