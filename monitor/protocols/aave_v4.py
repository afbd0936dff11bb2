"""Aave v4: a position per spoke, its price found by asking the spoke itself.

A spoke keeps the collateral factors that a user had at his last borrowing, and a premium on his debt
that depends on what backs it; both are in its own account data, so it is asked instead of restated.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from contracts_abi import aave_v4 as abi
from contracts_abi.interface import interface
from monitor.domain import BlockRef
from monitor.errors import CannotSee
from monitor.lending.outcome import (
    AlreadyLiquidatable,
    NeverByEth,
    NeverReason,
    Outcome,
)
from monitor.lending.position import (
    EventKind,
    Position,
    PositionEvent,
    PositionKey,
    Seen,
    Unseen,
)
from monitor.protocols.aave_v3_deployments import ETH_FEEDS
from monitor.protocols.asked import Found, Memory, Question, all_at_once, classified, eth_usd
from monitor.protocols.asking import Presence, decoded, sound, told_by
from monitor.protocols.base import (
    Answer,
    Check,
    EventFilter,
    EventLog,
    Reading,
    View,
    attempt,
    together,
)
from monitor.protocols.feeds import FeedAnswer, price_of_feed
from monitor.units import RAY, TICKS_PER_USD, WAD, Address, Wad, floor_div

_KINDS: Final = {
    "Supply": (EventKind.SUPPLY, "suppliedAmount"),
    "Withdraw": (EventKind.WITHDRAW, "withdrawnAmount"),
    "Borrow": (EventKind.BORROW, "drawnAmount"),
}
_PER_VALUE: Final = abi.VALUE_PER_USD // TICKS_PER_USD


@dataclass(frozen=True, slots=True)
class Spoke:
    """One spoke."""

    name: str
    address: Address


def _spoke(name: str, address: str) -> Spoke:
    return Spoke(name, Address(address.lower()))


SPOKES: dict[int, tuple[Spoke, ...]] = {
    1: (
        _spoke("Main", "0x94e7A5dCbE816e498b89aB752661904E2F56c485"),
        _spoke("Bluechip", "0x973a023A77420ba610f06b3858aD991Df6d85A08"),
        _spoke("Lido", "0xe1900480ac69f0B296841Cd01cC37546d92F35Cd"),
        _spoke("EtherFi", "0xbF10BDfE177dE0336aFD7fcCF80A904E15386219"),
        _spoke("Kelp", "0x3131FE68C4722e726fe6B2819ED68e514395B9a4"),
    ),
}
"""By chain id. Sources: contracts_abi/SOURCES.md."""


class AaveV4:
    """The adapter."""

    key = "aave_v4"

    def __init__(self, spokes: Sequence[Spoke], eth_feeds: Collection[Address]) -> None:
        self._spokes = tuple(spokes)
        self._feeds = tuple(sorted(eth_feeds))
        self._presence = Presence()
        self._memory = Memory()

    def read(self, accounts: Sequence[Address], at: BlockRef) -> Reading[Sequence[Seen]]:  # noqa: ARG002 - the contracts add the interest
        """Positions with collateral or debt."""
        places = [(spoke, account) for spoke in self._spokes for account in accounts]
        if not places:
            return []
        answers = yield [View(spoke.address, abi.ACCOUNT_DATA.encode(account)) for spoke, account in places]
        told = dict(zip(places, answers, strict=True))
        seen: list[Seen] = []
        held: dict[tuple[Spoke, Address], abi.AccountData] = {}
        for place, answer in told.items():
            if self._presence.is_absent(place[0].address, [told[place[0], account] for account in accounts]):
                continue
            try:
                data = decoded(abi.ACCOUNT_DATA, answer, "account data")
            except CannotSee as error:
                seen.append(Unseen(self._key(*place), str(error)))
                continue
            if data.borrow_count or data.collateral_count or data.debt_value_ray:
                held[place] = data
        if held:
            seen += yield from self._rows(held)
        return seen

    def _rows(self, held: dict[tuple[Spoke, Address], abi.AccountData]) -> Reading[list[Seen]]:
        eth = yield from attempt(eth_usd(self._feeds))
        readings: list[Reading[Any]] = [attempt(self._row(*place, data, eth)) for place, data in held.items()]
        rows = yield from together(readings)
        return [
            Unseen(self._key(*place), str(row)) if isinstance(row, CannotSee) else row
            for place, row in zip(held, rows, strict=True)
        ]

    def _row(
        self, spoke: Spoke, account: Address, data: abi.AccountData, feed: FeedAnswer | CannotSee
    ) -> Reading[Position]:
        eth = sound(feed)
        found = yield from self._searched(spoke, account, data, eth)
        now = data.health_factor < WAD and data.debt_value_ray > 0
        if isinstance(found.outcome, AlreadyLiquidatable) != now:
            raise CannotSee("the spoke's answer under an overridden feed is not its own answer")
        owes = data.debt_value_ray > 0
        return Position(
            key=self._key(spoke, account),
            collaterals=(),
            debts=(),
            collateral_value=floor_div(data.collateral_value, _PER_VALUE),
            debt_value=floor_div(data.debt_value_ray, RAY * _PER_VALUE),
            health_factor=Wad(data.health_factor) if owes else None,
            price=price_of_feed(eth),
            outcome=_outcome(found, data, eth.answer),
            notes=("found by asking the spoke at supposed prices",) if owes else (),
            rule="the spoke's own account data",
            proof=found.proof,
        )

    def _searched(
        self, spoke: Spoke, account: Address, data: abi.AccountData, eth: FeedAnswer
    ) -> Reading[Found]:
        if not data.debt_value_ray:
            return Found(None, {})
        return (yield from self._memory.search(self._question(spoke, account), eth.answer))

    def checks(self, position: Position) -> Sequence[Check]:
        """The same question again on both sides, for a proof that is asked for anew."""
        spoke = next(one for one in self._spokes if one.name == position.key.market)
        return self._question(spoke, position.key.account).sides(position.outcome)

    def _question(self, spoke: Spoke, account: Address) -> Question:
        view = View(spoke.address, abi.ACCOUNT_DATA.encode(account))
        return Question(view, all_at_once(self._feeds), _unhealthy)

    def event_filter(self) -> EventFilter:
        """Supplies, withdrawals and borrowings."""
        topics = [abi.event(name).topic for name in _KINDS]
        return EventFilter(tuple(spoke.address for spoke in self._spokes), tuple(topics))

    def decode_event(self, log: EventLog) -> Sequence[PositionEvent]:
        """What a log says. A spoke names its reserves by number, not by token."""
        spoke = next((one for one in self._spokes if one.address == log.address), None)
        found = told_by(log, interface("aave_v4").events, _KINDS)
        if spoke is None or found is None:
            return []
        (kind, amount), values = _KINDS[found[0]], found[1]
        key = self._key(spoke, Address(values["user"]))
        return [PositionEvent(key, kind, None, values[amount], f"reserve {values['reserveId']}")]

    def _key(self, spoke: Spoke, account: Address) -> PositionKey:
        return PositionKey(self.key, spoke.name, account)


def _unhealthy(answer: Answer) -> bool:
    data = decoded(abi.ACCOUNT_DATA, answer, "account data at a supposed price")
    return data.debt_value_ray > 0 and data.health_factor < WAD


def _outcome(found: Found, data: abi.AccountData, price: int) -> Outcome:
    if not data.debt_value_ray:
        return NeverByEth(NeverReason.NO_DEBT)
    return classified(found, price, _health)


def _health(answer: Answer) -> int:
    return decoded(abi.ACCOUNT_DATA, answer, "account data at a supposed price").health_factor


def adapters(chain_id: int, own: Sequence[Spoke] = (), eth_feeds: Collection[Address] = ()) -> list[AaveV4]:
    """One adapter for all spokes of a chain, the user's own beside ours, if it has any."""
    spokes = (*SPOKES.get(chain_id, ()), *own)
    return [AaveV4(spokes, {*ETH_FEEDS.get(chain_id, ()), *eth_feeds})] if spokes else []
