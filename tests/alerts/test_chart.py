"""The picture in a message: a true PNG that Telegram takes, drawn in another process, never a made-up one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from alerts.channels.telegram.api import BotApi
from alerts.channels.telegram.channel import Telegram
from alerts.model import ChartRequest
from alerts.ports import Dispatch
from monitor.readings.positions import subject_of
from monitor.reports.alert_chart import ChartRenderer
from monitor.reports.charts.track import of_subject, track
from monitor.units import UnixTime
from tests.support.alert_samples import supply
from tests.support.databases import new_database
from tests.support.position_rows import KEY, save_track
from tests.support.telegram_emulator import TOKEN, TelegramEmulator

REQUEST = ChartRequest("position", {"subject": subject_of(KEY)})


def test_telegram_takes_the_picture_of_a_position(tmp_path: Path) -> None:
    path = tmp_path / "ethmon.db"
    with new_database(path) as db:
        save_track(db, name="Whale $1 _{x}^ <b>\N{WHALE}", prices=range(2_200, 1_800, -10))
    render = ChartRenderer(path, tmp_path / "none.toml", timeout_s=60)
    try:
        first = render(REQUEST)
    finally:
        render.close()
    path.rename(tmp_path / "gone.db")
    second = render(REQUEST)
    render.close()
    assert first is not None, "drawn"
    assert second == first, "and given to the next channel without being drawn again"
    with TelegramEmulator() as server:
        server.chat(1)
        channel = Telegram(BotApi(TOKEN, server.url), "1")
        outcome = channel.send(Dispatch(supply()))
        assert outcome.illustrate is not None
        assert outcome.illustrate(first) == {"photo": "1"}
        assert server.calls == ["sendMessage", "editMessageMedia"]
        assert server.messages[0]["photo"][0]["width"] == 960


def test_a_late_message_gets_the_picture_of_its_own_time(tmp_path: Path) -> None:
    with new_database(tmp_path / "ethmon.db") as db:
        save_track(db, name="Whale", prices=range(2_200, 1_800, -10))
        now = of_subject(db, subject_of(KEY))
        assert now is not None
        then = of_subject(db, subject_of(KEY), now.block_number - 12)
        assert then is not None
        found = track(db, then, UnixTime(0))
    assert then.block_number <= now.block_number - 12
    assert found.points[-1].block == then.block_number
    assert (then.price_usd or 0) > (now.price_usd or 0)


def test_without_history_there_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "ethmon.db"
    new_database(path).close()
    render = ChartRenderer(path, tmp_path / "none.toml", timeout_s=60)
    try:
        assert render(REQUEST) is None
        assert render(ChartRequest("horoscope")) is None
    finally:
        render.close()


def test_a_drawing_that_takes_too_long_costs_the_picture_and_not_the_message(tmp_path: Path) -> None:
    render = ChartRenderer(tmp_path / "ethmon.db", tmp_path / "none.toml", timeout_s=0.0)
    assert render(REQUEST) is None
    render.close()


def test_who_does_not_wait_leaves_the_picture_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "ethmon.db"
    with new_database(path) as db:
        save_track(db, name="Whale", prices=range(2_200, 1_800, -10))
    render = ChartRenderer(path, tmp_path / "none.toml", timeout_s=60)
    assert render(REQUEST, 0.0) is None, "a critical mail that is on its way"
    begun = render._process
    assert render(REQUEST, 60) is not None
    assert render(REQUEST, 0.0) is not None, "at hand now"
    assert begun is None or render._process is begun, "nobody's impatience ends a drawing"
    render.close()


def test_a_picture_that_could_not_be_drawn_is_asked_for_again(tmp_path: Path) -> None:
    path = tmp_path / "ethmon.db"
    with new_database(path) as db:
        render = ChartRenderer(path, tmp_path / "none.toml", timeout_s=60)
        assert render(REQUEST, 60) is None
        save_track(db, name="Whale", prices=range(2_200, 1_800, -10))
    assert render(REQUEST, 60) is not None
    render.close()
    assert render(ChartRequest("position", {"subject": "another"}), 60) is None, "it draws nothing more"


def test_asking_for_a_picture_loads_no_matplotlib() -> None:
    code = "import sys, monitor.notify, monitor.reports.alert_chart; sys.exit(any(m in sys.modules for m in ('matplotlib', 'pandas', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
