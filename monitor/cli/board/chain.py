"""Sections about the chain: its head and fees, what burns, what that leaves of issuance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from textwrap import wrap

from rich.text import Text

from monitor.cli.board.pieces import BAD, DIM, GOOD, MILD, UNSEEN, Section, bar, curve, flow, joined, labelled
from monitor.cli.supply_outlook import interval
from monitor.domain import BlockRow
from monitor.readings.words import age
from monitor.reports.board.content import Board, NetFrame
from monitor.reports.burn import BurnFrame, coverage_words
from monitor.reports.status import Status
from monitor.reports.supply import method_words
from monitor.supply.blobs import GAS_PER_BLOB
from monitor.supply.burn import burn_of
from monitor.supply.issuance import Unknown, bounds_gwei
from monitor.units import (
    SECONDS_PER_DAY,
    SECONDS_PER_YEAR,
    WEI_PER_GWEI,
    BlockNumber,
    UnixTime,
    Wei,
    floor_div,
    format_eth,
    format_gwei,
)

LATE_S, STALE_S = 30, 60
"""Ages of the head from which it is not fresh, and is stale (as `monitor.daemon` has it)."""
CURVE = 60
"""Blocks of a curve, where there is room."""
FEE, BURN = "cyan", "yellow"


def chain(board: Board, now: UnixTime, width: int) -> Section:
    """Head, finality, fees."""
    status = board.status
    if status.head is None:
        return Section("Chain", [Text("no block is stored yet: `ethmon run` reads the first ones", MILD)])
    lines = [
        *flow([_head(status, now), _finalized(status), _gas(status)], width),
        *_base_fee(board, width),
        *_blob_fee(board, width),
    ]
    return Section("Chain", lines, worth=3)


def head_words(seconds: int) -> tuple[str, str]:
    """The age of the head, and its colour."""
    if seconds < 0:
        return f"{age(-seconds)} in the future", MILD
    if seconds > STALE_S:
        return f"{age(seconds)} old: stale", BAD
    return f"{age(seconds)} old", MILD if seconds > LATE_S else GOOD


def _head(status: Status, now: UnixTime) -> Text:
    assert status.head is not None
    return labelled(
        "head", Text(f"{status.head.number:,}", "bold"), "  ", Text(*head_words(now - status.head.timestamp))
    )


def _finalized(status: Status) -> Text:
    if status.finalized is None or status.head is None:
        return labelled("finalized", "none yet")
    return labelled("finalized", f"{status.head.number - status.finalized:,} blocks ago")


def _gas(status: Status) -> Text:
    row = status.head_row
    if row is None or not row.gas_limit:
        return labelled("gas", "not known")
    return labelled("gas", f"{floor_div(row.gas_used * 100, row.gas_limit)} % full")


def _base_fee(board: Board, width: int) -> Iterator[Text]:
    row, upcoming = board.status.head_row, board.status.next_base_fee_wei
    if row is None or row.base_fee_wei is None:
        yield labelled("base fee", "none on this block")
        return
    parts = [labelled("base fee", Text(f"{_gwei(row.base_fee_wei)} gwei", "bold"))]
    if upcoming is not None:
        parts.append(labelled("next", f"{_gwei(upcoming)} {_change(upcoming, row.base_fee_wei)}"))
    yield from flow(parts, width)
    fees = _by_block(board.blocks, min(CURVE, width), lambda one: one.base_fee_wei)
    known = [fee for fee in fees if fee is not None]
    spread = labelled(f"{len(fees)} blocks", f"{_gwei(min(known))} to {_gwei(max(known))}")
    yield joined([curve(fees, width, FEE), spread], width, " ")


def _blob_fee(board: Board, width: int) -> Iterator[Text]:
    row = board.status.head_row
    if row is None or row.blob_gas_used is None:
        return
    fee = row.blob_base_fee_wei
    value = Text("in doubt", UNSEEN) if fee is None else Text(f"{_gwei(fee)} gwei", "bold")
    yield joined(
        [labelled("blob base fee", value), Text(f"{floor_div(row.blob_gas_used, GAS_PER_BLOB)} blobs")], width
    )


def burn(board: Board, width: int) -> Section:
    """What burns now, and what did."""
    if board.status.head is None or board.pace is None:
        return Section("Burn", [Text("nothing yet", DIM)])
    burned = _by_block(board.blocks, min(CURVE, width), lambda one: burn_of(one).total_wei)
    last = Text("not known", UNSEEN) if burned[-1] is None else Text(f"{_eth(burned[-1])} ETH", "bold")
    drawn = curve(burned, width, BURN, from_zero=True)
    lines = [
        *flow([labelled("last block", last), _pace(board.pace)], width),
        *flow([_frame(frame) for frame in board.status.burn], width),
        joined([drawn, Text(f"{len(burned)} blocks, from 0", DIM)], width, " "),
    ]
    return Section("Burn", lines, worth=2)


def _pace(frame: BurnFrame) -> Text:
    """Of the last minutes; a lower bound where some of their burn is not known."""
    yearly = frame.per_year_wei(frame.total_wei)
    if yearly is None:
        return labelled("now", "one block tells no pace")
    bound = "≥ " if _holes(frame) else ""
    minute = floor_div(frame.total_wei * 60, frame.seen_seconds)
    day = floor_div(yearly * SECONDS_PER_DAY, SECONDS_PER_YEAR)
    return labelled(
        "now", Text(f"{bound}{_eth(minute)} ETH/min", f"bold {BURN}"), f", {bound}{_eth(day)} a day"
    )


def _holes(frame: BurnFrame) -> bool:
    unknown = frame.totals.burn_unknown or frame.totals.blob_burn_unknown
    return bool(frame.coverage.missing or frame.coverage.maybe_missing or unknown)


def _frame(frame: BurnFrame) -> Text:
    seen = coverage_words(frame)
    text = labelled(frame.name, f"{burned_words(frame)} ETH")
    return text if seen == "all" else Text.assemble(text, (f" ({seen})", MILD))


def burned_words(frame: BurnFrame) -> str:
    """`1,702.1`, or `≥ 1,702.1` where part of the frame is not known."""
    return ("" if frame.exact else "≥ ") + _eth(frame.total_wei)


def supply(board: Board, width: int) -> Section:
    """Issuance against burn."""
    if not board.nets:
        return Section("Net supply", [Text("nothing yet", DIM)])
    causes: dict[str, list[NetFrame]] = {}
    for one in board.nets:
        if isinstance(one.net, Unknown):
            causes.setdefault(one.net.cause, []).append(one)
    lines = [
        *(line for one in board.nets for line in _net(one, width)),
        *(line for cause, frames in causes.items() for line in _not_known(cause, frames, width)),
        *(line for one in board.nets for line in _sides(one, width)),
    ]
    return Section("Net supply", lines)


def _not_known(cause: str, frames: Sequence[NetFrame], width: int) -> Iterator[Text]:
    """The cause once for all frames that share it."""
    names = ", ".join(one.burn.name for one in frames)
    for line in wrap(f"{names} not known: {cause}", max(width, 1)):
        yield Text(line, UNSEEN)


def _net(one: NetFrame, width: int) -> list[Text]:
    if isinstance(one.net, Unknown):
        return []
    low, high = one.net.low_wei, one.net.high_wei
    sign = "grows" if low > 0 else "shrinks" if high < 0 else "unchanged" if low == high else "either way"
    value = labelled(one.burn.name, Text(f"{interval(low, high, signed=True)} ETH", "bold"), f"  {sign}")
    return flow([value, Text(method_words(one.issuance), DIM)], width)


def _sides(one: NetFrame, width: int) -> list[Text]:
    """What the net change is made of."""
    if isinstance(one.issuance, Unknown):
        return []
    return flow([_issued(one, f"{one.burn.name} issued"), _burned(one), *_undone(one)], width)


def _burned(one: NetFrame) -> Text:
    return labelled("burned", f"{burned_words(one.burn)} ETH")


def _issued(one: NetFrame, name: str) -> Text:
    assert not isinstance(one.issuance, Unknown)
    low, high = bounds_gwei(one.issuance)
    return labelled(name, f"{interval(low * WEI_PER_GWEI, high * WEI_PER_GWEI)} ETH")


def _undone(one: NetFrame) -> Iterator[Text]:
    """How much of the issuance the burn undid, at the middle of its interval."""
    assert not isinstance(one.issuance, Unknown)
    low, high = bounds_gwei(one.issuance)
    issued = (low + high) * WEI_PER_GWEI // 2
    if issued > 0:
        share = one.burn.total_wei / issued
        yield Text.assemble(bar(min(share, 1.0), 10, BURN), (f" {share:.0%} of it", DIM))


def _by_block(
    blocks: Sequence[BlockRow], count: int, value: Callable[[BlockRow], Wei | None]
) -> list[Wei | None]:
    """Of the newest `count` block numbers, oldest first; None for a block that is not stored."""
    known = {row.number: value(row) for row in blocks}
    newest, oldest = blocks[0].number, blocks[-1].number
    return [known.get(BlockNumber(number)) for number in range(max(newest - count + 1, oldest), newest + 1)]


def _change(after: int, before: int) -> str:
    return f"({(after - before) / before:+.1%})" if before else ""


def _gwei(wei: int) -> str:
    """As many places as a fee of that size needs; small ones in full."""
    return format_gwei(wei, 3 if wei >= 10**9 else 6 if wei >= 10**6 else 9)


def _eth(wei: int) -> str:
    """Cut, not rounded."""
    whole = wei // 10**18
    return format_eth(wei, 0 if whole >= 100_000 else 2 if whole >= 100 else 4)
