"""What was told: the history of alerts, for people."""

from __future__ import annotations

from typing import NamedTuple

from alerts.model import Severity
from monitor.store.database import Database
from monitor.units import BlockNumber, UnixTime


class ToldAlert(NamedTuple):
    """One alert as it was stored with its block."""

    serial: int
    at_block: BlockNumber
    at_time: UnixTime
    severity: Severity
    transition: str
    title: str
    standing: bool
    """False once its block is gone from the chain."""


def newest(db: Database, limit: int = 100) -> tuple[ToldAlert, ...]:
    """The newest alerts, newest first."""
    rows = db.rows(
        "SELECT serial, at_block, at_time, severity, transition, title, standing FROM alert"
        " ORDER BY serial DESC LIMIT ?",
        limit,
    )
    return tuple(
        ToldAlert(serial, at_block, at_time, Severity(severity), transition, title, bool(standing))
        for serial, at_block, at_time, severity, transition, title, standing in rows
    )


def count(db: Database) -> int:
    """How many alerts there are."""
    return db.row("SELECT count(*) FROM alert")[0]
