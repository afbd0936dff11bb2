"""Alerts as the monitor sends them, for tests that render, deliver and look at messages."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from alerts.compose import compose
from alerts.engine import evaluate
from alerts.model import (
    Alert,
    BlockStamp,
    CannotSee,
    ChartRequest,
    Direction,
    Fact,
    Finality,
    Gone,
    Incident,
    IncidentKey,
    Level,
    Link,
    Message,
    Reading,
    Rule,
    Severity,
)
from alerts.ports import Dispatch
from alerts.rules import parse_rules
from monitor.readings.catalogue import CATALOGUE

START = 1_770_040_991

WHALE = parse_rules(
    {
        "wallet": [
            {
                "name": "Trend Research 1",
                "address": "0x0",
                "alert_at": ["20%", "10%", "5%", "2%"],
                "cool_down": 0,
            }
        ]
    },
    CATALOGUE,
)[0]


def stamp(time: int = START, number: int = 24_366_101, finality: Finality = Finality.HEAD) -> BlockStamp:
    return BlockStamp(number, f"0x{number:02x}{'ab12' * 14}9f3c"[:66], time, finality)


def reading(
    distance: str | CannotSee | Gone,
    at: BlockStamp,
    name: str = "Trend Research 1 on Aave v3",
    subject: str = "tr1",
) -> Reading:
    value = Decimal(distance) if isinstance(distance, str) else distance
    price = Decimal("1848.88") / (1 - value / 100) if isinstance(value, Decimal) else Decimal(0)
    return Reading(
        key="position.distance",
        subject=f"aave_v3_core:{subject}",
        name=name,
        value=value,
        at=at,
        labels={"wallet": "Trend Research 1"},
        facts=()
        if not isinstance(value, Decimal)
        else (
            Fact(
                "Liquidates below", f"$1,848.88, ${price - Decimal('1848.88'):,.2f} away · proved on the node"
            ),
            Fact("ETH price", f"${price:,.2f} · Aave's own feed, 38\u00a0s old"),
            Fact("Market", "Chainlink $1,941.87 · median of exchanges $1,942.30"),
            Fact("Health factor", "1.0504"),
            Fact("Size", "356,150 wstETH ($814M) against $661M USDT"),
            Fact("Moved", "+$1.12 in 24 h: interest +$0.31, owner borrowed +$0.81"),
        ),
        fixes=(
            "Repay about 31,200,000 USDT to be 10% away",
            "Add about 17,400 wstETH to be 10% away",
        ),
        links=(
            Link("Aave", "https://app.aave.com/?marketName=proto_mainnet_v3"),
            Link("Etherscan", "https://etherscan.io/address/0xfaf1358fe6a9fa29a169dfc272b14e709f54840f"),
        ),
        chart=ChartRequest("distance", {"position": subject}, "ETH price and the liquidation price, 7 days"),
    )


def told(rule: Rule, *readings: Reading) -> list[Alert]:
    """The alerts of readings that follow each other."""
    states: dict[IncidentKey, Incident] = {}
    alerts: list[Alert] = []
    for one in readings:
        result = evaluate((rule,), (one,), states, one.at)
        states = result.states
        alerts += result.alerts
    return alerts


def one_alert(distance: str = "4.8") -> Message:
    history = (reading("12.3", stamp()), reading(distance, stamp(START + 7_512, 24_366_727)))
    return compose(told(WHALE, *history)[-1:])


def recovered() -> Message:
    history = (reading("4.8", stamp()), reading("24.1", stamp(START + 90_000, 24_373_601, Finality.SAFE)))
    return compose(told(WHALE, *history)[-1:])


def cannot_see() -> Message:
    blind = CannotSee("ETH/USD on Aave v3 has not been updated for 1 h 12 min, its heartbeat is 1 h")
    rule = replace(WHALE, blind_after_s=300)
    return compose(
        told(
            rule,
            reading("4.8", stamp()),
            reading(blind, stamp(START + 12)),
            reading(blind, stamp(START + 400)),
        )[-1:]
    )


def many(count: int = 50) -> Message:
    rule = replace(WHALE, select={})
    at = stamp()
    readings = [
        reading(f"{Decimal(count - n) / 4 + 1:.2f}", at, f"Wallet {n + 1} on Aave v3", f"w{n}")
        for n in range(count)
    ]
    return compose(evaluate((rule,), readings, {}, at).alerts)


def corrected() -> Message:
    alert = told(WHALE, reading("4.8", stamp()))[0]
    from tests.support.alert_orphans import as_orphan

    at = stamp(START + 12, 24_366_102)
    result = evaluate((WHALE,), (reading("24.6", at),), {}, at, (as_orphan(alert),))
    return compose(result.alerts, {alert.id: "original"})


def supply() -> Message:
    spec = CATALOGUE.readings["supply.net_change_eth"]
    rule = Rule(
        "inflation", spec, Direction.ABOVE, (Level(Decimal(0), Severity.INFO),), window_s=604_800,
        message="ETH is inflationary over 7 days",
    )  # fmt: skip
    one = Reading(
        spec.key, "supply", "Net supply over 7 days", Decimal("1204.331"), stamp(), window_s=604_800,
        facts=(Fact("Issued", "18,204.11 ETH · estimate ± 3 ETH, anchor 2 h old"), Fact("Burnt", "16,999.78 ETH, exact")),
        chart=ChartRequest("supply", {"window": "7d"}, "Issued and burnt, by day"),
    )  # fmt: skip
    return compose(told(rule, one))


SAMPLES = {
    "worse": lambda: Dispatch(one_alert()),
    "recovered": lambda: Dispatch(recovered()),
    "blind": lambda: Dispatch(cannot_see()),
    "many": lambda: Dispatch(many()),
    "corrected": lambda: Dispatch(corrected()),
    "supply": lambda: Dispatch(supply()),
    "late": lambda: Dispatch(one_alert("1.4"), late_by_s=11_520, carried_for="telegram"),
}
