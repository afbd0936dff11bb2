"""The distances at which the user's rules alert about a position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from alerts.model import Rule, Severity
from monitor.store.positions import StoredPosition


class AlertLevel(NamedTuple):
    """A distance, as a fraction of the price, at which an alert is due."""

    distance: Decimal
    severity: Severity


def levels_of(rules: Iterable[Rule], now: StoredPosition) -> Iterator[AlertLevel]:
    """Levels of the rules that select this position."""
    labels = {"wallet": now.name, "protocol": now.protocol}
    for rule in rules:
        if rule.spec.key != "position.distance" or not rule.select:
            continue
        if all(labels.get(name) == value for name, value in rule.select.items()):
            for level in rule.levels:
                yield AlertLevel(level.threshold / 100, level.severity)
