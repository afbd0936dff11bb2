"""Sections about positions and alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from alerts.model import Severity
from monitor.cli.board.pieces import (
    BAD,
    DIM,
    LEVELS,
    MILD,
    UNSEEN,
    Section,
    bar,
    ends,
    fit,
    joined,
    labelled,
    padded,
    plain,
)
from monitor.readings.words import age, price_words
from monitor.reports import positions as words
from monitor.reports.board.content import Board, Near, Told
from monitor.units import UnixTime

FULL = 0.30
"""Distance at which a bar is full."""
CARD_BELOW = 76
"""Columns below which a position is two lines."""
LEAST_BAR, MOST_BAR = 12, 44
LEAST_NAME, MOST_NAME = 14, 36
WORTH = 3
"""Positions that come before anything that is less urgent."""
GAP = "  "


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table of positions."""

    name: str
    cells: Sequence[Text]
    right: bool = False

    @property
    def width(self) -> int:
        """What its widest cell needs."""
        return max(len(self.name), *(cell.cell_len for cell in self.cells))


def positions(board: Board, now: UnixTime, width: int, most: int) -> Section:
    """Nearest to liquidation first, as bars; `most` is what a screen can hold."""
    title = "Positions" + _price(board, now)
    if not board.positions:
        return Section(title, [_none(board)])
    lines = [text for text in (_as_of(board),) if text is not None]
    return bars(title, board.positions, width, most, lines)


def bars(title: str, rows: Sequence[Near], width: int, most: int, lines: Sequence[Text] = ()) -> Section:
    """At least one position, each on a line, or on two where it is narrow."""
    shown, hidden = rows[:most], max(len(rows) - most, 0)
    if width < CARD_BELOW:
        return Section(title, lines, [_card(one, width) for one in shown], WORTH, hidden)
    table = _table(shown, width)
    return Section(title, [*lines, table[0]], [[line] for line in table[1:]], WORTH, hidden)


def _price(board: Board, now: UnixTime) -> str:
    price = board.eth_usd
    if price is None:
        return ""
    told = "" if price.updated_at is None else f", {age(max(now - price.updated_at, 0))} old"
    return f": ETH {price_words(price.answer, price.decimals)}{told}"


def _none(board: Board) -> Text:
    if board.watched:
        return Text(f"none on {board.watched} watched accounts", DIM)
    return Text("nobody is watched: `ethmon watch add ADDRESS --name NAME`", DIM)


def _as_of(board: Board) -> Text | None:
    """Rows stay where they are while the node does not answer for positions."""
    head, block = board.status.head, board.positions[0].row.block_number
    if head is None or block >= head.number:
        return None
    return Text(f"cannot see them now: as of block {block:,}, {head.number - block:,} blocks ago", BAD)


def _table(rows: Sequence[Near], width: int) -> list[Text]:
    """The head and a line for each, exactly as wide as there is room."""
    names = _Column("position", [fit(_name(one), MOST_NAME) for one in rows])
    fixed = [
        _Column("liquidated", [_liquidated(one) for one in rows]),
        _Column("away", [_away(one) for one in rows], right=True),
    ]
    optional = {
        "health": _Column("health", [_health(one) for one in rows], right=True),
        "in $": _Column("in $", [Text(_dollars(one)) for one in rows], right=True),
        "protocol": _Column("protocol", [Text(plain(words.protocol_name(one.row)), DIM) for one in rows]),
        "price": _Column("its price", [Text(_own_price(one), DIM) for one in rows], right=True),
    }
    kept = _chosen(names, fixed, optional, width)
    columns = [names, *(optional[name] for name in ("protocol", "health") if name in kept), *fixed]
    columns += [optional[name] for name in ("in $", "price") if name in kept]
    taken = sum(column.width + len(GAP) for column in columns[1:])
    room = width - taken - LEAST_BAR - len(GAP)
    name_width = max(min(names.width, room), min(LEAST_NAME, names.width))
    bar_width = min(width - taken - name_width - len(GAP), MOST_BAR)
    widths = [name_width, *(column.width for column in columns[1:])]
    head = _line([Text(column.name, DIM) for column in columns], columns, widths)
    body = [
        Text.assemble(
            _line([column.cells[index] for column in columns], columns, widths),
            GAP,
            _bar(one, bar_width, width - taken - name_width - len(GAP)),
        )
        for index, one in enumerate(rows)
    ]
    return [fit(line, width) for line in (head, *body)]


