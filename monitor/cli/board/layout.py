"""The whole screen for any size: what matters most survives on the smallest one. Pure: data and a time in, lines out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from textwrap import wrap

from rich.text import Text

from monitor.cli.board import chain, danger, sight
from monitor.cli.board.blocks import Beside, Block, Stack, Titled, columns
from monitor.cli.board.pieces import BAD, DIM, GOOD, ends, fit, plain
from monitor.reports.board.content import Board
from monitor.units import UnixTime

TWO_COLUMNS, THREE_COLUMNS = 110, 160
"""Widths from which sections stand beside each other."""
FLAT = 30
"""Lines below which our own health stands beside the alerts, not below the chain."""
LOW = 18
"""Lines below which a part of every section is worth more than the whole of one."""
_POSITIONS, _CHAIN, _ALERTS, _BURN, _SIGHT, _SUPPLY = range(6)
"""Rank of each section: what goes last when lines are few comes first."""


def draw(board: Board, now: UnixTime, width: int, height: int, notice: str = "") -> list[Text]:
    """At most `height` lines of at most `width` cells. `notice` is what went wrong with the look itself."""
    top = [_headline(board, now, width)]
    top += [fit(Text(notice, BAD), width)] if notice else []
    top += [fit(line, width) for line in sight.banners(board, now)]
    return [*top, *_body(board, now, width, height).draw(height - len(top))][: max(height, 1)]


def message(text: str, now: UnixTime, width: int, height: int) -> list[Text]:
    """The screen while there is nothing to show."""
    head = ends(Text("ethmon", "bold"), _clock(now), width)
    words = wrap(plain(text), max(width, 1))
    return [head, Text(), *(fit(Text(line, BAD), width) for line in words)][: max(height, 1)]


def full_height(board: Board, now: UnixTime, width: int, most: int) -> int:
    """Lines that show everything, `most` at the most."""
    return min(1 + len(list(sight.banners(board, now))) + _body(board, now, width, most).full, most)


def _body(board: Board, now: UnixTime, width: int, height: int) -> Block:
    if width >= THREE_COLUMNS:
        return _three_columns(board, now, width, height)
    if width >= TWO_COLUMNS:
        return _two_columns(board, now, width, height)
    sections = [
        chain.chain(board, now, width),
        chain.burn(board, width),
        danger.positions(board, now, width, height),
        chain.supply(board, width),
        danger.alerts(board, now, width),
        sight.sight(board, now, width),
    ]
    if height < LOW:
        sections = [replace(section, worth=min(section.worth, 1)) for section in sections]
    ranks = [_CHAIN, _BURN, _POSITIONS, _SUPPLY, _ALERTS, _SIGHT]
    return Stack([Titled(section, width) for section in sections], ranks)


def _two_columns(board: Board, now: UnixTime, width: int, height: int) -> Block:
    left, right = columns(width, 1, 1)
    head = Titled(chain.chain(board, now, left), left)
    flows = [Titled(chain.burn(board, right), right), Titled(chain.supply(board, right), right)]
    sides = Stack(flows, [_BURN, _SUPPLY])
    if height < FLAT:
        return _above(
            board, now, width, height, Beside([(head, left), (sides, right)]), _bottom(board, now, width, 3)
        )
    ours = Stack([head, Titled(sight.sight(board, now, left), left)], [_CHAIN, _SIGHT])
    alerts = Titled(danger.alerts(board, now, width), width)
    return _above(board, now, width, height, Beside([(ours, left), (sides, right)]), alerts)


def _three_columns(board: Board, now: UnixTime, width: int, height: int) -> Block:
    left, middle, right = columns(width, 1, 1, 1)
    top = Beside(
        [
            (Titled(chain.chain(board, now, left), left), left),
            (Titled(chain.burn(board, middle), middle), middle),
            (Titled(chain.supply(board, right), right), right),
        ]
    )
    return _above(board, now, width, height, top, _bottom(board, now, width, 4))


def _bottom(board: Board, now: UnixTime, width: int, share: int) -> Block:
    """Alerts with `share` parts of the width, our own health with two."""
    near, far = columns(width, share, 2)
    alerts, ours = danger.alerts(board, now, near), sight.sight(board, now, far)
    return Beside([(Titled(alerts, near), near), (Titled(ours, far), far)])


def _above(board: Board, now: UnixTime, width: int, height: int, top: Block, bottom: Block) -> Stack:
    """Positions through all columns, between the others."""
    positions = Titled(danger.positions(board, now, width, height), width)
    return Stack([top, positions, bottom], [_CHAIN, _POSITIONS, _ALERTS])


def _headline(board: Board, now: UnixTime, width: int) -> Text:
    pid = board.status.daemon_pid
    running = Text("● running", GOOD) if pid else Text("○ no daemon", BAD)
    left = Text.assemble(("ethmon ", "bold"), f"{board.status.chain_name}  ", running)
    return ends(left, _clock(now), width)


def _clock(now: UnixTime) -> Text:
    return Text(datetime.fromtimestamp(now, UTC).strftime("%H:%M:%S UTC"), DIM)
