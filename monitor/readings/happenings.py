"""Readings of what happened in a block: owners' actions, liquidations, transfers; and of moved prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from alerts.model import BlockStamp, CannotSee, Fact, Reading
from monitor.domain import BlockRef
from monitor.lending.position import EventKind, Leg, Position, PositionEvent, PositionKey
from monitor.readings.links import transaction_links
from monitor.readings.positions import subject_of, title_of
from monitor.readings.words import age, amount, dollars, price_words
from monitor.units import WEI_PER_ETH, Address

_SAID = {
    EventKind.SUPPLY: "supplied",
    EventKind.WITHDRAW: "withdrew",
    EventKind.BORROW: "borrowed",
    EventKind.REPAY: "repaid",
    EventKind.LIQUIDATION: "was liquidated for",
}


def event_reading(
    event: PositionEvent,
    where: str,
    transaction: str,
    legs: Sequence[Leg],
    name: str,
    at: BlockStamp,
    chain_id: int | None = None,
    block: BlockRef | None = None,
) -> Reading | None:
    """An owner's action or a liquidation, in USD at the protocol's prices; None for kinds without an amount.

    `where` tells equal events of one block apart; `legs` are those of the position, which price the
    token. `block` is where it happened, when that is not `at`.
    """
    said = _SAID.get(event.kind)
    if said is None or event.amount is None:
        return None
    usd, what = _worth(event.token, event.amount, legs)
    liquidated = event.kind is EventKind.LIQUIDATION
    facts = [Fact("What", f"{said} {what}")]
    if event.seized is not None:
        facts.append(Fact("Seized", _worth(*event.seized, legs)[1]))
    elif event.detail:
        facts.append(Fact("Detail", event.detail))
    if block is not None and block.number != at.number:
        facts.append(
            Fact("When", f"block {block.number:,}, {age(at.time - block.timestamp)} before this one")
        )
    links = transaction_links(chain_id, transaction)
    return Reading(
        "position.liquidated" if liquidated else "position.changed",
        subject_of(event.key), title_of(event.key, name), usd, at,
        {"wallet": name, "protocol": event.key.protocol},
        occurrence=f"{transaction}:{where}", facts=tuple(facts), links=links,
    )  # fmt: skip


def _worth(token: Address | None, units: int, legs: Sequence[Leg]) -> tuple[Decimal | CannotSee, str]:
    """In USD, and in words: `26,137.97 WETH ($46.31M)`."""
    leg = next((leg for leg in legs if leg.token == token), None)
    usd = _usd(leg, units)
    if leg is None:
        return usd, f"{units} units of {token}"
    words = f"{amount(units, leg.decimals)} {leg.symbol}"
    return usd, f"{words} ({dollars(usd)})" if isinstance(usd, Decimal) else words


def _usd(leg: Leg | None, units: int) -> Decimal | CannotSee:
    if leg is None or leg.value is None or not leg.amount:
        return CannotSee("the token has no price in this position")
    return Decimal(leg.value) * units / leg.amount / 10**8


def move_reading(
    position: Position, before: int, now: int, window_s: int, name: str, at: BlockStamp
) -> Reading:
    """How far a liquidation price moved within the window, in percent of what it was."""
    key, decimals = position.key, position.price.decimals
    value = abs(Decimal(now) - before) * 100 / Decimal(before)
    facts = (
        Fact("Was", price_words(before, decimals)),
        Fact("Is", price_words(now, decimals)),
        Fact("Within", age(window_s)),
    )
    labels = {"wallet": name, "protocol": key.protocol}
    return Reading(
        "position.liquidation_price_move",
        subject_of(key),
        title_of(key, name),
        value,
        at,
        labels,
        window_s,
        facts=facts,
    )


def balance_subject(address: Address) -> str:
    """The identity that incidents about a wallet's balance are kept under."""
    return f"wallet:{address}"


def balance_readings(
    balances: Mapping[Address, int | CannotSee],
    before: Mapping[Address, int],
    names: Mapping[Address, str],
    at: BlockStamp,
) -> list[Reading]:
    """ETH held by wallets, and what moved since the block before that was read."""
    found: list[Reading] = []
    for address, balance in balances.items():
        name = names.get(address, address)
        labels, subject = {"wallet": name}, balance_subject(address)
        value = balance if isinstance(balance, CannotSee) else Decimal(balance) / WEI_PER_ETH
        found.append(Reading("wallet.balance", subject, name, value, at, labels))
        if isinstance(balance, CannotSee) or address not in before or before[address] == balance:
            continue
        moved = balance - before[address]
        facts = (
            Fact("Direction", "received" if moved > 0 else "sent"),
            Fact("Holds now", f"{amount(balance, 18)} ETH"),
        )
        found.append(
            Reading(
                "wallet.transfer",
                subject,
                name,
                Decimal(abs(moved)) / WEI_PER_ETH,
                at,
                labels,
                occurrence=f"{at.number}:{moved}",
                facts=facts,
            )
        )
    return found


def overdue_reading(feed: str, updated_at: int, heartbeat_s: int, at: BlockStamp) -> Reading:
    """Seconds by which a feed has missed its heartbeat; 0 when on time."""
    late = max(0, at.time - updated_at - heartbeat_s)
    facts = (Fact("Last answer", f"{age(at.time - updated_at)} ago"), Fact("Heartbeat", age(heartbeat_s)))
    return Reading(
        "oracle.overdue", f"feed:{feed}", f"{feed} feed", Decimal(late), at, {"feed": feed}, facts=facts
    )


def divergence_reading(
    market: PositionKey, protocol_price: Decimal, feed_price: Decimal, title: str, at: BlockStamp
) -> Reading:
    """How far a protocol's ETH price is from the market feed, in percent."""
    apart = abs(protocol_price - feed_price) * 100 / feed_price
    facts = (Fact("Protocol", dollars(protocol_price)), Fact("ETH/USD feed", dollars(feed_price)))
    subject = f"oracle:{market.protocol}:{market.market}"
    return Reading("oracle.divergence", subject, title, apart, at, {"feed": title}, facts=facts)
