"""A Bot API server on loopback that takes what the Telegram channel sends, and a chat page to look at it.

It knows the methods that ethmon calls. Buttons pressed on the page, and commands typed there, reach
the daemon as Telegram's updates would.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

HOST = "127.0.0.1"
TOKEN = "1:local-demo"  # noqa: S105 - opens nothing: the server is on loopback and ends with the demo
CHAT_ID = "1"
_LONGEST_BODY = 12 << 20
_ME = {"id": 1, "is_bot": True, "first_name": "ethmon", "username": "ethmon_demo_bot"}
_CHAT = {"id": 1, "type": "private"}
_YOU = {"id": 2, "is_bot": False, "first_name": "You"}

Fields = Mapping[str, Any]


@dataclass(slots=True)
class ChatMessage:
    """One bubble of the chat. `html` is Telegram's HTML, not checked yet."""

    id: int
    time: float
    html: str
    mine: bool = False
    """Typed on the page."""
    silent: bool = False
    edited: bool = False
    reply_to: int | None = None
    photo: bytes | None = None
    buttons: list[list[tuple[str, str]]] = field(default_factory=list[list[tuple[str, str]]])
    """Rows of (label, callback data)."""


class RefusedError(Exception):
    """What the server answers with `ok: false`."""


class LocalBot:
    """A running server; `messages` is the chat. A context manager.

    `pages` gives the pages of `GET`: path to a function that renders it.
    """

    def __init__(self) -> None:
        self.messages: list[ChatMessage] = []
        self.toasts: list[str] = []
        """What was answered to presses, newest last."""
        self.pages: dict[str, Callable[[], str]] = {}
        self._updates: list[dict[str, Any]] = []
        self._count = 0
        self._closing = False
        self._news = threading.Condition()
        self._server = _Server(self)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="bot", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._news:
            self._closing = True
            self._news.notify_all()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Base of the Bot API, and of the pages."""
        return f"http://{HOST}:{self._server.server_port}"

    # What a person does on the page

    def press(self, message_id: int, data: str) -> None:
        """A button under a message."""
        message = {"message_id": message_id, "date": int(time.time()), "chat": _CHAT}
        query = {
            "id": str(self._next()),
            "from": _YOU,
            "chat_instance": "1",
            "message": message,
            "data": data,
        }
        self._update({"callback_query": query})

    def say(self, text: str) -> None:
        """A message to the bot."""
        bubble = ChatMessage(self._next(), time.time(), _escape(text), mine=True)
        with self._news:
            self.messages.append(bubble)
        sent = {"message_id": bubble.id, "date": int(bubble.time), "chat": _CHAT, "from": _YOU, "text": text}
        self._update({"message": sent})

    def _update(self, content: dict[str, Any]) -> None:
        with self._news:
            self._updates.append({"update_id": self._next(), **content})
            self._news.notify_all()

    def _next(self) -> int:
        with self._news:
            self._count += 1
            return self._count

    # What the daemon calls

    def answer(self, method: str, fields: Fields, photo: bytes | None) -> Any:
        """The `result` of a Bot API method. Raises RefusedError."""
        known: dict[str, Callable[[Fields, bytes | None], Any]] = {
            "getMe": lambda _fields, _photo: _ME,
            "getChat": lambda _fields, _photo: _CHAT,
            "setMyCommands": lambda _fields, _photo: True,
            "sendMessage": self._send,
            "sendPhoto": self._send,
            "editMessageText": self._edit,
            "editMessageCaption": self._edit,
            "editMessageMedia": self._add_photo,
            "answerCallbackQuery": self._toast,
            "getUpdates": self._poll,
        }
        if method not in known:
            raise RefusedError("Not Found: method not found")
        return known[method](fields, photo)

    def _send(self, fields: Fields, photo: bytes | None) -> dict[str, Any]:
        reply: dict[str, Any] = _parsed(fields.get("reply_parameters"))
        message = ChatMessage(
            self._next(),
            time.time(),
            _html(fields),
            silent=str(fields.get("disable_notification", "")).lower() == "true",
            reply_to=reply.get("message_id"),
            photo=photo,
            buttons=_buttons(fields),
        )
        with self._news:
            self.messages.append(message)
        return _as_sent(message)

    def _edit(self, fields: Fields, _photo: bytes | None) -> dict[str, Any]:
        with self._news:
            for message in self.messages:
                if message.id == int(fields.get("message_id", 0)):
                    message.html, message.buttons, message.edited = _html(fields), _buttons(fields), True
                    return _as_sent(message)
        raise RefusedError("Bad Request: message to edit not found")

    def _add_photo(self, fields: Fields, photo: bytes | None) -> dict[str, Any]:
        media: dict[str, Any] = _parsed(fields.get("media"))
        with self._news:
            for message in self.messages:
                if message.id == int(fields.get("message_id", 0)):
                    message.html, message.photo, message.buttons = _html(media), photo, _buttons(fields)
                    return _as_sent(message)
        raise RefusedError("Bad Request: message to edit not found")

    def _toast(self, fields: Fields, _photo: bytes | None) -> bool:
        self.toasts.append(str(fields.get("text", "")))
        return True

    def _poll(self, fields: Fields, _photo: bytes | None) -> list[dict[str, Any]]:
        """Long polling: updates from `offset` on, as soon as there is one."""
        offset, end = int(fields.get("offset", 0)), time.monotonic() + float(fields.get("timeout", 0))
        with self._news:
            while True:
                self._updates = [one for one in self._updates if one["update_id"] >= offset]
                left = end - time.monotonic()
                if self._updates or self._closing or left <= 0:
                    return list(self._updates)
                self._news.wait(left)


def _as_sent(message: ChatMessage) -> dict[str, Any]:
    sent = {"message_id": message.id, "date": int(message.time), "chat": _CHAT, "from": _ME}
    return {**sent, "photo": [{"file_id": "1"}]} if message.photo is not None else sent


def _html(fields: Fields) -> str:
    text = str(fields.get("text", fields.get("caption", "")))
    return text if fields.get("parse_mode") == "HTML" else _escape(text)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _buttons(fields: Fields) -> list[list[tuple[str, str]]]:
    markup: dict[str, Any] = _parsed(fields.get("reply_markup"))
    rows: list[list[dict[str, str]]] = markup.get("inline_keyboard", [])
    return [[(button["text"], button["callback_data"]) for button in row] for row in rows]


def _parsed(raw: Any) -> dict[str, Any]:
    """An object, or its JSON as a multipart field has it."""
    return (json.loads(raw) if isinstance(raw, str) else raw) or {}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, bot: LocalBot) -> None:
        super().__init__((HOST, 0), _Handler)
        self.bot = bot


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        page = self.server.bot.pages.get(self.path)
        if page is None:
            self._reply(404, b"", "text/plain")
            return
        self._reply(200, page().encode(), "text/html; charset=utf-8")

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        if length > _LONGEST_BODY:
            self.close_connection = True
            self._reply(413, b"", "text/plain")
            return
        body = self.rfile.read(length)
        if self.path.startswith("/bot"):
            self._reply(*self._api(body), "application/json")
        elif self.headers.get("Content-Type") == "application/json":  # no other site's form can send that
            self._page_says(json.loads(body))
            self._reply(204, b"", "text/plain")
        else:
            self._reply(415, b"", "text/plain")

    def _page_says(self, said: dict[str, Any]) -> None:
        if self.path == "/press":
            self.server.bot.press(int(said["message"]), str(said["data"]))
        elif self.path == "/say":
            self.server.bot.say(str(said["text"])[:200])

    def _api(self, body: bytes) -> tuple[int, bytes]:
        token, _, method = self.path.removeprefix("/bot").partition("/")
        if token != TOKEN:
            return 401, _refusal(401, "Unauthorized")
        fields, photo = _fields(self.headers.get("Content-Type", ""), body)
        try:
            result = self.server.bot.answer(method, fields, photo)
        except RefusedError as refused:
            return 400, _refusal(400, str(refused))
        return 200, json.dumps({"ok": True, "result": result}).encode()

    def _reply(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """The screen is the demo's."""


def _refusal(code: int, description: str) -> bytes:
    return json.dumps({"ok": False, "error_code": code, "description": description}).encode()


def _fields(content_type: str, body: bytes) -> tuple[dict[str, Any], bytes | None]:
    """The fields of a call, and the picture where it brings one."""
    if not content_type.startswith("multipart/form-data"):
        return json.loads(body or b"{}"), None
    whole: Any = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body
    )
    fields: dict[str, Any] = {}
    photo: bytes | None = None
    for part in whole.iter_parts():
        content: bytes = part.get_payload(decode=True)
        if part.get_filename():
            photo = content
        else:
            fields[str(part.get_param("name", header="content-disposition"))] = content.decode()
    return fields, photo
