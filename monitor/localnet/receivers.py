"""A phone and a mailbox on this machine: what the demo's alerts are sent to, and what a user opens."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from monitor.localnet.bot_api import CHAT_ID, TOKEN, LocalBot
from monitor.localnet.mail_server import HOST, MailServer
from monitor.localnet.pages import chat_page, inbox_page


@dataclass(frozen=True, slots=True)
class Kept:
    """What is left in the folder for people to open."""

    chat: Path
    messages: int
    inbox: Path
    letters: int
    mail_folder: Path


class Receivers:
    """Both servers, with `folder` for what they get. A context manager; the pages are written at its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mail_folder = folder / "mail"
        self._running = ExitStack()
        self._clear()
        self.bot, self.mail = LocalBot(), MailServer(self._mail_folder)
        self.bot.pages = {
            "/": lambda: chat_page(self.bot.messages, live=True, toasts=self.bot.toasts),
            "/mail": lambda: inbox_page([letter for _, letter in self.mail.letters]),
        }

    def __enter__(self) -> Self:
        self._running.enter_context(self.bot)
        self._running.enter_context(self.mail)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.keep()
        self._running.close()

    @property
    def chat_url(self) -> str:
        """The live chat."""
        return f"{self.bot.url}/"

    @property
    def inbox_url(self) -> str:
        """The live inbox."""
        return f"{self.bot.url}/mail"

    def settings(self) -> dict[str, str]:
        """The settings that lead here, by their names in `config.env`."""
        return {
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_CHAT_ID": CHAT_ID,
            "TELEGRAM_API_URL": self.bot.url,
            "SMTP_HOST": HOST,
            "SMTP_PORT": str(self.mail.port),
            "SMTP_SECURITY": "none",
            "EMAIL_FROM": "ethmon <ethmon@localhost>",
            "EMAIL_TO": "you@localhost",
        }

    def keep(self) -> Kept:
        """Write both pages as files that need no server."""
        chat, inbox = self._folder / "telegram.html", self._folder / "inbox.html"
        messages, letters = list(self.bot.messages), [letter for _, letter in self.mail.letters]
        chat.write_text(chat_page(messages, live=False), encoding="utf-8")
        inbox.write_text(inbox_page(letters), encoding="utf-8")
        return Kept(chat, len(messages), inbox, len(letters), self._mail_folder)

    def _clear(self) -> None:
        self._mail_folder.mkdir(parents=True, exist_ok=True)
        for old in self._mail_folder.glob("*.eml"):
            old.unlink()
