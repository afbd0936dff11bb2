"""The live screen: laws for every size, and what it says in each state. Real files, through the store's writers."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, Group
from rich.text import Text

from alerts.model import Severity
from monitor.cli.board.blocks import shared
from monitor.cli.board.layout import draw
from monitor.cli.board.pieces import NOT_KNOWN, Section, bar, curve, flow, plain
from monitor.cli.board.screen import Sight
from monitor.errors import StoreError
from monitor.reports.board.content import Board, Wishes
from monitor.reports.board.reader import BoardReader
from monitor.store import events, outbox
from monitor.store.database import open_beside
from monitor.units import UnixTime
from tests.support.busy_database import (
    HEAD,
    HOSTILE,
    MISSING,
    NOW,
    everything,
    fill,
    save_positions,
    watchlist,
)
from tests.support.commands import ROOT, ethmon
from tests.support.databases import new_database

SIZES = [
    (width, height)
    for width in (20, 40, 60, 75, 76, 80, 109, 110, 120, 160, 200)
    for height in (1, 5, 10, 24, 30, 40, 60)
]
FIGURE = re.compile(r"\d")


def board_of(path: Path, now: UnixTime = NOW) -> Board:
    found = watchlist()
    with BoardReader(path, lambda: Wishes(None, found.rules, len(found.wallets))) as reader:
        return reader.look(now)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("board") / "ethmon.db"
    fill(file, extra=30)
    return file


@pytest.fixture(scope="module")
def board(path: Path) -> Board:
    return board_of(path)


def texts(lines: Sequence[Text]) -> list[str]:
    return [line.plain for line in lines]


def whole(board: Board, width: int = 120, now: UnixTime = NOW) -> str:
    return "\n".join(texts(draw(board, now, width, 200)))


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_no_line_is_wider_than_the_screen_and_no_screen_higher(board: Board, width: int, height: int) -> None:
    lines = draw(board, NOW, width, height)
    assert 1 <= len(lines) <= height
    assert max(cell_len(line.plain) for line in lines) <= width
    assert all(char.isprintable() for line in lines for char in line.plain)


@pytest.mark.parametrize(("width", "height"), [(60, 30), (80, 24), (120, 40), (200, 50)])
def test_what_rich_prints_is_as_high_as_what_was_drawn(board: Board, width: int, height: int) -> None:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    lines = draw(board, NOW, width, height)
    assert len(console.render_lines(Group(*lines), pad=False)) == len(lines)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_position_stands_there_once_or_is_counted(board: Board, width: int, height: int) -> None:
    lines = texts(draw(board, NOW, width, height))
    start = next((index for index, line in enumerate(lines) if line.startswith("─ Positions")), None)
    if start is None or width < 40:
        return
    part = lines[start + 1 :]
    end = next((index for index, line in enumerate(part) if line.startswith("─ ")), len(part))
    part = part[:end]
    names = [plain(name)[:4] for name in everything()] + ["Extr"]
    shown = sum(line.startswith(tuple(names)) and not line.startswith("position") for line in part)
    more = [int(found[1]) for line in part if (found := re.fullmatch(r"and (\d+) more", line))]
    assert shown + sum(more) == len(board.positions)


@pytest.mark.parametrize(("width", "height"), [(40, 9), (60, 10), (80, 9), (100, 12)])
def test_on_a_small_screen_the_nearest_position_and_the_head_are_left(
    board: Board, width: int, height: int
) -> None:
    shown = "\n".join(texts(draw(board, NOW, width, height)))
    assert "No daemon" in shown
    assert "Gone under" in shown
    assert f"head {HEAD}" in shown


@pytest.mark.parametrize(
    ("width", "height"), [(80, 24), (110, 24), (120, 29), (120, 40), (160, 24), (200, 50)]
)
def test_a_usual_screen_has_every_section(board: Board, width: int, height: int) -> None:
    shown = "\n".join(texts(draw(board, NOW, width, height)))
    for title in ("Chain", "Burn", "Net supply", "Positions", "Alerts", "Health"):
        assert f"─ {title}" in shown


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_what_cannot_be_seen_has_no_figure(board: Board, width: int) -> None:
    lines = texts(draw(board, NOW, width, 200))
    for name in ("Dark", "Refuted"):
        first = next(index for index, line in enumerate(lines) if line.startswith(name))
        said = " ".join(lines[first : first + (2 if width < 76 else 1)])
        said = said.replace("Aave v3", "")
        assert "cannot see" in said
        assert not FIGURE.search(said), said
        assert "█" not in said
    said = "\n".join(lines)
    assert "the oracle answers nothing"[:10] in said
    assert "the contract says otherwise"[:10] in said


def test_each_kind_of_position_says_its_own(board: Board) -> None:
    shown = whole(board, 200)

    def line(name: str) -> str:
        return next(one for one in shown.splitlines() if one.startswith(name))

    assert "≤ $1,900.00" in line("Long")
    assert "5.00%" in line("Long")
    assert "$100.00" in line("Long")
    assert "≥ $3,000.00" in line("Short")
    assert "50.00%" in line("Short")
    assert "not by ETH" in line("Loop")
    assert "ratio -4.39%, 321 days of carry" in line("Loop")
    assert "never by ETH" in line("Never")
    assert "other collateral" in line("Never")
    assert "$1,500.00 to $1,400.00" in line("Soft")
    assert "LIQUIDATABLE" in line("Gone under")


def test_bars_are_coloured_by_the_alert_levels_and_sorted_by_concern(board: Board) -> None:
    by_name = {one.row.name: one for one in board.positions}
    assert by_name["Long"].reached is Severity.WARNING  # inside 20 % and 10 % of its rule, not 4 %
    assert by_name["Soft"].reached is None  # no rule: the usual 20 % and 5 %
    assert by_name["Gone under"].reached is Severity.CRITICAL
    order = [one.row.name for one in board.positions]
    assert order[:2] == ["Gone under", "Long"]
    assert set(order[2:4]) == {"Dark", "Refuted"}
    assert order.index("Soft") < order.index("Short") < order.index("Loop")


def test_a_block_that_is_missing_is_a_question_mark_in_the_curves(board: Board) -> None:
    lines = texts(draw(board, NOW, 80, 60))
    curves = [line for line in lines if re.match(r"[▁▂▃▄▅▆▇█]{5}", line)]
    assert len(curves) == 2
    for line in curves:
        drawn = re.match(r"[▁▂▃▄▅▆▇█?]+", line)
        assert drawn is not None
        assert len(drawn[0]) == 60
        assert [HEAD - 59 + index for index, char in enumerate(drawn[0]) if char == NOT_KNOWN] == list(
            range(MISSING[0], MISSING[1] + 1)
        )


def test_burn_over_a_gap_is_a_lower_bound(board: Board) -> None:
    shown = whole(board)
    assert re.search(r"now ≥ [\d.]+ ETH/min, ≥ [\d.,]+ a day", shown)
    assert re.search(r"1h ≥ [\d.]+ ETH \(3 missing\)", shown)
    assert re.search(r"24h ≥ [\d.]+ ETH \(from block 1, 3 missing\)", shown)
    assert "24h, 7d not known: blocks of the frame are missing" in whole(board, 80)
    assert "gaps 1 open, 3 blocks" in shown


def test_the_age_of_the_head_counts_and_gets_stale(board: Board) -> None:
    assert f"head {HEAD}  7 s old" in whole(board)
    assert f"head {HEAD}  8 s old" in whole(board, now=UnixTime(NOW + 1))
    assert "old: stale" in whole(board, now=UnixTime(NOW + 60))
    assert "in the future" in whole(board, now=UnixTime(NOW - 60))


def test_alerts_messages_and_endpoints_are_there(board: Board) -> None:
    shown = whole(board, 200)
    assert "─ Alerts: 1 open" in shown
    assert "1.5% from liquidation" in shown
    assert re.search(r"CRITICAL .* open", shown)
    assert "2 waiting, oldest 5 s" in shown
    assert "endpoints 1 of 2 ok" in shown
    assert "node-2  behind the others for 5 min" in shown
    assert "none on" not in shown


def test_a_daemon_that_is_gone_is_said_first(path: Path, board: Board) -> None:
    assert (
        "No daemon is running, the last one ended without being stopped" in texts(draw(board, NOW, 120, 9))[1]
    )
    with open_beside(path) as db:
        events.record_event(db, UnixTime(NOW - 1), "chain_trouble", "every endpoint failed")
    later = board_of(path)
    assert "Cannot see the chain for 1 s: every endpoint failed" in whole(later)
    with open_beside(path) as db:
        events.record_event(db, UnixTime(NOW + 60), "stop")
    stopped = whole(board_of(path, UnixTime(NOW + 180)), now=UnixTime(NOW + 180))
    assert "No daemon is running, it was stopped 2 min ago" in stopped
    assert "Cannot see the chain" not in stopped


def test_positions_that_were_not_read_again_say_of_which_block_they_are(tmp_path: Path) -> None:
    fill(tmp_path / "ethmon.db")
    with open_beside(tmp_path / "ethmon.db") as db:
        save_positions(db, block=HEAD - 25)
    assert "cannot see them now: as of block 375, 25 blocks ago" in whole(board_of(tmp_path / "ethmon.db"))


def test_an_empty_database_and_nobody_watched(tmp_path: Path) -> None:
    new_database(tmp_path / "ethmon.db").close()
    with BoardReader(tmp_path / "ethmon.db", Wishes) as reader:
        empty = reader.look(NOW)
    for width, height in SIZES:
        assert len(draw(empty, NOW, width, height)) <= height
    shown = whole(empty)
    assert "no block is stored yet" in shown
    assert "nobody is watched: `ethmon watch add" in shown
    assert "none was ever told" in shown
    assert "endpoints none was asked yet" in shown


def test_a_dead_message_and_a_channel_that_gave_up_are_shown(tmp_path: Path) -> None:
    fill(tmp_path / "ethmon.db")
    with open_beside(tmp_path / "ethmon.db") as db:
        box = outbox.SqliteOutbox(db)
        box.bury([claim.row for claim in box.claim("email", float(NOW), 60)], float(NOW), "refused")
        box.set_health(box.health("email").__class__("email", disabled="wrong password"))
    shown = whole(board_of(tmp_path / "ethmon.db"))
    assert "1 waiting" in shown
    assert "1 undeliverable: see `ethmon outbox`" in shown
    assert "channel email is off: wrong password" in shown


def test_what_cannot_be_read_leaves_the_last_screen_and_says_so(board: Board) -> None:
    answers: list[Board | StoreError] = [StoreError("ETHMON_DB: x.db does not exist."), board]
    answers.append(StoreError("ETHMON_DB: x.db stayed locked by another process."))

    def look(_now: UnixTime) -> Board:
        answer = answers.pop(0)
        if isinstance(answer, StoreError):
            raise answer
        return answer

    sight = Sight(look)
    sight.look(NOW)
    assert "Waiting. ETHMON_DB: x.db does not exist." in "\n".join(texts(sight.lines(NOW, 80, 24)))
    sight.look(NOW)
    assert f"head {HEAD}" in "\n".join(texts(sight.lines(NOW, 80, 24)))
    sight.look(UnixTime(NOW + 5))
    shown = texts(sight.lines(UnixTime(NOW + 5), 80, 24))
    assert shown[1].startswith("Read last 5 s ago. ETHMON_DB: x.db stayed locked")
    assert any(f"head {HEAD}" in line for line in shown)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=7), st.integers(0, 100)
)
def test_lines_are_shared_without_waste_or_debt(pairs: list[tuple[int, int]], height: int) -> None:
    wants = [(max(pair), min(pair)) for pair in pairs]
    given_lines = shared(wants, list(range(len(wants))), height)
    assert sum(given_lines) <= height
    for (full, least), lines in zip(wants, given_lines, strict=True):
        assert lines == 0 or least <= lines <= full
    if sum(full for full, _ in wants) <= height and all(least for _, least in wants):
        assert given_lines == [full for full, _ in wants]


@given(st.integers(0, 30), st.integers(1, 3), st.integers(0, 40), st.integers(0, 5))
def test_items_that_are_cut_are_counted(count: int, each: int, height: int, hidden: int) -> None:
    items = [[Text(f"item {number}")] * each for number in range(count)]
    lines = texts(Section("Title", [Text("head")], items, hidden=hidden).cut(height))
    assert len(lines) <= height
    if height >= 2 and count:
        shown = len({line for line in lines if line.startswith("item")})
        more = [int(line.split()[1]) for line in lines if line.startswith("and ")]
        assert shown + sum(more) == count + hidden


@given(st.lists(st.none() | st.integers(0, 10**20), max_size=80), st.integers(1, 60), st.booleans())
def test_a_curve_marks_what_is_not_known_and_nothing_else(
    values: list[int | None], width: int, from_zero: bool
) -> None:
    drawn = curve(values, width, "cyan", from_zero=from_zero).plain
    shown = values[max(len(values) - width, 0) :]
    assert [char == NOT_KNOWN for char in drawn] == [value is None for value in shown]


@given(st.floats(-1, 5), st.integers(1, 60), st.lists(st.floats(-1, 2), max_size=5))
def test_a_bar_is_as_wide_as_asked(share: float, width: int, marks: list[float]) -> None:
    assert bar(share, width, "green", marks).cell_len == width


@given(st.text(max_size=200), st.integers(1, 60))
def test_a_hostile_text_is_one_line_that_fits(text: str, width: int) -> None:
    clean = plain(text)
    assert all(char.isprintable() for char in clean)
    assert all(line.cell_len <= width for line in flow([Text(clean), Text(clean)], width))


def test_plain_status_and_json_say_the_same_facts(path: Path) -> None:
    said = ethmon(path.parent, "status")
    assert said.returncode == 0, said.stderr
    for words in (
        "Position ",
        "Gone under",
        "cannot see: the oracle",
        "and 34 more",
        "Alert ",
        "Messages",
        "2 waiting",
    ):
        assert words in said.stdout
    assert "\x1b" not in said.stdout
    found = json.loads(ethmon(path.parent, "status", "--json").stdout)
    assert found["head"]["number"] == HEAD
    assert len(found["positions"]) == 39
    dark = next(one for one in found["positions"] if one["name"] == "Dark")
    assert dark["outcome"] == "unseen"
    assert [dark[name] for name in ("distance", "liquidation_price", "health_factor")] == [None] * 3
    assert {one["frame"]: one["exact"] for one in found["burn"]} == dict.fromkeys(
        ("5m", "1h", "24h", "7d"), False
    )
    assert found["net_supply"][0]["low_wei"] is None
    assert found["outbox"] == {"waiting": 2, "undeliverable": 0, "disabled": {}}
    assert found["missing_blocks"] == 3


def test_the_page_names_every_key_and_runs(path: Path) -> None:
    page = (ROOT / "docs" / "status.md").read_text()
    commands = re.findall(r"^ethmon (status[^#\n]*)", page, re.MULTILINE)
    assert len(commands) == 4
    for command in commands:
        if "--watch" not in command:  # that one has a terminal of its own, in test_status_watch.py
            done = ethmon(path.parent, *command.split())
            assert done.returncode == 0, done.stderr
    told = set(re.findall(r"`(\w+)`", page.partition("## For programs")[2]))
    keys = set(json.loads(ethmon(path.parent, "status", "--json").stdout))
    assert keys - told - {"chain_id", "database"} == set()


def test_the_picture_needs_nothing_from_anywhere(path: Path) -> None:
    done = ethmon(path.parent, "status", "--picture", "status.svg")
    assert done.returncode == 0, done.stderr
    text = (path.parent / "status.svg").read_text()
    assert text.startswith("<svg")
    assert re.findall(r"https?://[^\s\"<]+", text) == ["http://www.w3.org/2000/svg"]
    assert "@font-face" not in text
    assert "LIQUIDATABLE" in text.replace("&#160;", " ")
    assert plain(HOSTILE)[:10].replace(" ", "&#160;") in text
    both = ethmon(path.parent, "status", "--picture", "status.svg", "--watch")
    assert (both.returncode, "stands alone" in both.stderr) == (2, True)
    assert "only SVG" in ethmon(path.parent, "status", "--picture", "status.png").stderr
