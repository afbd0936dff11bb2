"""crvUSD: loans that are liquidated softly, over a range of prices, by swapping inside their bands.

There is no one price: in the range collateral is swapped back and forth as the price moves, and
what each crossing costs depends on the path. Only a negative health ends a loan as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from contracts_abi import crvusd as abi
from contracts_abi import maker
from contracts_abi.interface import interface
from monitor.domain import BlockRef
from monitor.errors import CannotSee
from monitor.lending.outcome import AlreadyLiquidatable, Range
from monitor.lending.position import (
    EventKind,
    Leg,
    Position,
    PositionEvent,
    PositionKey,
    ProtocolPrice,
    Seen,
    Unseen,
)
from monitor.protocols.asking import Presence, decoded, sound, told_by
from monitor.protocols.base import Check, EventFilter, EventLog, Reading, View, attempt, together
from monitor.protocols.tokens import Token, TokenBook
from monitor.units import TICKS_PER_USD, WAD, Address, Wad, floor_div, format_fixed

DECIMALS: Final = 18
_WAD_PER_TICK: Final = WAD // TICKS_PER_USD
_KINDS: Final = {
    "Borrow": (EventKind.BORROW, "loan_increase"),
    "Repay": (EventKind.REPAY, "loan_decrease"),
    "RemoveCollateral": (EventKind.WITHDRAW, "collateral_decrease"),
    "Liquidate": (EventKind.LIQUIDATION, "debt"),
}


@dataclass(frozen=True, slots=True)
class CrvUsdMarket:
    """One controller. `ratio_token`: a staking token that tells how much ETH it is worth; None for ETH."""

    name: str
    controller: Address
    stablecoin: Address
    ratio_token: Address | None = None


_CRVUSD = Address("0xf939e0a03fb07f59a73314e73794be0e57ac1b4e")
CRVUSD_MARKETS: dict[int, tuple[CrvUsdMarket, ...]] = {
    1: (
        CrvUsdMarket("WETH", Address("0xa920de414ea4ab66b97da1bfe9e6eca7d4219635"), _CRVUSD),
        CrvUsdMarket(
            "wstETH",
            Address("0x100daa78fc509db39ef7d04de0c1abd299f4c6ce"),
            _CRVUSD,
            Address("0x7f39c581f595b53c5cb19bd0b3f8da6c935e2ca0"),
        ),
    ),
}
"""By chain id. Sources: contracts_abi/SOURCES.md."""


class _MarketAt(NamedTuple):
    market: CrvUsdMarket
    amm: Address
    price: int
    ratio: int
    token: Token


class CrvUsd:
    """The adapter."""

    key = "crvusd"

    def __init__(self, markets: Sequence[CrvUsdMarket]) -> None:
        self._markets = tuple(markets)
        self._tokens = TokenBook()
        self._presence = Presence()

    def read(self, accounts: Sequence[Address], at: BlockRef) -> Reading[Sequence[Seen]]:  # noqa: ARG002 - the contracts add the interest
        """Loans that exist."""
        if not accounts:
            return []
        found = yield from together([self._of_market(market, accounts) for market in self._markets])
        return [seen for part in found for seen in part]

    def _of_market(self, market: CrvUsdMarket, accounts: Sequence[Address]) -> Reading[list[Seen]]:
        answers = yield [View(market.controller, abi.LOAN_EXISTS.encode(account)) for account in accounts]
        if self._presence.is_absent(market.controller, answers):
            return []
        seen: list[Seen] = []
        holders: list[Address] = []
        for account, answer in zip(accounts, answers, strict=True):
            try:
                if decoded(abi.LOAN_EXISTS, answer, "loan"):
                    holders.append(account)
            except CannotSee as error:
                seen.append(Unseen(self._key(market, account), str(error)))
        if holders:
            around = yield from attempt(self._market(market))
            readings: list[Reading[Any]] = [attempt(self._row(market, around, holder)) for holder in holders]
            rows = yield from together(readings)
            seen += [
                Unseen(self._key(market, holder), str(row)) if isinstance(row, CannotSee) else row
                for holder, row in zip(holders, rows, strict=True)
            ]
        return seen

    def _market(self, market: CrvUsdMarket) -> Reading[_MarketAt]:
        answers = yield [View(market.controller, call.encode()) for call in (abi.AMM, abi.COLLATERAL_TOKEN)]
        amm = Address(decoded(abi.AMM, answers[0], "AMM of the market"))
        token = Address(decoded(abi.COLLATERAL_TOKEN, answers[1], "collateral of the market"))
        readings: list[Reading[Any]] = [_price(amm), _ratio(market.ratio_token), self._tokens.read([token])]
        price, ratio, tokens = yield from together(readings)
        return _MarketAt(market, amm, price, ratio, sound(tokens[token]))

    def _row(
        self, market: CrvUsdMarket, around: _MarketAt | CannotSee, account: Address
    ) -> Reading[Position]:
        if isinstance(around, CannotSee):
            raise around
        answers = yield [
            View(market.controller, abi.USER_PRICES.encode(account)),
            View(market.controller, abi.USER_STATE.encode(account)),
            View(market.controller, abi.HEALTH.encode(account, True)),  # noqa: FBT003 - the full health
        ]
        loan = _Loan(
            decoded(abi.USER_PRICES, answers[0], "bands of the loan"),
            decoded(abi.USER_STATE, answers[1], "state of the loan"),
            decoded(abi.HEALTH, answers[2], "health of the loan"),
        )
        return _position(around, loan, self._key(market, account))

    def checks(self, position: Position) -> Sequence[Check]:  # noqa: ARG002 - as all adapters
        """None: the range is the contract's own word, and its oracle is an average that no override moves."""
        return []

    def event_filter(self) -> EventFilter:
        """What owners and liquidators do."""
        topics = [abi.event(name).topic for name in _KINDS]
        return EventFilter(tuple(market.controller for market in self._markets), tuple(topics))

    def decode_event(self, log: EventLog) -> Sequence[PositionEvent]:
        """What a log says."""
        market = next((one for one in self._markets if one.controller == log.address), None)
        found = told_by(log, interface("crvusd").events, _KINDS)
        if market is None or found is None:
            return []
        (kind, amount), values = _KINDS[found[0]], found[1]
        token = None if kind is EventKind.WITHDRAW else market.stablecoin
        return [PositionEvent(self._key(market, Address(values["user"])), kind, token, values[amount])]

    def _key(self, market: CrvUsdMarket, account: Address) -> PositionKey:
        return PositionKey(self.key, market.name, account)


