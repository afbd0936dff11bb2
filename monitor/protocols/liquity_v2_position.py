"""A Liquity v2 trove at one block, from what was read: its row, and its inputs by cause."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from contracts_abi import liquity as abi
from monitor.lending import liquity_v2 as trove_maths
from monitor.lending.liquity_v1 import collateral_ratio
from monitor.lending.liquity_v2 import Latest, TroveV2Test
from monitor.lending.outcome import Outcome, liquidation_tick
from monitor.lending.position import Cause, Leg, Linear, Model, Position, PositionKey
from monitor.lending.solver import Monotone
from monitor.protocols.feeds import price_of_feed
from monitor.protocols.liquity_v2_reading import BranchAt
from monitor.units import SECONDS_PER_DAY, TICKS_PER_USD, WAD, Wad, floor_div

_WAD_PER_TICK: Final = WAD // TICKS_PER_USD


@dataclass(frozen=True, slots=True)
class TroveV2Model:
    """A trove's inputs: what the owner recorded, what interest and redistribution added, the branch."""

    trove: abi.LatestOf
    at: BranchAt

    @property
    def latest(self) -> Latest:
        """The amounts that count."""
        trove = self.trove
        return Latest(
            trove.entire_coll, trove.entire_debt, trove.recorded_debt, trove.accrued_interest, trove.batch_fee
        )

    def outcome(self) -> Outcome:
        """The liquidation price in ticks of the branch's feed."""
        return trove_maths.outcome(self.latest, self.at.branch, self.at.rate, self.at.feed.answer)

    def tick(self) -> int | None:
        """The liquidation price."""
        return liquidation_tick(self.outcome())

    def health_at(self, price: int) -> int | None:
        """Its ratio over the minimum with the branch's feed at `price`."""
        trove = self.latest
        ratio = collateral_ratio(trove.coll, trove.debt, trove_maths.price_at(price, self.at.rate))
        return floor_div(ratio * WAD, self.at.branch.mcr) if trove.debt else None

    def replaced(self, cause: Cause, other: Model) -> Model:
        """The inputs of `cause` as in `other`."""
        if not isinstance(other, TroveV2Model):
            return self
        mine, theirs = self.trove, other.trove
        match cause:
            case Cause.INTEREST:
                grown = theirs.entire_debt - theirs.recorded_debt
                gained = theirs.redistributed_coll - mine.redistributed_coll
                moved = mine._replace(
                    entire_debt=mine.recorded_debt + grown,
                    entire_coll=mine.entire_coll + gained,
                    redistributed_coll=theirs.redistributed_coll,
                )
                return replace(self, trove=moved)
            case Cause.OWNER | Cause.LIQUIDATION:
                own = theirs.recorded_debt - mine.recorded_debt
                coll = (theirs.entire_coll - theirs.redistributed_coll) + mine.redistributed_coll
                moved = mine._replace(
                    recorded_debt=theirs.recorded_debt, entire_debt=mine.entire_debt + own, entire_coll=coll
                )
                return replace(self, trove=moved)
            case Cause.RATIO:
                return replace(self, at=replace(self.at, rate=other.at.rate))
            case Cause.PARAMETER:
                return replace(self, at=replace(self.at, branch=other.at.branch))
            case Cause.OTHER_PRICE:
                return self

    def a_day_later(self) -> TroveV2Model:
        """The trove after a day in which nobody acts, at its present rate; a batch's fee left out."""
        if self.at.branch.shutdown_time:
            return self
        day = trove_maths.interest(self.trove.recorded_debt, self.trove.annual_rate, SECONDS_PER_DAY)
        return replace(self, trove=self.trove._replace(entire_debt=self.trove.entire_debt + day))


def position_of(model: TroveV2Model, key: PositionKey) -> Position:
    """The row."""
    at, trove = model.at, model.latest
    health = model.health_at(at.feed.answer)
    worth = floor_div(trove.coll * at.price_wad, WAD * _WAD_PER_TICK)
    owed = floor_div(trove.debt, _WAD_PER_TICK)
    found, later = model.outcome(), model.a_day_later().tick()
    tick = liquidation_tick(found)
    rate = (at.rate or WAD) / WAD
    return Position(
        key=key,
        collaterals=(
            Leg(at.registry.token, at.token.symbol, trove.coll, at.token.decimals, worth, follows_eth=True),
        ),
        debts=(Leg(at.deployment.bold, "BOLD", trove.debt, 18, owed, follows_eth=False),)
        if trove.debt
        else (),
        collateral_value=worth,
        debt_value=owed,
        health_factor=None if health is None else Wad(health),
        price=price_of_feed(at.feed),
        outcome=found,
        terms=trove_maths.terms(at.registry.penalty),
        remedy=trove_maths.remedy(trove, at.branch, at.price_wad),
        drift_per_day=None if tick is None or later is None else (later - tick) / TICKS_PER_USD,
        notes=_notes(at),
        rule="amounts of the trove manager itself",
        linear=Linear(a=trove.coll * rate / at.branch.mcr, b=0.0, k=0.0, m=trove.debt / WAD),
        test=Monotone(TroveV2Test(trove, at.branch, at.rate)),
        model=model,
    )


def _notes(at: BranchAt) -> tuple[str, ...]:
    notes: list[str] = []
    if at.branch.shutdown_time:
        notes.append("the branch is shut down: interest has stopped, anyone may redeem")
    if not at.feed.is_eth_usd:
        notes.append("priced by a feed that follows ETH, not by ETH/USD")
    return tuple(notes)
