"""Tables on terminals of any width, and in pipes."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from monitor.cli.output import emit_table
from monitor.cli.table import GAP, drawn, widths

WORDS = st.lists(st.text("abc0.,$-", min_size=1, max_size=14), min_size=1, max_size=8).map(" ".join)
HEADINGS = st.text("abc", min_size=1, max_size=14)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    columns = draw(st.integers(1, 8))
    row = st.lists(WORDS, min_size=columns, max_size=columns)
    return [[draw(HEADINGS) for _ in range(columns)], *draw(st.lists(row, min_size=1, max_size=4))]


def lines_at(width: int, cells: list[list[str]]) -> list[str]:
    """What a terminal of `width` columns shows."""
    screen = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    with screen.capture() as shown:
        for part in drawn(cells[0], cells[1:], [False] * len(cells[0]), width):
            screen.print(part)
    return shown.get().splitlines()


@given(tables(), st.integers(34, 200))
def test_no_word_is_broken_and_no_line_is_too_long(cells: list[list[str]], width: int) -> None:
    lines = lines_at(width, cells)
    assert max(map(len, lines)) <= width
    seen = {word for line in lines for word in line.split()}
    assert {word for row in cells for text in row for word in text.split()} <= seen


@given(tables(), st.integers(1, 200))
def test_columns_fill_the_room_and_no_more(cells: list[list[str]], room: int) -> None:
    found = widths(cells, room)
    natural = widths(cells, None)
    assert natural == [max(len(row[index]) for row in cells) for index in range(len(cells[0]))]
    if found is not None:
        assert sum(found) + GAP * (len(found) - 1) <= room
        assert all(size <= full for size, full in zip(found, natural, strict=True))
    if sum(natural) + GAP * (len(natural) - 1) <= room:
        assert found == natural


def test_a_price_stays_beside_its_sign() -> None:
    assert widths([["name", "liquidated"], ["a long name of somebody", "≤ $1,582.83"]], 24) == [11, 11]


def test_a_row_that_does_not_fit_becomes_lines() -> None:
    row = ["0x49c294fc3be1e3e25cbcaddb93e6f6bad36465da", "13.339877401595800818"]
    lines = lines_at(60, [["account", "total_burn_eth"], row])
    assert [line.split() for line in lines] == [["account", row[0]], ["total_burn_eth", row[1]]]


def test_a_pipe_gets_every_row_on_a_line_without_blanks_at_its_end(capsys) -> None:
    emit_table(("name", "[/value]"), [("x" * 300, "y" * 300), ("short", None)])
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "[/value]"]
    assert [row.split() for row in rows] == [["x" * 300, "y" * 300], ["short", "-"]]
    assert not any(row != row.rstrip() for row in (head, *rows))
