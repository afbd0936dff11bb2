"""A strict Bot API server of our own, on loopback, as unforgiving as the real one.

What it refuses and how it says so follows core.telegram.org/bots/api and the descriptions that
bot libraries match on. `tests/alerts/test_telegram_emulator.py` drives it with python-telegram-bot,
a client that we did not write.
"""

from __future__ import annotations

import json
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl

from tests.support.telegram_html import ParseError, parse, utf16

TOKEN = "123456789:AAHfiqksKZ8WmR2zMnQlEzkzTIpmvY7pXo4"
ME = {"id": 123456789, "is_bot": True, "first_name": "ethmon", "username": "ethmon_test_bot"}


class RefusedError(Exception):
    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code, self.description, self.parameters = code, description, parameters


@dataclass
class Chat:
    id: int
    kind: str = "private"
    blocked: bool = False
    migrated_to: int | None = None
    limit: int = 10**9
    """Messages in any `window_s`; one more is answered 429."""
    window_s: float = 1.0
    sent_at: deque[float] = field(default_factory=deque)
    banned_until: float = 0.0
    topics: set[int] = field(default_factory=set)
    """Open topics of a forum; any other is refused."""


@dataclass
class Trouble:
    """Scripted misfortune for the next calls of a method ("" = any)."""

    method: str
    kind: str
    """drop (accepted, then the connection is cut), hang, status (an HTTP error without JSON), refuse."""
    times: int = 1
    status: int = 502
    refusal: RefusedError | None = None


