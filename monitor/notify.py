"""Channels from the settings, the thread that delivers, the thread that listens to Telegram."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TextIO

from alerts import posts
from alerts.channels.console import Console
from alerts.ports import Channel
from alerts.posts import Bell
from monitor.chain.redact import Redactor
from monitor.config import Settings
from monitor.errors import ConfigError
from monitor.reports.alert_chart import ChartRenderer
from monitor.store import incidents
from monitor.store.database import Synchronous, open_beside
from monitor.store.outbox import SqliteOutbox, enable_channels

log = logging.getLogger("ethmon")

HELD_S = 3_600
"""One press of Snooze 1 h."""
STOP_WITHIN_S = 8.0


Make = Callable[[], Channel]
"""Makes a channel from the settings. Raises ConfigError naming the wrong one."""


def build_channels(settings: Settings, console: TextIO | None = None) -> list[Channel]:
    """Every channel that is configured, the console always. Raises ConfigError naming the setting.

    `console` takes the place of standard output.
    """
    return [make() for make in channel_makers(settings, console).values()]


def channel_makers(settings: Settings, console: TextIO | None = None) -> dict[str, Make]:
    """By name, so that one which cannot be made hides no other."""
    makers: dict[str, tuple[object, Make]] = {
        "telegram": (
            settings.telegram_bot_token or settings.telegram_chat_id,
            lambda: _telegram(settings),
        ),
        "email": (settings.smtp_host, lambda: _email(settings)),
        "webhook": (settings.webhook_url, lambda: _refused("WEBHOOK_URL", lambda: _webhook(settings))),
        "apprise": (settings.apprise_urls, lambda: _refused("APPRISE_URLS", lambda: _apprise(settings))),
        "console": (True, lambda: Console(console or sys.stdout)),
    }
    return {name: make for name, (wanted, make) in makers.items() if wanted}


def start_delivery(settings: Settings, channels: Sequence[Channel], bell: Bell, running: ExitStack) -> None:
    """Deliver from the outbox on threads of its own until `running` closes; `bell` tells of new messages."""
    with open_beside(settings.db, synchronous=Synchronous.FULL) as db:
        SqliteOutbox(db).release_leases()
        enable_channels(db)

    @contextmanager
    def open_outbox() -> Generator[SqliteOutbox]:
        with open_beside(settings.db, synchronous=Synchronous.FULL) as db:
            yield SqliteOutbox(db)

    chart = ChartRenderer(settings.db, settings.watchlist)
    stop = posts.start(open_outbox, channels, time.time, bell=bell, chart=chart)
    running.callback(stop, STOP_WITHIN_S)
    running.callback(chart.close)  # first: a picture that is being drawn is not waited for


def start_telegram_commands(settings: Settings, channels: Sequence[Channel], running: ExitStack) -> None:
    """Listen for buttons and commands, where Telegram is configured."""
    from alerts.channels.telegram.channel import Telegram

    telegram = next((channel for channel in channels if isinstance(channel, Telegram)), None)
    if telegram is None:
        return
    stopping = Event()
    thread = Thread(target=_listen, args=(settings, telegram, stopping), name="telegram", daemon=True)
    thread.start()
    running.callback(stopping.set)


def _listen(settings: Settings, telegram: object, stopping: Event) -> None:
    from alerts.channels.telegram.api import BotApi
    from alerts.channels.telegram.channel import Telegram
    from alerts.channels.telegram.commands import Command, Commands

    assert isinstance(telegram, Telegram)
    api = BotApi(settings.telegram_bot_token, settings.telegram_api_url)
    answers = {
        "status": Command(lambda _: _status(settings.db), "head, burn, gaps, endpoints"),
        "positions": Command(lambda _: _positions(settings.db), "liquidation prices, nearest first"),
        "supply": Command(lambda _: _supply(settings.db), "burn of the last hour, day and week"),
        "mute": Command(lambda hours: _mute(settings.db, hours), "silence everything open for N hours (1)"),
    }
    commands = Commands(api, lambda: telegram.chat_id, answers, lambda button: _press(settings.db, button))
    commands.announce()
    scrub, trouble = Redactor(settings.secrets()), ""
    while not stopping.is_set():
        pause = commands.poll()
        if commands.trouble != trouble:
            trouble = commands.trouble
            log.warning("telegram commands: %s", scrub(trouble) or "work again")
        stopping.wait(pause)


def _press(database: Path, button: object) -> str:
    from alerts.channels.telegram.commands import Button

    assert isinstance(button, Button)
    with open_beside(database) as db:
        if button.hours is None:
            count = incidents.acknowledge(db, button.message_key)
            return f"Acknowledged ({count})." if count else "It is over already."
        count = incidents.snooze(db, button.message_key, int(time.time()) + button.hours * HELD_S)
        return f"Snoozed for {button.hours} h ({count})." if count else "It is over already."


def _mute(database: Path, hours: str) -> str:
    count = int(hours) if hours.strip().isdigit() and 0 < int(hours) <= 168 else 1
    with open_beside(database) as db:
        silenced = incidents.snooze(db, "all", int(time.time()) + count * HELD_S)
    return f"{silenced} open incidents are silent for {count} h, or until they recover."


def _status(database: Path) -> str:
    from monitor.reports.status import read_status
    from monitor.reports.status_lines import lines
    from monitor.units import UnixTime

    now = UnixTime(int(time.time()))
    return "\n".join(f"{name}: {text}" for name, text in lines(read_status(database, now), now))


def _positions(database: Path) -> str:
    from monitor.reports import positions as words
    from monitor.store.database import open_reader

    with open_reader(database) as db:
        view = words.stored_view(db)
    found = [
        f"{line.row.name}, {words.protocol_name(line.row)}: {words.liquidation_words(line.row)}, {words.distance_words(line.row)}"
        for line in view.lines
    ]
    return "\n".join(found) or "No positions are watched."


def _supply(database: Path) -> str:
    from monitor.reports.burn import burn_view
    from monitor.reports.status import BURN_FRAMES
    from monitor.store.database import open_reader
    from monitor.units import format_eth

    with open_reader(database) as db:
        frames = [burn_view(db, frame).frames[0] for frame in BURN_FRAMES]
    return "\n".join(
        f"{one.name}: {'' if one.exact else 'at least '}{format_eth(one.total_wei, 4)} ETH burned"
        for one in frames
    )


def _telegram(settings: Settings) -> Channel:
    from alerts.channels.telegram.api import BotApi
    from alerts.channels.telegram.channel import Telegram

    missing = "TELEGRAM_CHAT_ID" if settings.telegram_bot_token else "TELEGRAM_BOT_TOKEN"
    if not (settings.telegram_bot_token and settings.telegram_chat_id):
        raise ConfigError(missing, "is missing.", "Telegram needs TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID.")
    api = BotApi(settings.telegram_bot_token, settings.telegram_api_url)
    return Telegram(api, settings.telegram_chat_id, topic_id=settings.telegram_topic_id)


def _email(settings: Settings) -> Channel:
    from alerts.channels.email import Account, Email, Security

    if not (settings.email_from and settings.email_to):
        missing = "EMAIL_TO" if settings.email_from else "EMAIL_FROM"
        raise ConfigError(missing, "is missing.", "Mail needs SMTP_HOST, EMAIL_FROM and EMAIL_TO.")
    account = Account(
        settings.smtp_host, settings.smtp_port, Security(settings.smtp_security),
        settings.email_from, settings.email_to, settings.smtp_user, settings.smtp_password,
    )  # fmt: skip
    return _refused("SMTP_SECURITY", lambda: Email(account))


def _webhook(settings: Settings) -> Channel:
    from alerts.channels.webhook import Webhook

    return Webhook(settings.webhook_url, settings.webhook_secret)


def _apprise(settings: Settings) -> Channel:
    from alerts.channels.apprise import Apprise

    return Apprise(settings.apprise_urls)


def _refused(setting: str, make: Callable[[], Channel]) -> Channel:
    try:
        return make()
    except ValueError as error:
        raise ConfigError(setting, f"{error}.") from None
