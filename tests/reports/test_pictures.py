"""Every chart in every look is a true picture that names its block; hostile names are only text."""

from __future__ import annotations

import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.reports.charts import ladder, position, supply
from monitor.reports.charts.calendar import marks
from monitor.reports.charts.steps import net_steps, steps
from monitor.reports.charts.style import Look
from monitor.reports.charts.track import track, wanted
from monitor.reports.charts.wording import compact
from monitor.reports.ladder import stored_ladder
from monitor.store import ledger
from monitor.store.database import open_reader
from monitor.units import UnixTime
from tests.support.commands import ROOT, ethmon
from tests.support.databases import GENESIS_TIME, chain, new_database, ref
from tests.support.position_rows import ACCOUNT, save_track

HOSTILE = "$x^2$ _{1} </text><script>alert(1)</script> \N{WHALE} \u202e --> " + "W" * 60
LOOKS = [
    Look(),
    Look(dark=True),
    Look(phone=True),
    Look(vector=True),
    Look(vector=True, inline=True, phone=True),
]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hours of blocks with a hole, and a position with a hostile name."""
    path = tmp_path_factory.mktemp("pictures") / "ethmon.db"
    with new_database(path) as db:
        ledger.append(db, chain(0, 900), UnixTime(1_800_000_000))
        ledger.append(db, chain(1_700, 2_400), UnixTime(1_800_000_000))
        save_track(db, name=HOSTILE, prices=[*range(2_400, 1_700, -20)], skip=[9, 10, 11, 12, 13])
    return path


def draw(path: Path, kind: str, look: Look) -> bytes:
    with open_reader(path) as db:
        if kind == "position":
            now = wanted(db, ACCOUNT)[0]
            return position.position(track(db, now, UnixTime(GENESIS_TIME)), look)
        if kind == "ladder":
            return ladder.ladder(stored_ladder(db), look)
        found = steps(db, "24h")
        if kind == "supply":
            return supply.supply(found, net_steps(db, found, (36_000_000, GENESIS_TIME)), look)
        return {"burn": supply.burn, "fees": supply.fees}[kind](found, look)


@pytest.mark.parametrize(
    "look", LOOKS, ids=lambda look: "-".join(n for n in look._fields if getattr(look, n)) or "wide"
)
@pytest.mark.parametrize("kind", ["burn", "supply", "fees", "position", "ladder"])
def test_a_picture_is_true_and_names_its_block(path: Path, kind: str, look: Look) -> None:
    content = draw(path, kind, look)
    if not look.vector:
        assert content.startswith(b"\x89PNG\r\n\x1a\n")
        assert struct.unpack(">II", content[16:24]) == ((960, 840) if look.phone else (1200, 690))
    else:
        assert ET.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"
        assert b"<script" not in content
        assert b'href="http' not in content
    head = ref(2_400)
    if look.inline and kind in {"position", "ladder"}:
        assert f"Block 851 ({ref(851).hash[:6]}".encode() in content  # the newest row of the position
    elif look.inline:
        assert f"Block 2,400 ({head.hash[:6]}".encode() in content
    elif kind not in {"position", "ladder"}:
        assert f"block 2400 {head.hash}".encode() in content


def test_the_same_history_gives_the_same_picture(path: Path) -> None:
    look = Look(vector=True, phone=True)
    assert draw(path, "position", look) == draw(path, "position", look)


def test_a_hole_is_hatched_and_a_whole_frame_is_not(path: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.db"
    with new_database(whole) as db:
        ledger.append(db, chain(0, 900), UnixTime(1_800_000_000))
    look = Look(vector=True, inline=True)
    assert b"not stored" in draw(path, "burn", look)
    assert b"At least" in draw(path, "burn", look)
    for kind in ("burn", "fees", "supply"):
        assert b"not stored" not in draw(whole, kind, look)
        assert b"<pattern" not in draw(whole, kind, look)
    assert b"not known from here" in draw(path, "supply", look)
    assert b"not known from here" not in draw(whole, "supply", look)
    assert b"not seen" in draw(path, "position", look)


@given(st.integers(1, 4 * 10**9), st.integers(0, 10**9), st.integers(4, 9))
def test_a_time_axis_has_a_few_marks_in_order_and_says_the_year(start: int, span: int, most: int) -> None:
    found = marks(start, start + span, most)
    moments = [moment for moment, _ in found]
    assert len(found) <= most
    assert moments == sorted(set(moments))
    assert all(start <= moment <= start + span for moment in moments)
    if span > 20:
        assert moments
        assert f"{datetime.fromtimestamp(moments[0], UTC):%Y}" in found[0][1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.25, "0.25"), (1_234.5, "1,234"), (20_000, "20,000"), (-3, "\N{MINUS SIGN}3"), (2.5e6, "2.5 M"),
        (1.25e9, "1.25 bn"), (2e-9, "2e-9"),
    ],
)  # fmt: skip
def test_numbers_on_axes(value: float, text: str) -> None:
    assert compact(value) == text


def test_commands_write_what_they_name(path: Path, tmp_path: Path) -> None:
    environment = {"ETHMON_DB": str(path)}
    runs: list[tuple[list[str], str]] = [
        (["chart", "burn", "--since", "24h"], "burn.png"),
        (["chart", "position", ACCOUNT, "--dark", "--phone", "--out", "whale.svg"], "whale.svg"),
        (["chart", "ladder", "--out", "steps.PNG"], "steps.PNG"),
        (["ladder", "--chart", "l.svg"], "l.svg"),
    ]
    for arguments, name in runs:
        done = ethmon(tmp_path, *arguments, **environment)
        assert done.returncode == 0, done.stderr
        assert name in done.stdout.splitlines()
        assert (tmp_path / name).stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["chart", "burn", "--since", "24h", "--out", "x.jpg"], "the name must end in .png or .svg"),
        (["chart", "burn", "--since", "24h", "--out", "no/folder/x.png"], "cannot be written"),
        (["chart", "burn", "--since", "soon"], "is not a time frame"),
        (["chart", "position", "nobody"], "No position is named 'nobody'"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(
    path: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    done = ethmon(tmp_path, *arguments, ETHMON_DB=str(path))
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [["chart", "burn", "--since", "24h"], ["report", "--since", "24h"]])
def test_without_matplotlib_the_error_names_the_extra(path: Path, tmp_path: Path, command: list[str]) -> None:
    code = f"import sys; sys.modules['matplotlib'] = None; from monitor.cli import run; run({['--db', str(path), *command]!r})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.strip() == "ethmon: Charts need Matplotlib. Install it: pip install 'ethmon[charts]'"
    assert not list(tmp_path.iterdir())