class TelegramEmulator:
    """A running server. A context manager; `url` is its base, `messages` what it accepted."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.chats: dict[int, Chat] = {}
        self.messages: list[dict[str, Any]] = []
        self.edits: list[dict[str, Any]] = []
        self.answered: list[dict[str, Any]] = []
        self.violations: list[str] = []
        """Calls made although the server had asked for a pause."""
        self.calls: list[str] = []
        self.troubles: list[Trouble] = []
        self.photos: dict[int, bytes] = {}
        self.webhook = False
        self._clock = clock
        self._updates: list[dict[str, Any]] = []
        self._queries: set[str] = set()
        self._next_message, self._next_update = 1, 1
        self._poller = 0
        self._state = threading.Condition()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._state:
            self._poller += 1
            self._state.notify_all()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def chat(self, chat_id: int, **settings: Any) -> Chat:
        self.chats[chat_id] = Chat(chat_id, **settings)
        return self.chats[chat_id]

    def script(self, method: str, kind: str, **settings: Any) -> None:
        self.troubles.append(Trouble(method, kind, **settings))

    def texts(self) -> list[str]:
        """The words of every message that has any; a picture that follows has none."""
        words = (message.get("text", message.get("caption", "")) for message in self.messages)
        return [text for text in words if text]

    # --- what people do

    def say(self, chat_id: int, text: str, date: int | None = None) -> None:
        message = {
            "message_id": self._number(),
            "date": int(time.time()) if date is None else date,
            "chat": {"id": chat_id, "type": self.chats[chat_id].kind if chat_id in self.chats else "private"},
            "from": {"id": 42, "is_bot": False, "first_name": "Ann"},
            "text": text,
        }
        self.update({"message": message})

    def press(self, chat_id: int, message_id: int, data: str) -> str:
        query = f"q{self._number()}"
        self._queries.add(query)
        message = next((one for one in self.messages if one["message_id"] == message_id), None)
        self.update(
            {
                "callback_query": {
                    "id": query,
                    "from": {"id": 42, "is_bot": False, "first_name": "Ann"},
                    "chat_instance": "1",
                    "message": message
                    or {"message_id": message_id, "date": 1, "chat": {"id": chat_id, "type": "private"}},
                    "data": data,
                }
            }
        )
        return query

    def update(self, content: dict[str, Any]) -> None:
        with self._state:
            self._updates.append({"update_id": self._next_update, **content})
            self._next_update += 1
            self._state.notify_all()

    def _number(self) -> int:
        with self._state:
            self._next_message += 1
            return self._next_message - 1

    # --- methods

    def call(self, method: str, fields: dict[str, Any], files: dict[str, bytes]) -> Any:
        handler = getattr(self, f"do_{method.lower()}", None)
        if handler is None:
            raise RefusedError(404, "Not Found: method not found")
        self.calls.append(method)
        return handler(fields, files)

    def do_getme(self, fields: dict[str, Any], files: dict[str, bytes]) -> Any:
        return {
            **ME,
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
        }

    def do_getchat(self, fields: dict[str, Any], files: dict[str, bytes]) -> Any:
        chat = self._chat(fields)
        gifts = dict.fromkeys(
            (
                "unlimited_gifts",
                "limited_gifts",
                "unique_gifts",
                "premium_subscription",
                "gifts_from_channels",
            ),
            False,
        )
        return {
            "id": chat.id, "type": chat.kind, "first_name": "Ann", "accent_color_id": 0, "max_reaction_count": 11,
            "accepted_gift_types": gifts,
        }  # fmt: skip

    def do_setmycommands(self, fields: dict[str, Any], files: dict[str, bytes]) -> Any:
        for command in _object(fields, "commands"):
            if not (1 <= len(command["command"]) <= 32 and 1 <= len(command["description"]) <= 256):
                raise RefusedError(400, "Bad Request: BOT_COMMAND_INVALID")
        return True

    def do_deletewebhook(self, fields: dict[str, Any], files: dict[str, bytes]) -> Any:
        self.webhook = False
        return True

    def do_sendmessage(self, fields: dict[str, Any], files: dict[str, bytes]) -> Any:
        chat = self._writable(fields)
        text = _formatted(fields, "text", 4096, "message is too long")
        if not text["text"]:
            raise RefusedError(400, "Bad Request: message text is empty")
        return self._add(chat, fields, text)

    def do_sendphoto(self, fields: dict[str, Any], files: dict[str, bytes]) -> Any:
        chat = self._writable(fields)
        photo = files.get(str(fields.get("photo", "")).removeprefix("attach://") or "photo")
        if photo is None:
            raise RefusedError(400, "Bad Request: there is no photo in the request")
        width, height = _png_size(photo)
        caption = _formatted(fields, "caption", 1024, "message caption is too long")
        size = {
            "file_id": "f1",
            "file_unique_id": "u1",
            "width": width,
            "height": height,
            "file_size": len(photo),
        }
        message = self._add(chat, fields, {**({} if not caption["caption"] else caption), "photo": [size]})
        self.photos[message["message_id"]] = photo
        return message

    def do_editmessagetext(self, fields: dict[str, Any], files: dict[str, bytes]) -> Any:
        return self._edit(fields, _formatted(fields, "text", 4096, "message is too long"), "text")

    def do_editmessagecaption(self, fields: dict[str, Any], files: dict[str, bytes]) -> Any:
        return self._edit(fields, _formatted(fields, "caption", 1024, "message caption is too long"), "photo")

    def do_editmessagemedia(self, fields: dict[str, Any], files: dict[str, bytes]) -> Any:
        """Edits a picture, or adds one to a message of text."""
        message = self._find(self._chat(fields), fields.get("message_id"))
        if message is None:
            raise RefusedError(400, "Bad Request: message to edit not found")
        media = _object(fields, "media") or {}
        photo = files.get(str(media.get("media", "")).removeprefix("attach://"))
        if media.get("type") != "photo" or photo is None:
            raise RefusedError(400, "Bad Request: there is no photo in the request")
        width, height = _png_size(photo)
        caption = _formatted(media, "caption", 1024, "message caption is too long")
        markup = _markup(fields)
        for gone in ("text", "entities", "reply_markup"):
            message.pop(gone, None)
        size = {"file_id": "f1", "file_unique_id": "u1", "width": width, "height": height}
        message.update(caption, photo=[size], edit_date=int(time.time()))
        message.update({"reply_markup": markup} if markup else {})
        self.photos[message["message_id"]] = photo
        return {k: v for k, v in message.items() if k != "silent"}

    def do_answercallbackquery(self, fields: dict[str, Any], files: dict[str, bytes]) -> Any:
        if fields.get("callback_query_id") not in self._queries:
            raise RefusedError(
                400, "Bad Request: query is too old and response timeout expired or query ID is invalid"
            )
        if utf16(str(fields.get("text", ""))) > 200:
            raise RefusedError(400, "Bad Request: MESSAGE_TOO_LONG")
        self._queries.discard(fields["callback_query_id"])
        self.answered.append(fields)
        return True

    def do_getupdates(self, fields: dict[str, Any], files: dict[str, bytes]) -> Any:
        if self.webhook:
            raise RefusedError(
                409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook"
            )
        offset, timeout = int(fields.get("offset", 0)), float(fields.get("timeout", 0))
        allowed = _object(fields, "allowed_updates") or []
        with self._state:
            self._poller += 1
            mine = self._poller
            self._state.notify_all()
            end = self._clock() + timeout
            while True:
                if self._poller != mine:
                    raise RefusedError(
                        409,
                        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
                    )
                self._updates = [one for one in self._updates if one["update_id"] >= offset]
                found = [one for one in self._updates if not allowed or set(one) & set(allowed)]
                if found or self._clock() >= end:
                    return found[: int(fields.get("limit", 100))]
                self._state.wait(max(end - self._clock(), 0.0))

    # --- rules

    def _chat(self, fields: dict[str, Any]) -> Chat:
        try:
            chat = self.chats.get(int(fields.get("chat_id", 0)))
        except ValueError:
            chat = None
        if chat is None:
            raise RefusedError(400, "Bad Request: chat not found")
        return chat

    def _writable(self, fields: dict[str, Any]) -> Chat:
        chat = self._chat(fields)
        if chat.migrated_to is not None:
            raise RefusedError(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=chat.migrated_to,
            )
        if chat.blocked:
            raise RefusedError(403, "Forbidden: bot was blocked by the user")
        self._check_rate(chat)
        return chat

    def _check_rate(self, chat: Chat) -> None:
        with self._state:
            now = self._clock()
            if now < chat.banned_until:
                self.violations.append(
                    f"chat {chat.id}: asked again {chat.banned_until - now:.1f} s too early"
                )
                raise _too_many(chat.banned_until - now)
            while chat.sent_at and now - chat.sent_at[0] >= chat.window_s:
                chat.sent_at.popleft()
            if len(chat.sent_at) >= chat.limit:
                chat.banned_until = chat.sent_at[0] + chat.window_s + 1
                raise _too_many(chat.banned_until - now)
            chat.sent_at.append(now)

    def _add(self, chat: Chat, fields: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
        message: dict[str, Any] = {
            "message_id": self._number(),
            "from": ME,
            "chat": {
                "id": chat.id,
                "type": chat.kind,
                **({"title": "G"} if chat.id < 0 else {"first_name": "Ann"}),
            },
            "date": int(time.time()),
            **content,
        }
        topic = int(fields.get("message_thread_id") or 0)
        if topic and topic not in chat.topics:
            raise RefusedError(400, "Bad Request: message thread not found")
        if topic:
            message.update(message_thread_id=topic, is_topic_message=True)
        reply = _object(fields, "reply_parameters")
        if reply:
            original = self._find(chat, reply.get("message_id"))
            if original is None and not reply.get("allow_sending_without_reply"):
                raise RefusedError(400, "Bad Request: message to be replied not found")
            if original is not None:
                message["reply_to_message"] = {k: v for k, v in original.items() if k != "reply_to_message"}
        markup = _markup(fields)
        if markup:
            message["reply_markup"] = markup
        with self._state:
            self.messages.append(
                {**message, "silent": str(fields.get("disable_notification", "")).lower() == "true"}
            )
        return message

    def _find(self, chat: Chat, message_id: Any) -> dict[str, Any] | None:
        same = (
            m for m in self.messages if m["chat"]["id"] == chat.id and m["message_id"] == int(message_id or 0)
        )
        return next(same, None)

    def _edit(self, fields: dict[str, Any], content: dict[str, Any], needs: str) -> dict[str, Any]:
        message = self._find(self._chat(fields), fields.get("message_id"))
        if message is None:
            raise RefusedError(400, "Bad Request: message to edit not found")
        if needs not in message:
            raise RefusedError(
                400,
                f"Bad Request: there is no {'text' if needs == 'text' else 'caption'} in the message to edit",
            )
        markup = _markup(fields)
        new = {**content, **({"reply_markup": markup} if markup else {})}
        if all(message.get(key) == value for key, value in new.items()) and (
            "reply_markup" in message
        ) == bool(markup):
            raise RefusedError(
                400,
                "Bad Request: message is not modified: specified new message content and reply markup are exactly the same",
            )
        message.pop("reply_markup", None)
        message.update(new, edit_date=int(time.time()))
        self.edits.append(message)
        return {k: v for k, v in message.items() if k != "silent"}

    def trouble_for(self, method: str) -> Trouble | None:
        with self._state:
            for trouble in self.troubles:
                if trouble.times > 0 and trouble.method in {"", method}:
                    trouble.times -= 1
                    return trouble
        return None


def _too_many(seconds: float) -> RefusedError:
    whole = max(int(-(-seconds // 1)), 1)
    return RefusedError(429, f"Too Many Requests: retry after {whole}", retry_after=whole)


def _object(fields: dict[str, Any], name: str) -> Any:
    raw = fields.get(name)
    try:
        return json.loads(raw) if isinstance(raw, str) else raw
    except ValueError:
        raise RefusedError(400, f"Bad Request: can't parse {name} JSON object") from None


def _markup(fields: dict[str, Any]) -> Any:
    markup = _object(fields, "reply_markup")
    for row in (markup or {}).get("inline_keyboard", []):
        for button in row:
            if not button.get("text"):
                raise RefusedError(400, "Bad Request: can't parse inline keyboard button: Text is empty")
            if not 1 <= len(str(button.get("callback_data", "")).encode()) <= 64:
                raise RefusedError(400, "Bad Request: BUTTON_DATA_INVALID")
    return markup


def _formatted(fields: dict[str, Any], name: str, limit: int, too_long: str) -> dict[str, Any]:
    source = str(fields.get(name, ""))
    entities: list[dict[str, object]] = []
    if fields.get("parse_mode", "").lower() == "html":
        try:
            parsed = parse(source)
        except ParseError as error:
            raise RefusedError(400, f"Bad Request: can't parse entities: {error}") from None
        source, entities = parsed.text, parsed.entities
    elif fields.get("parse_mode"):
        raise RefusedError(400, "Bad Request: unsupported parse_mode")
    if utf16(source.strip()) > limit:
        raise RefusedError(400, f"Bad Request: {too_long}")
    key = "entities" if name == "text" else "caption_entities"
    return {name: source.strip(), **({key: entities} if entities else {})}


def _png_size(photo: bytes) -> tuple[int, int]:
    if photo[:8] != b"\x89PNG\r\n\x1a\n" or photo[12:16] != b"IHDR":
        raise RefusedError(400, "Bad Request: IMAGE_PROCESS_FAILED")
    width, height = struct.unpack(">II", photo[16:24])
    if width + height > 10_000 or max(width, height) > 20 * min(width, height):
        raise RefusedError(400, "Bad Request: PHOTO_INVALID_DIMENSIONS")
    if len(photo) > 10 * 2**20:
        raise RefusedError(413, "Request Entity Too Large")
    return width, height


def _parse_body(content_type: str, body: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    if content_type.startswith("application/json"):
        return json.loads(body or b"{}"), {}
    if content_type.startswith("multipart/form-data"):
        message = BytesParser(policy=HTTP).parsebytes(
            b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body
        )
        fields: dict[str, Any] = {}
        files: dict[str, bytes] = {}
        for part in message.iter_parts():
            name = str(part.get_param("name", header="content-disposition"))
            payload: Any = part.get_payload(decode=True)
            if part.get_filename():
                files[name] = payload
            else:
                fields[name] = payload.decode()
        return fields, files
    return dict(parse_qsl(body.decode(), keep_blank_values=True)), {}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, emulator: TelegramEmulator) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.emulator = emulator

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up (a poll that is broken off) are nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        _, _, path = self.path.partition("/bot")
        token, _, method = path.partition("/")
        trouble = self.server.emulator.trouble_for(method)
        if trouble is not None and trouble.kind == "hang":
            time.sleep(3)
            self.close_connection = True
            return
        if trouble is not None and trouble.kind == "status":
            self._reply(trouble.status, b"<html>Bad Gateway</html>", "text/html")
            return
        status, answer = self._answer(token, method, body, trouble)
        if trouble is not None and trouble.kind == "drop":
            self.connection.shutdown(2)
            self.close_connection = True
            return
        self._reply(status, json.dumps(answer).encode(), "application/json")

    def _answer(
        self, token: str, method: str, body: bytes, trouble: Trouble | None
    ) -> tuple[int, dict[str, Any]]:
        try:
            if trouble is not None and trouble.refusal is not None:
                raise trouble.refusal
            if token != TOKEN:
                raise RefusedError(401, "Unauthorized") if ":" in token else RefusedError(404, "Not Found")
            fields, files = _parse_body(self.headers.get("Content-Type", ""), body)
            return 200, {"ok": True, "result": self.server.emulator.call(method, fields, files)}
        except RefusedError as refused:
            answer: dict[str, Any] = {
                "ok": False,
                "error_code": refused.code,
                "description": refused.description,
            }
            if refused.parameters:
                answer["parameters"] = refused.parameters
            return refused.code, answer

    def _reply(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass
