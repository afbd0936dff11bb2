"""The pages in a real browser, where there is one: charts are drawn under the policy, dark is dark."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from matplotlib.image import imread

from monitor.reports.charts.style import DARK, LIGHT
from monitor.store import ledger
from monitor.units import UnixTime
from tests.support.databases import chain, new_database
from tests.support.position_rows import save_track
from tests.support.site import Client, serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--virtual-time-budget=8000",
)  # fmt: skip

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    path = tmp_path_factory.mktemp("browser") / "ethmon.db"
    with new_database(path) as db:
        ledger.append(db, chain(1_601, 2_600), UnixTime(1_800_000_000))
        ledger.append(db, chain(0, 1_000), UnixTime(1_800_000_000))
        save_track(db, name="Whale", prices=range(2_200, 1_900, -20))
    with serving(path) as client:
        yield client


def browse(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM is not None
    return subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", *options],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip


@pytest.mark.parametrize("board", ["burn", "positions"])
def test_charts_are_drawn_without_leaving_the_policy(site: Client, tmp_path: Path, board: str) -> None:
    page = f"{site.url}-/dashboards/{board}"
    done = browse(tmp_path, "--enable-logging=stderr", "--dump-dom", page)
    charts = len(re.findall(r"<figure class=\"chart\"", done.stdout))
    assert charts >= 3
    assert len(re.findall(r"<svg[^>]+class=\"marks\"", done.stdout)) == charts
    assert "could not be drawn" not in done.stdout
    assert "var(--" in done.stdout, "colours follow the page"
    assert "Content Security Policy" not in done.stderr
    assert "Uncaught" not in done.stderr


@pytest.mark.parametrize(("scheme", "ground"), [(1, LIGHT.ground), (0, DARK.ground)])
def test_the_page_is_as_light_or_dark_as_the_reader_likes(
    site: Client, tmp_path: Path, scheme: int, ground: str
) -> None:
    picture = tmp_path / "page.png"
    browse(
        tmp_path, f"--blink-settings=preferredColorScheme={scheme}", "--window-size=500,700",
        f"--screenshot={picture}", f"{site.url}ethmon/position_now",
    )  # fmt: skip
    corner = imread(picture)[-1][0][:3]
    assert [round(255 * float(part)) for part in corner] == list(bytes.fromhex(ground[1:]))
