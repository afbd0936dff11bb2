"""Reads a Morpho market at a block: terms, stored state, rate, oracle, tokens; and who may liquidate early."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from contracts_abi import morpho as abi
from monitor.domain import BlockRef
from monitor.errors import CannotSee
from monitor.lending.morpho import MorphoMarket, PreLiquidation, accrue
from monitor.protocols.asking import NOWHERE, decoded, sound
from monitor.protocols.base import Answer, Ask, Reading, View, attempt, together
from monitor.protocols.morpho_deployments import MorphoDeployment
from monitor.protocols.morpho_oracle import (
    OracleAt,
    OracleWiring,
    read_opaque,
    read_oracle,
    wiring_asks,
    wiring_of,
)
from monitor.protocols.morpho_position import Early, MarketAt
from monitor.protocols.tokens import TokenBook
from monitor.units import Address, UnixTime


class MorphoReader:
    """Remembers what never changes: markets' terms, oracles' wiring, tokens, pre-liquidation contracts."""

    def __init__(self, deployment: MorphoDeployment) -> None:
        self._deployment = deployment
        self.params: dict[bytes, abi.MarketParams] = {}
        self.early: dict[bytes, list[tuple[Address, abi.PreLiquidationParams]]] = {}
        self._wirings: dict[Address, OracleWiring | None] = {}
        self._tokens = TokenBook()

    def market(self, market: bytes, at: BlockRef) -> Reading[MarketAt]:
        """A market with interest accrued to the block. Raises `CannotSee`."""
        params = yield from self._params_of(market)
        answers = yield [View(self._deployment.morpho, abi.MARKET.encode(market)), *self._wiring_asks(params)]
        stored = decoded(abi.MARKET, answers[0], "market")
        oracle = Address(params.oracle)
        self._learn_wiring(oracle, answers[1:])
        wanted = [Address(params.loan_token), Address(params.collateral_token)]
        readings: list[Reading[Any]] = [
            attempt(self._rate(params, stored)),
            attempt(self._oracle(oracle)),
            self._tokens.read(wanted),
        ]
        rate, priced, tokens = yield from together(readings)
        loan, collateral = (sound(tokens[token]) for token in wanted)
        return MarketAt(
            id=market,
            params=params,
            state=accrue(_state(stored, params.lltv), sound(rate), UnixTime(at.timestamp)),
            borrow_rate=rate,
            oracle=sound(priced).oracle,
            loan=loan,
            collateral=collateral,
            eth_is_loan=wanted[0] in self._deployment.eth_tokens,
            opaque=sound(priced).opaque,
        )

    def _learn_wiring(self, oracle: Address, answers: Sequence[Answer]) -> None:
        if oracle not in self._wirings:
            try:
                self._wirings[oracle] = wiring_of(oracle, answers)
            except CannotSee:
                self._wirings[oracle] = None

    def _oracle(self, oracle: Address) -> Reading[_Priced]:
        wiring = self._wirings[oracle]
        if wiring is None:
            return _Priced((yield from read_opaque(oracle)), opaque=True)
        return _Priced((yield from read_oracle(wiring)), opaque=False)

    def _params_of(self, market: bytes) -> Reading[abi.MarketParams]:
        if market not in self.params:
            answers = yield [View(self._deployment.morpho, abi.MARKET_PARAMS.encode(market))]
            params = decoded(abi.MARKET_PARAMS, answers[0], "market parameters")
            if params.lltv == 0 or params.oracle == NOWHERE:
                raise CannotSee("the market has no oracle or no threshold: nothing can be borrowed in it")
            self.params[market] = params
        return self.params[market]

    def _wiring_asks(self, params: abi.MarketParams) -> list[Ask]:
        oracle = Address(params.oracle)
        return [] if oracle in self._wirings else wiring_asks(oracle)

    def _rate(self, params: abi.MarketParams, stored: abi.MarketOf) -> Reading[int]:
        if params.irm == NOWHERE:
            return 0
        answers = yield [View(Address(params.irm), abi.BORROW_RATE_VIEW.encode(params, stored))]
        return decoded(abi.BORROW_RATE_VIEW, answers[0], "the market's rate model")

    def authorised(self, account: Address, market: bytes) -> Reading[Early | None]:
        """The pre-liquidation contract with the lowest threshold that the account let act for it."""
        contracts = self.early.get(market, [])
        if not contracts:
            return None
        answers = yield [
            View(self._deployment.morpho, abi.IS_AUTHORIZED.encode(account, contract))
            for contract, _ in contracts
        ]
        allowed = [
            pair
            for pair, answer in zip(contracts, answers, strict=True)
            if decoded(abi.IS_AUTHORIZED, answer, "authorisation")
        ]
        if not allowed:
            return None
        contract, terms = min(allowed, key=lambda pair: pair[1].pre_lltv)
        oracle = yield from self._early_oracle(Address(terms.oracle))
        return Early(contract, PreLiquidation(*terms[:5]), oracle)

    def _early_oracle(self, oracle: Address) -> Reading[OracleAt]:
        if oracle not in self._wirings:
            answers = yield wiring_asks(oracle)
            self._learn_wiring(oracle, answers)
        priced = yield from self._oracle(oracle)
        if priced.opaque:
            raise CannotSee("the pre-liquidation oracle does not say how it is wired")
        return priced.oracle


class _Priced(NamedTuple):
    oracle: OracleAt
    opaque: bool


def _state(stored: abi.MarketOf, lltv: int) -> MorphoMarket:
    return MorphoMarket(
        total_supply_assets=stored.total_supply_assets,
        total_supply_shares=stored.total_supply_shares,
        total_borrow_assets=stored.total_borrow_assets,
        total_borrow_shares=stored.total_borrow_shares,
        last_update=UnixTime(stored.last_update),
        fee=stored.fee,
        lltv=lltv,
    )