class _Loan(NamedTuple):
    prices: abi.Prices
    state: abi.UserState
    health: int


def _price(amm: Address) -> Reading[int]:
    answers = yield [View(amm, abi.PRICE_ORACLE.encode())]
    return _above_zero(decoded(abi.PRICE_ORACLE, answers[0], "oracle of the market"), "oracle of the market")


def _ratio(token: Address | None) -> Reading[int]:
    if token is None:
        return WAD
    answers = yield [View(token, maker.STETH_PER_TOKEN.encode())]
    return _above_zero(decoded(maker.STETH_PER_TOKEN, answers[0], "staking ratio"), "staking ratio")


def _above_zero(number: int, what: str) -> int:
    if number <= 0:
        raise CannotSee(f"{what}: it answers zero")
    return number


def _position(at: _MarketAt, loan: _Loan, key: PositionKey) -> Position:
    prices, state = loan.prices, loan.state
    if prices.lower > prices.upper or state.debt == 0:
        raise CannotSee("the loan's own numbers make no sense")

    def in_eth(price: int) -> int:
        return floor_div(price * WAD, at.ratio)

    price = in_eth(at.price)
    hard = loan.health < 0
    worth = floor_div(state.collateral * at.price, 10**at.token.decimals * _WAD_PER_TICK)
    kept = floor_div(state.stablecoin, _WAD_PER_TICK)
    legs: list[Leg] = []
    if state.collateral:
        legs.append(
            Leg(
                Address(at.token.address),
                at.token.symbol,
                state.collateral,
                at.token.decimals,
                worth,
                follows_eth=True,
            )
        )
    if state.stablecoin:
        legs.append(Leg(at.market.stablecoin, "crvUSD", state.stablecoin, 18, kept, follows_eth=False))
    owed = floor_div(state.debt, _WAD_PER_TICK)
    return Position(
        key=key,
        collaterals=tuple(legs),
        debts=(Leg(at.market.stablecoin, "crvUSD", state.debt, 18, owed, follows_eth=False),),
        collateral_value=worth + kept,
        debt_value=owed,
        health_factor=Wad(WAD + loan.health),
        price=ProtocolPrice(price, DECIMALS, None, at.amm),
        outcome=AlreadyLiquidatable(1, price, DECIMALS)
        if hard
        else Range(in_eth(prices.upper), in_eth(prices.lower), DECIMALS),
        notes=_notes(at, loan, price, in_eth(prices.upper)),
        rule="bands and health of the controller itself",
    )


def _notes(at: _MarketAt, loan: _Loan, price: int, upper: int) -> tuple[str, ...]:
    notes = ["the price is a moving average of the market: it follows ETH with a delay"]
    if price <= upper and loan.state.stablecoin:
        swapped = format_fixed(loan.state.stablecoin, 18, 2)
        notes.append(f"in soft liquidation now: {swapped} crvUSD swapped so far")
    if at.ratio != WAD:
        notes.append(f"{at.token.symbol} at {format_fixed(at.ratio, 18, 6)} ETH")
    return tuple(notes)


def adapters(chain_id: int, own: Sequence[CrvUsdMarket] = ()) -> list[CrvUsd]:
    """One adapter for all markets of a chain, the user's own beside ours, if it has any."""
    markets = (*CRVUSD_MARKETS.get(chain_id, ()), *own)
    return [CrvUsd(markets)] if markets else []
