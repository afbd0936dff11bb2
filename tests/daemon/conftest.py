"""A market, a phone and a mail server for tests of the whole daemon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.localnet import AaveNet
from tests.support.smtp_server import Authority, Mailbox, SmtpServer, make_authority
from tests.support.telegram_emulator import TelegramEmulator
from tests.support.watched_market import CHAT, MAIL_PASSWORD, MAIL_USER, WatchedMarket


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def market(aave_v30_net: AaveNet, authority: Authority, tmp_path: Path) -> Iterator[WatchedMarket]:
    """Everything works; ETH is at $2,400."""
    mailbox = Mailbox(MAIL_USER, MAIL_PASSWORD)
    with TelegramEmulator() as telegram, SmtpServer(mailbox, "starttls", authority, login=True) as smtp:
        telegram.chat(CHAT)
        watched = WatchedMarket(tmp_path, aave_v30_net, telegram, mailbox, smtp, authority)
        watched.watch()
        watched.price(2_400)
        yield watched
