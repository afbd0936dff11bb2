"""What the store gives the engine after a rollback, made from the alert itself."""

from __future__ import annotations

from alerts.model import Alert, Orphan


def as_orphan(alert: Alert) -> Orphan:
    return Orphan(
        id=alert.id,
        incident=alert.incident,
        rule=alert.rule.name,
        subject=alert.subject,
        name=alert.name,
        transition=alert.transition,
        level=alert.level,
        severity=alert.severity,
        value=alert.reason.value,
        at=alert.at,
        occurrence=alert.reading.occurrence if alert.reading else "",
    )
