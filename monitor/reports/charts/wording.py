"""Names, times and hashes as pictures and pages write them."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(time: int) -> str:
    """`2026-02-04 11:23 UTC`."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M UTC")


def short_hash(text: str) -> str:
    """`0x1234…abcd`."""
    return f"{text[:6]}…{text[-4:]}"
