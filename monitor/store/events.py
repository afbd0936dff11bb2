"""History of the daemon by the wall clock: endpoints that changed state, starts, stops, warnings."""

from __future__ import annotations

from typing import NamedTuple

from monitor.store.database import Database
from monitor.units import UnixTime


class EndpointEvent(NamedTuple):
    """An endpoint, by its redacted label, changed its state."""

    at: UnixTime
    endpoint: str
    state: str
    detail: str


class Event(NamedTuple):
    """Something that happened to the daemon."""

    at: UnixTime
    kind: str
    detail: str


def record_endpoint(db: Database, at: UnixTime, endpoint: str, state: str, detail: str = "") -> None:
    """Record a change of state; the same state again is no change and is not recorded."""
    with db.transaction() as connection:
        connection.execute(
            "INSERT INTO endpoint_event (at, endpoint, state, detail) SELECT ?1, ?2, ?3, ?4 WHERE ?3 IS NOT"
            " (SELECT state FROM endpoint_event WHERE endpoint = ?2 ORDER BY id DESC LIMIT 1)",
            (at, endpoint, state, detail),
        )


def endpoint_events(db: Database, limit: int = 100) -> tuple[EndpointEvent, ...]:
    """Newest first."""
    sql = "SELECT at, endpoint, state, detail FROM endpoint_event ORDER BY id DESC LIMIT ?"
    return tuple(EndpointEvent(*row) for row in db.rows(sql, limit))


def endpoint_states(db: Database) -> tuple[EndpointEvent, ...]:
    """The last event of each endpoint, by label."""
    sql = (
        "SELECT at, endpoint, state, detail FROM endpoint_event"
        " WHERE id IN (SELECT max(id) FROM endpoint_event GROUP BY endpoint) ORDER BY endpoint"
    )
    return tuple(EndpointEvent(*row) for row in db.rows(sql))


def record_event(db: Database, at: UnixTime, kind: str, detail: str = "") -> None:
    """Record something worth looking up later."""
    with db.transaction() as connection:
        connection.execute("INSERT INTO event (at, kind, detail) VALUES (?, ?, ?)", (at, kind, detail))


def events(db: Database, limit: int = 100) -> tuple[Event, ...]:
    """Newest first."""
    return tuple(
        Event(*row) for row in db.rows("SELECT at, kind, detail FROM event ORDER BY id DESC LIMIT ?", limit)
    )


def last_of(db: Database, *kinds: str) -> Event | None:
    """The newest event of these kinds."""
    marks = ", ".join("?" * len(kinds))
    row = db.row(
        f"SELECT at, kind, detail FROM event WHERE kind IN ({marks}) ORDER BY id DESC LIMIT 1", *kinds
    )
    return None if row is None else Event(*row)
