"""The picture of a position: a true PNG that Telegram takes, and never a made-up one."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.channels.telegram.api import BotApi
from alerts.channels.telegram.channel import Telegram
from alerts.model import ChartRequest
from alerts.ports import Dispatch, Verdict
from monitor.reports.alert_chart import Point, chart_renderer, draw
from monitor.units import UnixTime
from tests.support.alert_samples import supply
from tests.support.databases import new_database
from tests.support.telegram_emulator import TOKEN, TelegramEmulator


def points(step_s: int, count: int) -> list[Point]:
    return [Point(UnixTime(1_770_000_000 + step_s * n), 2_200.0 - n, 1_780.0) for n in range(count)]


@pytest.mark.parametrize(("step_s", "count"), [(12, 2), (60, 40), (3_600, 168), (0, 2)])
def test_any_span_of_time_makes_a_picture_that_telegram_takes(step_s: int, count: int) -> None:
    picture = draw(points(step_s, count), "Whale $1 _{x}^ <b>: price and liquidation price")
    assert picture is not None
    with TelegramEmulator() as server:
        server.chat(1)
        channel = Telegram(BotApi(TOKEN, server.url), "1")
        assert channel.send(Dispatch(supply(), picture=picture)).verdict is Verdict.SENT
        assert server.calls == ["sendPhoto"]
        assert server.messages[0]["photo"][0]["width"] == 900


def test_without_history_there_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "ethmon.db"
    new_database(path).close()
    render = chart_renderer(path)
    assert render(ChartRequest("position", {"subject": "aave_v3:Core:0xabc"})) is None
    assert render(ChartRequest("horoscope")) is None
