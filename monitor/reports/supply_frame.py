"""One time frame with both sides of the ledger, and its rates."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from monitor.reports.burn import BurnFrame
from monitor.supply.barrier import growth_per_year, hours_of_issuance
from monitor.supply.burn import per_year_wei
from monitor.supply.issuance import Estimated, Issuance, Unknown, bounds_gwei
from monitor.supply.total import NetChange
from monitor.units import WEI_PER_GWEI, Wei


@dataclass(frozen=True, slots=True)
class SupplyFrame:
    """What was burned, issued, and what that left, of one stretch of time."""

    burn: BurnFrame
    issuance: Issuance
    net: NetChange | Unknown
    second: Estimated | Unknown
    """The withdrawal sweep's word on issuance, whatever the first one is."""

    @property
    def seconds(self) -> int:
        """Its length."""
        return self.burn.end - self.burn.start

    @property
    def hours_burned(self) -> Decimal | None:
        """Hours of issuance that the burn undid, at the middle of the interval."""
        if isinstance(self.issuance, Unknown):
            return None
        low, high = bounds_gwei(self.issuance)
        return hours_of_issuance(self.burn.total_wei, (low + high) * WEI_PER_GWEI // 2, self.seconds)

    @property
    def issued_per_year_wei(self) -> tuple[Wei, Wei] | None:
        """Bounds of issuance at the same pace for a year; None where it is not known."""
        if isinstance(self.issuance, Unknown):
            return None
        low, high = (per_year_wei(bound * WEI_PER_GWEI, self.seconds) for bound in bounds_gwei(self.issuance))
        return low, high

    @property
    def net_per_year_wei(self) -> tuple[Wei, Wei] | None:
        """Bounds of the net change at the same pace for a year; None where it is not known."""
        if isinstance(self.net, Unknown):
            return None
        return per_year_wei(self.net.low_wei, self.seconds), per_year_wei(self.net.high_wei, self.seconds)

    def growth(self, supply_wei: Wei) -> tuple[Decimal, Decimal] | None:
        """Bounds of the yearly growth as a share of `supply_wei` (0.01 is 1 %)."""
        if isinstance(self.net, Unknown):
            return None
        low, high = (
            growth_per_year(bound, supply_wei, self.seconds)
            for bound in (self.net.low_wei, self.net.high_wei)
        )
        return low, high
