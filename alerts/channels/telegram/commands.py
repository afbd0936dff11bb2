"""What people say to the bot: buttons under messages, and commands. Answers one chat only."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from alerts import render
from alerts.channels.http import NoReply
from alerts.channels.telegram.api import BotApi, Refusal
from alerts.layout import units
from alerts.model import Message
from alerts.ports import Dispatch

Answer = str | Message
_STALE_S = 300
"""Commands that waited longer than this (the daemon was off) are not answered any more."""
_RIVAL_WAIT_S = 300.0
_SLOW_WAIT_S = 15.0


@dataclass(frozen=True, slots=True)
class Button:
    """A press under a message: `hours` is None for Acknowledge."""

    message_key: str
    hours: int | None
    by: str


@dataclass(frozen=True, slots=True)
class Command:
    """`/name argument`: what `handle` does and what Telegram's menu shows."""

    handle: Callable[[str], Answer]
    what: str


class _Chat(msgspec.Struct):
    id: int


class _User(msgspec.Struct):
    first_name: str = ""


class _Message(msgspec.Struct):
    chat: _Chat
    date: int = 0
    text: str = ""


class _Query(msgspec.Struct):
    id: str
    sender: _User = msgspec.field(name="from", default_factory=_User)
    message: _Message | None = None
    data: str = ""


class _Update(msgspec.Struct):
    update_id: int
    message: _Message | None = None
    callback_query: _Query | None = None


class Commands:
    """Long polling. `poll` blocks for up to `hold_s` and never raises for what Telegram does.

    `chat_id` is asked at each update: a group may have moved. `trouble` is one line, or empty.
    """

    def __init__(
        self,
        api: BotApi,
        chat_id: Callable[[], str],
        commands: Mapping[str, Command],
        press: Callable[[Button], str],
        *,
        wall: Callable[[], float] = time.time,
        hold_s: int = 25,
    ) -> None:
        self._api = api
        self._chat_id = chat_id
        self._commands = commands
        self._press = press
        self._wall = wall
        self._hold_s = hold_s
        self._offset: int | None = None
        self.trouble = ""

    def announce(self) -> None:
        """Fill the menu of the chat's client; no matter if it fails."""
        menu = [{"command": name, "description": command.what} for name, command in self._commands.items()]
        self._api.call("setMyCommands", {"commands": menu})

    def poll(self) -> float:
        """Wait for updates and answer them; seconds to pause before the next call."""
        fields = {
            "timeout": self._hold_s,
            "offset": self._offset,
            "allowed_updates": ["message", "callback_query"],
        }
        answer = self._api.call("getUpdates", fields, timeout_s=self._hold_s + 10.0)
        if isinstance(answer, Refusal | NoReply) or not isinstance(answer, list):
            return self._pause(answer)
        self.trouble = ""
        for raw in answer:  # pyright: ignore[reportUnknownVariableType]
            self._handle(raw)
        return 0.0

    def _pause(self, answer: Any) -> float:
        if isinstance(answer, Refusal) and answer.code == 409:
            # Two pollers steal each other's updates: step back, the other one may be on purpose.
            self.trouble = "another program reads this bot's updates; buttons and commands are off here"
            return _RIVAL_WAIT_S
        if isinstance(answer, Refusal):
            self.trouble = answer.text
            return answer.retry_after_s or (_RIVAL_WAIT_S if answer.code in {401, 403, 404} else _SLOW_WAIT_S)
        self.trouble = answer.cause if isinstance(answer, NoReply) else "the answer is not a list of updates"
        return _SLOW_WAIT_S

    def _handle(self, raw: Any) -> None:
        """One update; whatever is wrong with it, it is not read again."""
        number = raw.get("update_id") if isinstance(raw, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        if isinstance(number, int):
            self._offset = number + 1
        try:
            update = msgspec.convert(raw, _Update)
        except msgspec.ValidationError:
            return
        if update.callback_query is not None:
            self._pressed(update.callback_query)
        elif update.message is not None:
            self._asked(update.message)

    def _is_ours(self, message: _Message | None) -> bool:
        return message is not None and str(message.chat.id) == self._chat_id()

    def _pressed(self, query: _Query) -> None:
        button = parse_button(query.data, query.sender.first_name)
        if not self._is_ours(query.message) or button is None:
            return
        text = _guarded(lambda: self._press(button))
        self._api.call(
            "answerCallbackQuery",
            {"callback_query_id": query.id, "text": str(text)[:190], "show_alert": False},
        )

    def _asked(self, message: _Message) -> None:
        words = message.text.split(maxsplit=1)
        name = words[0].removeprefix("/").partition("@")[0].lower() if words else ""
        command = self._commands.get(name) if words and words[0].startswith("/") else None
        if not self._is_ours(message) or command is None or self._wall() - message.date > _STALE_S:
            return
        self._say(_guarded(lambda: command.handle(words[1].strip() if len(words) > 1 else "")))

    def _say(self, answer: Answer) -> None:
        fields: dict[str, Any] = {"chat_id": self._chat_id(), "link_preview_options": {"is_disabled": True}}
        if isinstance(answer, Message):
            fields |= {"text": render.telegram(Dispatch(answer)), "parse_mode": "HTML"}
        else:
            fields["text"] = _fitting(answer)
        self._api.call("sendMessage", fields)


def _guarded(answer: Callable[[], Answer]) -> Answer:
    try:
        return answer()
    except Exception as error:  # noqa: BLE001  a fault in an answer must not end the listening
        # Only the type: a person in the chat need not see what an error text may hold.
        return f"That failed ({type(error).__name__}). See the log of ethmon."


def _fitting(text: str) -> str:
    """Plain text within Telegram's limit: whole lines while they fit."""
    kept: list[str] = []
    room = render.TELEGRAM_TEXT_LIMIT - 2
    for line in (text.strip() or "Nothing to say.").splitlines():
        line_units = units(line) + 1
        if line_units > room:
            # Half of the room: a character may count twice.
            return "\n".join([*kept, "…"] if kept else [line[: room // 2] + "…"])
        kept.append(line)
        room -= line_units
    return "\n".join(kept)


def parse_button(data: str, by: str) -> Button | None:
    """The press that `callback_data` stands for; None for what is not ours."""
    match data.split(":"):
        case ["ack", key] if key:
            return Button(key, None, by)
        case ["snooze", hours, key] if key and hours.isascii() and hours.isdigit() and len(hours) <= 3:
            return Button(key, int(hours), by)
        case _:
            return None
