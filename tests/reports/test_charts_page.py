"""docs/charts.md cannot drift: its commands run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from monitor.store import ledger
from monitor.units import UnixTime
from tests.support.commands import ROOT, ethmon
from tests.support.databases import chain, new_database
from tests.support.position_rows import save_track

PAGE = (ROOT / "docs" / "charts.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    with new_database(folder / "ethmon.db") as db:
        ledger.append(db, chain(0, 600), UnixTime(1_800_000_000))
        save_track(db, name="Whale", prices=range(2_200, 1_900, -20))
    return folder


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 9


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_page_runs(folder: Path, line: str) -> None:
    program, *arguments = shlex.split(line)
    assert program == "ethmon"
    done = ethmon(folder, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    for option in ("--out", "--chart"):
        if option in arguments:
            assert (folder / arguments[arguments.index(option) + 1]).stat().st_size > 5_000


def test_pictures_of_the_pages_are_there() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    named = [
        page.parent / name
        for page in pages
        for name in re.findall(r'(?:src="|!\[[^\]]*\]\()([^")]+\.(?:png|svg))', page.read_text())
    ]
    assert named
    assert [picture for picture in named if not picture.is_file()] == []
    assert all(picture.stat().st_size < 200_000 for picture in named)
