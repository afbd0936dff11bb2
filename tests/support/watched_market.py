"""`ethmon run` beside a local Aave market, a phone and a mail server: what a user has, all of it real.

price moves on Anvil --> `ethmon run`, a process --> Bot API emulator, aiosmtpd (STARTTLS, login)
"""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from monitor.units import TICKS_PER_USD
from tests.support.commands import eventually, rows, started
from tests.support.localnet import AaveNet
from tests.support.smtp_server import Authority, Mailbox, SmtpServer
from tests.support.telegram_emulator import TOKEN, TelegramEmulator

CHAT = 777
MAIL_USER, MAIL_PASSWORD = "ethmon", "a-mail-password-of-25-chars"
OPENED_BEFORE = (
    '[[rule]]\nname = "position changed"\nreading = "position.changed"\nabove = 0\nenabled = false\n'
)
"""The whale's own opening moves stand among the first blocks that are read, and are not what is tested."""


@dataclass
class WatchedMarket:
    """The whale of the net is watched; it is liquidatable a little above $1,780."""

    folder: Path
    net: AaveNet
    telegram: TelegramEmulator
    mailbox: Mailbox
    smtp: SmtpServer
    authority: Authority
    watchlist: str = ""
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        return self.folder / "ethmon.db"

    @property
    def log(self) -> str:
        """Standard output and error of the daemon: console messages and log lines."""
        return (self.folder / "stderr.log").read_text()

    def watch(self, tuning: str = "", more: str = "") -> None:
        """Write the watchlist: the whale with four levels."""
        self.watchlist = (
            f'[[wallet]]\nname = "Whale"\naddress = "{self.net.cast.whale}"\n'
            f'alert_at = ["20%", "10%", "5%", "2%"]\n{tuning}\n{more}\n{OPENED_BEFORE}'
        )
        (self.folder / "watchlist.toml").write_text(self.watchlist)

    def environment(self, **changed: str) -> dict[str, str]:
        return {
            "ETH_RPC_URLS": self.net.anvil.url,
            "ETHMON_POLL_SECONDS": "0.05",
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_CHAT_ID": str(CHAT),
            "TELEGRAM_API_URL": self.telegram.url,
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(self.smtp.port),
            "SMTP_USER": MAIL_USER,
            "SMTP_PASSWORD": MAIL_PASSWORD,
            "EMAIL_FROM": "ethmon <alerts@example.org>",
            "EMAIL_TO": "ann@example.org",
            # The authority that signed the mail server's certificate, as an operator would add one.
            "SSL_CERT_FILE": str(self.authority.ca_file),
            **self.settings,
            **changed,
        }

    @contextmanager
    def running(self, **changed: str) -> Iterator[subprocess.Popen[str]]:
        """The daemon, from the moment it has seen the head."""
        with started(self.folder, "run", **self.environment(**changed)) as daemon:
            self.wait_until_seen(daemon)
            yield daemon

    def wait_until_seen(self, daemon: subprocess.Popen[str]) -> None:
        def seen() -> bool:
            assert daemon.poll() is None, self.log
            return self.stored_head() == self.net.anvil.control.block_hash()

        eventually(seen)

    def stored_head(self) -> str:
        found = rows(self.database, "SELECT hash FROM cursor")
        return str(found[0][0]) if found else ""

    def price(self, usd: int) -> None:
        """A block now in which the ETH feed reports `usd`."""
        self.now()
        self.net.market.set_price(usd * TICKS_PER_USD)

    def now(self) -> None:
        """The next block has the wall clock's time, so that the head is not stale."""
        control = self.net.anvil.control
        control.set_next_time(max(int(control.block()["timestamp"], 16) + 1, int(time.time())))

    def walk(self, daemon: subprocess.Popen[str], *prices_usd: int) -> None:
        """A block for each price; the daemon sees every one, and delivers what it can."""
        for usd in prices_usd:
            self.price(usd)
            self.wait_until_seen(daemon)
        eventually(self.idle)

    def idle(self) -> bool:
        """Nothing waits, except behind a channel that is failing."""
        waiting = rows(self.database, "SELECT channel FROM outbox WHERE state IN ('pending', 'sending')")
        failing = rows(self.database, "SELECT name FROM channel WHERE json_extract(health, '$.failures') > 0")
        return set(waiting) <= set(failing)

    def messages(self) -> list[dict[str, Any]]:
        """What the phone got, in words; a picture that follows them is no message of its own."""
        return [one for one in self.telegram.messages if text_of(one)]

    def letters(self) -> list[EmailMessage]:
        return [letter for _, letter in self.mailbox.letters]

    def told(self) -> list[tuple[Any, ...]]:
        """What was decided: transition, level, block hash."""
        return rows(self.database, "SELECT transition, level, at_hash FROM alert ORDER BY serial")

    def pass_time(self, seconds: int) -> None:
        """As if everything in the outbox had happened `seconds` earlier.

        A delivery in flight writes its own view of the channel afterwards, so the shift is repeated
        until it stays.
        """
        wanted = time.time() - seconds
        for _ in range(10):
            self._shift(seconds)
            time.sleep(1)
            lasting = rows(
                self.database,
                "SELECT 1 FROM channel WHERE json_extract(health, '$.failing_since') > ?",
                wanted,
            )
            if not lasting:
                return

    def _shift(self, seconds: int) -> None:
        shift = ", ".join(
            f"'$.{name}', json_extract(health, '$.{name}') - {seconds}"
            for name in ("failing_since", "not_before")
        )
        with closing(sqlite3.connect(self.database, timeout=10)) as connection, connection:
            connection.execute(
                f"UPDATE outbox SET created_at = created_at - {seconds} WHERE state = 'pending'"
            )
            connection.execute(
                f"UPDATE channel SET health = json_set(health, {shift})"
                " WHERE json_extract(health, '$.failing_since') IS NOT NULL"
            )


def text_of(message: dict[str, Any]) -> str:
    """A message's words, or those under its picture."""
    return str(message.get("text", message.get("caption", "")))
