"""The same without a screen: lines for a pipe, and a record for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.cli.board.chain import burned_words
from monitor.cli.supply_outlook import interval
from monitor.cli.when import utc
from monitor.readings.words import age
from monitor.reports import positions as words
from monitor.reports.board.content import Board, Near, NetFrame, Told
from monitor.reports.burn import BurnFrame
from monitor.reports.status_lines import lines as status_lines
from monitor.reports.supply import method_words
from monitor.supply.issuance import Unknown, bounds_gwei
from monitor.units import UnixTime

SHOWN_POSITIONS, SHOWN_ALERTS = 5, 3


def lines(board: Board, now: UnixTime) -> list[tuple[str, str]]:
    """Name and text of each line of `ethmon status`."""
    return [
        *status_lines(board.status, now),
        *(("Net supply", _net_words(one)) for one in board.nets),
        *_positions(board),
        *_alerts(board, now),
        ("Messages", _backlog_words(board, now)),
    ]


def _net_words(one: NetFrame) -> str:
    if isinstance(one.net, Unknown):
        return f"{one.burn.name} not known: {one.net.cause}"
    net = interval(one.net.low_wei, one.net.high_wei, signed=True)
    return (
        f"{one.burn.name} {net} ETH, burned {burned_words(one.burn)}; issuance {method_words(one.issuance)}"
    )


def _positions(board: Board) -> Iterator[tuple[str, str]]:
    for one in board.positions[:SHOWN_POSITIONS]:
        yield "Position", _position_words(one, board)
    if len(board.positions) > SHOWN_POSITIONS:
        yield "Position", f"and {len(board.positions) - SHOWN_POSITIONS} more: see `ethmon positions`"
    if not board.positions:
        yield "Position", "none" + (f" on {board.watched} watched accounts" if board.watched else "")


def _position_words(one: Near, board: Board) -> str:
    row, head = one.row, board.status.head
    late = "" if head is None or row.block_number >= head.number else f" (as of block {row.block_number:,})"
    place = f"{row.name or row.account}, {words.protocol_name(row)}: "
    if one.unseen:
        cause = f"the contract says otherwise: {row.proof_cause}" if one.refuted else row.cause
        return f"{place}cannot see: {cause}{late}"
    away = words.distance_words(row)
    return place + words.liquidation_words(row) + ("" if away == "-" else f", {away} away") + late


BETTER = ", better now"
"""The title of an incident is of when it was told last."""


def _alerts(board: Board, now: UnixTime) -> Iterator[tuple[str, str]]:
    for row in board.open[:SHOWN_ALERTS]:
        yield (
            "Alert",
            f"{row.severity.name.lower()}, {row.phase}{BETTER if row.better else ''}, told {age(now - int(row.told_at))} ago: {row.title}",
        )
    if len(board.open) > SHOWN_ALERTS:
        yield "Alert", f"and {len(board.open) - SHOWN_ALERTS} more: see `ethmon alerts list`"
    if not board.open:
        last = (
            f"; the last was {age(now - board.told[0].time)} ago: {board.told[0].title}" if board.told else ""
        )
        yield "Alert", f"nothing is open{last}"


def _backlog_words(board: Board, now: UnixTime) -> str:
    post = board.backlog
    parts: list[str] = []
    if post.waiting:
        oldest = "" if post.oldest_at is None else f", the oldest for {age(now - int(post.oldest_at))}"
        parts.append(f"{post.waiting} waiting{oldest}")
    if post.dead:
        parts.append(f"{post.dead} undeliverable: see `ethmon outbox`")
    parts += [f"{name} is off: {cause}" for name, cause in post.disabled]
    return "; ".join(parts) or "none waiting"


def record(board: Board, now: UnixTime) -> dict[str, Any]:
    """For `--json`. Exact amounts are strings in wei; what is not known is null."""
    status, head, row = board.status, board.status.head, board.status.head_row
    return {
        "chain_id": status.chain_id,
        "database": str(status.database),
        "read_at": utc(now),
        "daemon_pid": status.daemon_pid,
        "head": None if head is None else {
            "number": head.number, "hash": head.hash, "time": utc(head.timestamp), "age_s": status.head_age_s(now),
        },
        "finalized": status.finalized,
        "base_fee_wei": None if row is None else _text(row.base_fee_wei),
        "next_base_fee_wei": _text(status.next_base_fee_wei),
        "blob_base_fee_wei": None if row is None else _text(row.blob_base_fee_wei),
        "burn": [_burn(frame) for frame in (*([board.pace] if board.pace else []), *status.burn)],
        "net_supply": [_net(one) for one in board.nets],
        "positions": [_position(one) for one in board.positions],
        "alerts": [_alert(one) for one in board.told],
        "open_incidents": [
            {"id": one.id, "phase": one.phase, "severity": one.severity.name.lower(), "title": one.title,
             "better": one.better}
            for one in board.open
        ],
        "outbox": {"waiting": board.backlog.waiting, "undeliverable": board.backlog.dead,
                   "disabled": dict(board.backlog.disabled)},
        "open_gaps": len(status.gaps),
        "missing_blocks": sum(one.gap.last - one.gap.first + 1 for one in status.gaps),
        "reorgs_24h": status.reorgs,
        "endpoints": [
            {"endpoint": one.endpoint, "state": one.state, "since": utc(one.at), "detail": one.detail}
            for one in status.endpoints
        ],
    }  # fmt: skip


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)


def _burn(frame: BurnFrame) -> dict[str, Any]:
    """`seen_s`: how much of the frame is stored; a pace is over that."""
    return {
        "frame": frame.name, "total_burn_wei": str(frame.total_wei), "exact": frame.exact, "seen_s": frame.seen_seconds,
    }  # fmt: skip


def _net(one: NetFrame) -> dict[str, Any]:
    low, high = (None, None) if isinstance(one.issuance, Unknown) else bounds_gwei(one.issuance)
    net = None if isinstance(one.net, Unknown) else one.net
    return {
        "frame": one.burn.name,
        "low_wei": None if net is None else str(net.low_wei),
        "high_wei": None if net is None else str(net.high_wei),
        "exact": net is not None and net.is_exact,
        "unknown": one.net.cause if isinstance(one.net, Unknown) else "",
        "issuance_low_gwei": _text(low),
        "issuance_high_gwei": _text(high),
        "issuance_method": method_words(one.issuance),
    }


def _position(one: Near) -> dict[str, Any]:
    row = one.row
    return {
        "name": row.name, "protocol": row.protocol, "market": row.market, "account": row.account, "id": row.position_id,
        "block": row.block_number, "outcome": "unseen" if one.unseen else row.outcome,
        "cause": row.proof_cause if one.refuted else row.cause, "distance": one.distance,
        "liquidation_price": None if one.unseen else row.liquidation_price, "price": row.price,
        "price_decimals": row.price_decimals, "health_factor": None if one.unseen else row.health_factor,
        "proof": row.proof, "alert_level": None if one.reached is None else one.reached.name.lower(),
    }  # fmt: skip


def _alert(one: Told) -> dict[str, Any]:
    return {
        "time": utc(one.time), "severity": one.severity.name.lower(), "transition": one.transition,
        "title": one.title, "phase": one.phase, "stands": one.standing,
    }  # fmt: skip
