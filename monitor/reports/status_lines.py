"""The lines of a status, in words: for the terminal and for Telegram."""

from __future__ import annotations

from datetime import UTC, datetime

from monitor.readings.words import age
from monitor.reports.burn import coverage_words
from monitor.reports.status import Status
from monitor.units import UnixTime, format_eth, format_gwei


def lines(status: Status, now: UnixTime) -> list[tuple[str, str]]:
    """Name and text of each line."""
    running = f"daemon running (pid {status.daemon_pid})" if status.daemon_pid else "no daemon is running"
    found = [
        ("ethmon", f"{status.chain_name}, {status.database} ({status.size_bytes / 1e6:,.1f} MB), {running}")
    ]
    if status.head is None:
        return [*found, ("Head", "none yet")]
    found += _head(status, now)
    found += [("Burned", "  ".join(_burned(status)))]
    found += _ledger(status)
    found += _endpoints(status, now)
    if status.last_event is not None and status.last_event.kind.endswith("trouble"):
        found.append(("Trouble", f"{status.last_event.detail} ({_utc(status.last_event.at)})"))
    return found


def _head(status: Status, now: UnixTime) -> list[tuple[str, str]]:
    head, row = status.head, status.head_row
    assert head is not None
    finalized = "none yet" if status.finalized is None else f"{status.finalized:,}"
    lines = [
        ("Head", f"{head.number:,}  {age(now - head.timestamp)} old  {head.hash}"),
        ("Finalized", finalized),
    ]
    if row is not None and row.base_fee_wei is not None:
        upcoming = status.next_base_fee_wei
        after = "" if upcoming is None else f", next block {format_gwei(upcoming, 4)}"
        used = f"{row.gas_used * 100 // row.gas_limit} % of the gas limit used" if row.gas_limit else ""
        lines.append(("Base fee", f"{format_gwei(row.base_fee_wei, 4)} gwei{after}; {used}"))
    if row is not None and row.blob_gas_used is not None:
        fee = "in doubt" if row.blob_base_fee_wei is None else f"{format_gwei(row.blob_base_fee_wei)} gwei"
        lines.append(("Blob base fee", f"{fee}; {row.blob_gas_used // 131_072} blobs"))
    return lines


def _burned(status: Status) -> list[str]:
    return [
        f"{frame.name} {'' if frame.exact else '≥ '}{format_eth(frame.total_wei, 4)} ETH"
        + ("" if coverage_words(frame) == "all" else f" ({coverage_words(frame)})")
        for frame in status.burn
    ]


def _ledger(status: Status) -> list[tuple[str, str]]:
    blocks = sum(span.last - span.first + 1 for span in status.ranges)
    spans = [f"{span.first:,} to {span.last:,}" for span in status.ranges[-3:]]
    more = f", and {len(status.ranges) - 3} earlier ranges" if len(status.ranges) > 3 else ""
    missing = sum(record.gap.last - record.gap.first + 1 for record in status.gaps)
    gap_text = f"{len(status.gaps)} open, {missing:,} blocks: see `ethmon gaps`" if status.gaps else "none"
    reorgs = f"{status.reorgs} in 24 h, deepest {status.deepest}" if status.reorgs else "none in 24 h"
    return [
        ("Ledger", f"{blocks:,} blocks: {', '.join(spans)}{more}"),
        ("Gaps", gap_text),
        ("Reorgs", reorgs),
    ]


def _endpoints(status: Status, now: UnixTime) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for event in status.endpoints:
        detail = f" ({event.detail})" if event.detail and event.state != "ok" else ""
        found.append(("Endpoint", f"{event.endpoint}  {event.state} for {age(now - event.at)}{detail}"))
    return found


def _utc(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
