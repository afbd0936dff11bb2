"""Times and ages as people read them."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(time: int) -> str:
    """`2026-02-04T11:23:45Z`."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