def _chosen(names: _Column, fixed: Sequence[_Column], optional: dict[str, _Column], width: int) -> set[str]:
    """The optional columns that there is room for, in the order in which they are worth it."""
    room = width - LEAST_BAR - len(GAP) - sum(column.width + len(GAP) for column in fixed)
    kept: set[str] = set()
    for name, column in optional.items():
        # The last ones come only where the name is whole.
        spared = min(names.width, LEAST_NAME + 4) if name in {"health", "in $"} else names.width
        if room - column.width - len(GAP) >= spared:
            room -= column.width + len(GAP)
            kept.add(name)
    return kept


def _line(cells: Sequence[Text], columns: Sequence[_Column], widths: Sequence[int]) -> Text:
    parts = [
        padded(cell, width, right=column.right)
        for cell, column, width in zip(cells, columns, widths, strict=True)
    ]
    return Text(GAP).join(parts)


def _card(one: Near, width: int) -> list[Text]:
    """Two lines for a narrow screen."""
    away = Text.assemble(_away(one), f"  {_dollars(one)}" if one.distance else "")
    name = fit(_name(one), width - away.cell_len - 2)
    facts = joined([_liquidated(one), labelled("HF", _health(one))], width - LEAST_BAR - 3)
    room = width - facts.cell_len - 3
    return [
        ends(name, away, width),
        ends(Text.assemble(" ", facts), _bar(one, min(room, MOST_BAR), room), width),
    ]


def _name(one: Near) -> Text:
    return Text(plain(one.row.name) or one.row.account)


def _bar(one: Near, width: int, room: int) -> Text:
    """The distance; or in words why there is none."""
    if one.row.outcome == "already" and not one.refuted:
        return fit(Text("LIQUIDATABLE", "bold white on red"), room)
    if one.distance is None:
        return fit(Text(_why(one), UNSEEN if one.unseen else DIM), room)
    return bar(
        one.distance / FULL,
        width,
        LEVELS[one.reached],
        [float(level.distance) / FULL for level in one.levels],
    )


def _why(one: Near) -> str:
    row, outcome = one.row, one.row.detail.get("outcome", {})
    if one.refuted:
        return plain(f"the contract says otherwise: {row.proof_cause}")
    if row.outcome == "unseen":
        return plain(row.cause)
    if row.outcome == "insensitive":
        return words.liquidation_words(row).removeprefix("not by ETH: ")
    return plain(str(outcome.get("reason", "")))


def _liquidated(one: Near) -> Text:
    if one.unseen:
        return Text("cannot see", UNSEEN)
    short = {"insensitive": "not by ETH", "never": "never by ETH", "already": "now"}
    return Text(short.get(one.row.outcome) or words.liquidation_words(one.row))


def _away(one: Near) -> Text:
    if one.distance is None:
        return Text("-", DIM)
    return Text(f"{one.distance:.2%}", LEVELS[one.reached])


def _dollars(one: Near) -> str:
    """The same as in `ethmon positions`: a price that is known to come next may be nearer than the one in use."""
    row = one.row
    if one.distance is None or row.price_usd is None or row.liquidation_usd is None:
        return "-"
    return f"${one.distance * row.price_usd:,.2f}"


def _own_price(one: Near) -> str:
    return "-" if one.unseen or one.row.price_usd is None else f"${one.row.price_usd:,.2f}"


def _health(one: Near) -> Text:
    return Text("-", DIM) if one.unseen else Text(words.health_words(one.row))


_WORDS = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "CRITICAL"}
_COLOURS = {Severity.INFO: DIM, Severity.WARNING: MILD, Severity.CRITICAL: BAD}
_ENDS = {"recovered", "sighted", "corrected"}


def alerts(board: Board, now: UnixTime, width: int) -> Section:
    """The last ones that were told, with what became of them."""
    phases = [row.phase for row in board.open]
    counts = [f"{phases.count(phase)} {word}" for phase, word in _PHASES.items() if phase in phases]
    title = "Alerts: " + (", ".join(counts) if counts else "nothing is open")
    if not board.told:
        return Section(title, [Text("none was ever told", DIM)])
    return Section(title, items=[[_told(one, now, width)] for one in board.told])


_PHASES = {"open": "open", "blind": "cannot see", "acked": "acknowledged", "snoozed": "snoozed"}


def _told(one: Told, now: UnixTime, width: int) -> Text:
    over = one.transition in _ENDS
    when = padded(Text(age(max(now - one.time, 0)), DIM), 7, right=True)
    what = padded(Text("over", "green") if over else Text(_WORDS[one.severity], _COLOURS[one.severity]), 8)
    state = _PHASES.get(one.phase, "") + (", better" if one.better else "") if one.standing else "corrected"
    style = "" if one.phase == "open" and not over and one.standing else DIM
    title = Text(plain(one.title), style)
    if state:
        title = ends(fit(title, width - 19 - len(state)), Text(state, MILD), width - 17)
    return fit(Text.assemble(when, " ", what, " ", title), width)
