"""An Aave position taken apart by the causes that move its liquidation price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from monitor.lending.aave import Account, EMode, Market, Reserve, account_data, resolve
from monitor.lending.aave_boundary import AaveTest
from monitor.lending.correlation import EthFeedTimesRatio, FixedPrice, OtherFeed
from monitor.lending.outcome import LiquidatableAbove, LiquidatableBelow, Outcome
from monitor.lending.position import Cause, Model
from monitor.lending.solver import first_crossing


@dataclass(frozen=True, slots=True)
class AaveModel:
    """A `Model`: all inputs of one account at one block."""

    market: Market
    account: Account
    price: int
    """The ETH feed's answer, from which the first crossing is looked for."""
    found: Outcome | None = field(default=None, compare=False)
    """What was found at `price`, where it was solved already."""

    def tick(self) -> int | None:
        """The first liquidatable price, in the direction of danger; None where there is none."""
        if isinstance(self.found, LiquidatableBelow):
            return self.found.tick
        if isinstance(self.found, LiquidatableAbove):
            return self.found.tick if self.found.other_side is None else self.found.other_side
        return first_crossing(AaveTest(resolve(self.market, self.account)), self.price)

    def health_at(self, price: int) -> int | None:
        """The pool's own health factor with the ETH feed at `price`. Raises `CannotSee`."""
        data = account_data(resolve(self.market, self.account), price)
        return data.health_factor if data.debt else None

    def replaced(self, cause: Cause, other: Model) -> AaveModel:
        """The position with the inputs of `cause` as in `other`."""
        if not isinstance(other, AaveModel):
            return self
        if cause in {Cause.OWNER, Cause.LIQUIDATION}:
            return AaveModel(self._with_reserves_of(other), other.account, other.price)
        if cause is Cause.PARAMETER:
            emodes = {id_: other.market.emodes.get(id_, emode) for id_, emode in self.market.emodes.items()}
            return self._on(self._market(cause, other, emodes, other.market), other)
        return self._on(self._market(cause, other, self.market.emodes, self.market), other)

    def _on(self, market: Market, other: AaveModel) -> AaveModel:
        """The account on another market: what was found there, on this one or on the other's, is kept."""
        if market == self.market:
            return self
        same = market == other.market and self.account == other.account
        return other if same else AaveModel(market, self.account, self.price)

    def _market(self, cause: Cause, other: AaveModel, emodes: Mapping[int, EMode], rules: Market) -> Market:
        theirs = other.market.reserves
        reserves = {
            id_: _exchanged(cause, reserve, theirs[id_]) if id_ in theirs else reserve
            for id_, reserve in self.market.reserves.items()
        }
        return replace(self.market, reserves=reserves, emodes=emodes, rule=rules.rule)

    def _with_reserves_of(self, other: AaveModel) -> Market:
        """Assets and categories that the account did not have before come in as they are."""
        emodes: dict[int, EMode] = {**other.market.emodes, **self.market.emodes}
        return replace(self.market, reserves={**other.market.reserves, **self.market.reserves}, emodes=emodes)


def _exchanged(cause: Cause, mine: Reserve, theirs: Reserve) -> Reserve:
    match cause:
        case Cause.INTEREST:
            return replace(mine, income=theirs.income, debt_index=theirs.debt_index, stored=theirs.stored)
        case Cause.RATIO if isinstance(theirs.source, EthFeedTimesRatio):
            return replace(mine, source=theirs.source)
        case Cause.OTHER_PRICE if isinstance(theirs.source, OtherFeed | FixedPrice):
            return replace(mine, source=theirs.source)
        case Cause.PARAMETER:
            return replace(theirs, income=mine.income, debt_index=mine.debt_index, stored=mine.stored)
        case _:
            return mine
