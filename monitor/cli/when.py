"""Times and ages as people read them."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(time: int) -> str:
    """`2026-02-04T11:23:45Z`."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def age(seconds: int) -> str:
    """`12 s`, `5 min`, `3 h`, `17 d`; negative ages are clocks that disagree."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
