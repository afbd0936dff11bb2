"""Readings of lending positions: how near, which price and its age, size, what would fix it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from alerts.model import BlockStamp, CannotSee, ChartRequest, Fact, Gone, Link, Reading
from monitor.lending.outcome import (
    AlreadyLiquidatable,
    Insensitive,
    LiquidatableAbove,
    LiquidatableBelow,
    NeverByEth,
    Range,
    gap,
)
from monitor.lending.position import (
    Leg,
    Position,
    PositionKey,
    ProofState,
    ProtocolPrice,
    Seen,
    Unseen,
    measured_from,
)
from monitor.readings.links import account_links
from monitor.readings.remedies import fixes
from monitor.readings.words import age, amount, days, dollars, percent, price_words
from monitor.units import WAD, Address, format_fixed

PROTOCOLS = {
    "aave_v3": "Aave v3",
    "sparklend": "SparkLend",
    "morpho_blue": "Morpho Blue",
    "compound_v3": "Compound v3",
    "sky": "Sky",
    "liquity_v1": "Liquity v1",
    "liquity_v2": "Liquity v2",
    "aave_v2": "Aave v2",
    "aave_v4": "Aave v4",
    "euler_v2": "Euler v2",
    "crvusd": "crvUSD",
}
"""Names for people, by adapter key."""

FAR = 5
"""An end of a liquidatable stretch so many times away is no price that anybody waits for."""
_DISTANCE, _HEALTH = "position.distance", "position.health_factor"


def position_readings(
    seen: Sequence[Seen],
    names: Mapping[Address, str],
    at: BlockStamp,
    gone: Sequence[PositionKey] = (),
    chain_id: int | None = None,
) -> list[Reading]:
    """Distance and health factor of every position; `gone` are those that the last block still had.

    `chain_id` decides which explorer is linked; None for none.
    """
    found: list[Reading] = []
    for one in seen:
        name = names.get(one.key.account, one.key.account)
        found += _unseen(one, name, at) if isinstance(one, Unseen) else _seen(one, name, at, chain_id)
    return [*found, *ended_readings(gone, names, "the position was closed", at)]


def ended_readings(
    keys: Iterable[PositionKey], names: Mapping[Address, str], why: str, at: BlockStamp
) -> Iterator[Reading]:
    """What ends whatever is open about these positions."""
    for key in keys:
        name = names.get(key.account, key.account)
        for reading in (_DISTANCE, _HEALTH):
            yield _reading(reading, key, name, Gone(why), at)


def subject_of(key: PositionKey) -> str:
    """The identity that incidents are kept under."""
    return ":".join(part for part in (key.protocol, key.market, key.account, key.id) if part)


def title_of(key: PositionKey, name: str) -> str:
    """`Trend Research 1 on Aave v3 Core`."""
    return f"{name} on {PROTOCOLS.get(key.protocol, key.protocol)} {key.market}".strip()


def _unseen(one: Unseen, name: str, at: BlockStamp) -> Iterator[Reading]:
    for reading in (_DISTANCE, _HEALTH):
        yield _reading(reading, one.key, name, CannotSee(one.cause), at)


def _seen(position: Position, name: str, at: BlockStamp, chain_id: int | None) -> Iterator[Reading]:
    facts, remedies = tuple(facts_of(position, at.time)), tuple(fixes(position))
    value = _distance(position)
    chart = ChartRequest(
        "position",
        {"subject": subject_of(position.key), "block": str(at.number)},
        f"{name}: price and liquidation price",
    )
    links = account_links(chain_id, position.key.account)
    yield _reading(_DISTANCE, position.key, name, value, at, facts, remedies, links, chart)
    if position.health_factor is not None:
        health = Decimal(position.health_factor) / WAD
        yield _reading(_HEALTH, position.key, name, health, at, facts, remedies, links, chart)


def _reading(
    reading: str,
    key: PositionKey,
    name: str,
    value: Decimal | CannotSee | Gone,
    at: BlockStamp,
    facts: tuple[Fact, ...] = (),
    fixes: tuple[str, ...] = (),
    links: tuple[Link, ...] = (),
    chart: ChartRequest | None = None,
) -> Reading:
    labels = {"wallet": name, "protocol": key.protocol}
    return Reading(
        reading,
        subject_of(key),
        title_of(key, name),
        value,
        at,
        labels,
        facts=facts,
        fixes=fixes,
        links=links,
        chart=chart,
    )


def _distance(position: Position) -> Decimal | Gone | CannotSee:
    """Percent between the protocol's price and liquidation; 0 when liquidatable."""
    if position.proof.state is ProofState.REFUTED:
        return refuted(position.proof.cause)
    match position.outcome:
        case AlreadyLiquidatable():
            return Decimal(0)
        case NeverByEth(reason=reason):
            return Gone(f"no ETH price liquidates it: {reason.value}")
        case Insensitive():
            return Gone("collateral and debt both follow ETH: its price does not decide")
        case LiquidatableBelow() | LiquidatableAbove() | Range():
            price = measured_from(position)
            left = gap(position.outcome, price)
            if left is None or price <= 0:
                return CannotSee("the protocol has no price")
            return Decimal(left) * 100 / Decimal(price)


