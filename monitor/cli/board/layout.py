"""The whole screen for any size: what matters most survives on the smallest one. Pure: data and a time in, lines out."""

from __future__ import annotations

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
    return Stack(
        [
            Titled(chain.chain(board, now, width), width),
            Titled(chain.burn(board, width), width),
            Titled(danger.positions(board, now, width, height), width),
            Titled(chain.supply(board, width), width),
            Titled(danger.alerts(board, now, width), width),
            Titled(sight.sight(board, now, width), width),
        ],
        [_CHAIN, _BURN, _POSITIONS, _SUPPLY, _ALERTS, _SIGHT],
    )


def _two_columns(board: Board, now: UnixTime, width: int, height: int) -> Block:
    left, right = columns(width, 1, 1)
    flows = Stack(
        [Titled(chain.burn(board, right), right), Titled(chain.supply(board, right), right)], [_BURN, _SUPPLY]
    )
    ours = Stack(
        [Titled(chain.chain(board, now, left), left), Titled(sight.sight(board, now, left), left)],
        [_CHAIN, _SIGHT],
    )
    return Stack(
        [
            Beside([(ours, left), (flows, right)]),
            Titled(danger.positions(board, now, width, height), width),
            Titled(danger.alerts(board, now, width), width),
        ],
        [_CHAIN, _POSITIONS, _ALERTS],
    )


def _three_columns(board: Board, now: UnixTime, width: int, height: int) -> Block:
    left, middle, right = columns(width, 1, 1, 1)
    near, far = columns(width, 2, 1)
    return Stack(
        [
            Beside(
                [
                    (Titled(chain.chain(board, now, left), left), left),
                    (Titled(chain.burn(board, middle), middle), middle),
                    (Titled(chain.supply(board, right), right), right),
                ]
            ),
            Titled(danger.positions(board, now, width, height), width),
            Beside(
                [
                    (Titled(danger.alerts(board, now, near), near), near),
                    (Titled(sight.sight(board, now, far), far), far),
                ]
            ),
        ],
        [_CHAIN, _POSITIONS, _ALERTS],
    )


def _headline(board: Board, now: UnixTime, width: int) -> Text:
    pid = board.status.daemon_pid
    running = Text("● running", GOOD) if pid else Text("○ no daemon", BAD)
    left = Text.assemble(("ethmon ", "bold"), f"{board.status.chain_name}  ", running)
    return ends(left, _clock(now), width)


def _clock(now: UnixTime) -> Text:
    return Text(datetime.fromtimestamp(now, UTC).strftime("%H:%M:%S UTC"), DIM)