def refuted(cause: str) -> CannotSee:
    """Instead of a distance where the node's own run says otherwise."""
    return CannotSee(f"the contract refutes the computed liquidation price: {cause}")


def facts_of(position: Position, now: int) -> Iterator[Fact]:
    """What a person wants to know, in order of weight."""
    price = position.price
    yield Fact("Liquidation price", _liquidation_words(position))
    if price.answer > 0:
        told = "" if price.updated_at is None else f", {age(now - price.updated_at)} old"
        yield Fact("Protocol's ETH price", f"{price_words(price.answer, price.decimals)}{told}")
    if position.queued is not None:
        yield Fact("Its next price", _queued_words(position.queued))
    if position.health_factor is not None:
        # Cut: 0.99996 must not read as 1.0000.
        yield Fact("Health factor", format_fixed(position.health_factor, 18, 4))
    yield Fact("Collateral", _side(position.collaterals, position.collateral_value))
    yield Fact("Debt", _side(position.debts, position.debt_value))
    if position.drift_per_day:
        yield Fact(
            "Drift",
            f"the liquidation price moves {position.drift_per_day:+,.2f} USD a day by itself (estimate)",
        )
    for note in position.notes:
        yield Fact("Note", note)


def _queued_words(queued: ProtocolPrice) -> str:
    when = (
        ""
        if queued.updated_at is None
        else datetime.fromtimestamp(queued.updated_at, UTC).strftime(", from %H:%M UTC")
    )
    return f"{price_words(queued.answer, queued.decimals)}{when}"


def _liquidation_words(position: Position) -> str:
    price, outcome = position.price, position.outcome
    proof = (
        f" ({position.proof.state.value} on the node)"
        if position.proof.state is ProofState.PROVED
        else " (not proved)"
    )
    match outcome:
        case LiquidatableBelow(tick=tick) | LiquidatableAbove(tick=tick):
            side = "at or below" if isinstance(outcome, LiquidatableBelow) else "at or above"
            left = abs(price.answer - tick)
            apart = f", {dollars(Decimal(left) / 10**price.decimals)} or {percent(left, price.answer)} away"
            return f"{side} {price_words(tick, price.decimals)}{apart}{proof}"
        case Range(upper=upper, lower=lower, decimals=unit):
            return f"soft between {price_words(upper, unit)} and {price_words(lower, unit)}"
        case AlreadyLiquidatable() if price.answer <= 0:
            return "liquidatable now, at any ETH price"
        case AlreadyLiquidatable(lowest=lowest, highest=highest, decimals=unit):
            return f"liquidatable now; {_stretch(lowest, highest, price.answer, unit)}"
        case NeverByEth(reason=reason, what_else=what_else):
            return f"never by the ETH price: {reason.value}" + (f"; {what_else}" if what_else else "")
        case Insensitive(ratio_drop=drop, carry_days=carry):
            eaten = "" if carry is None else f", or after {days(carry)} at the present rates"
            return f"not by the ETH price; by a ratio drop of {drop:.2%}{eaten}"


def _stretch(lowest: int, highest: int, price: int, decimals: int) -> str:
    """Where it is liquidatable: an end that is a multiple away is where the search ended."""
    if lowest * FAR < price <= highest:
        return f"at or below {price_words(highest, decimals)}"
    if lowest <= price and highest > price * FAR:
        return f"at or above {price_words(lowest, decimals)}"
    return f"from {price_words(lowest, decimals)} to {price_words(highest, decimals)}"


def _side(legs: Sequence[Leg], value: int | None) -> str:
    parts = [f"{amount(leg.amount, leg.decimals)} {leg.symbol}" for leg in legs]
    total = "" if value is None else f" ({dollars(Decimal(value) / 10**8)})"
    return (
        ", ".join(parts[:4]) + (f" and {len(parts) - 4} more" if len(parts) > 4 else "") or "none"
    ) + total
