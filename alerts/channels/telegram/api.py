"""Calls of the Bot API: a result, the API's refusal, or no answer. The token never leaves this file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import urllib3

from alerts.channels.http import Http, NoReply, Reply
from alerts.redact import Redactor
from alerts.wording import clean

DEFAULT_URL = "https://api.telegram.org"


@dataclass(frozen=True, slots=True)
class Refusal:
    """`ok: false`, or an answer that is none. `code` is Telegram's `error_code`."""

    code: int
    description: str
    retry_after_s: float | None = None
    migrate_to: int | None = None

    @property
    def text(self) -> str:
        """For records: code and description."""
        return f"Telegram answers {self.code}: {self.description}"


class _Parameters(msgspec.Struct):
    retry_after: int | None = None
    migrate_to_chat_id: int | None = None


class _Envelope(msgspec.Struct):
    ok: bool
    result: Any = None
    error_code: int = 0
    description: str = ""
    parameters: _Parameters = msgspec.field(default_factory=_Parameters)


_envelope = msgspec.json.Decoder(_Envelope)


class BotApi:
    """One bot at one server (`https://api.telegram.org`, or a local one)."""

    def __init__(
        self, token: str, url: str = DEFAULT_URL, *, timeout_s: float = 10.0, ca_file: str | None = None
    ) -> None:
        self._base = f"{url.rstrip('/')}/bot{token}/"
        # The part after the colon is the secret one, whatever stands before it.
        secrets = (token, token.partition(":")[2])
        self._redactor = Redactor(secrets)
        self._http = Http(secrets, timeout_s=timeout_s, ca_file=ca_file)

    def __repr__(self) -> str:
        return "BotApi(***)"

    def call(
        self,
        method: str,
        fields: Mapping[str, Any],
        *,
        photo: bytes | None = None,
        timeout_s: float | None = None,
    ) -> Any | Refusal | NoReply:
        """The `result` of a method, parsed; fields that are None are left out."""
        given = {name: value for name, value in fields.items() if value is not None}
        body, content_type = _multipart(given, photo) if photo is not None else _json(given)
        reply = self._http.post(self._base + method, body, {"Content-Type": content_type}, timeout_s)
        return reply if isinstance(reply, NoReply) else self._parse(reply)

    def _parse(self, reply: Reply) -> Any | Refusal:
        try:
            envelope = _envelope.decode(reply.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Refusal(reply.status if reply.status >= 500 else 502, "the answer is not Telegram's")
        if envelope.ok:
            return envelope.result
        return Refusal(
            envelope.error_code or reply.status,
            clean(self._redactor.text(envelope.description), 200),
            envelope.parameters.retry_after,
            envelope.parameters.migrate_to_chat_id,
        )


def _json(fields: Mapping[str, Any]) -> tuple[bytes, str]:
    return msgspec.json.encode(fields), "application/json"


def _multipart(fields: Mapping[str, Any], photo: bytes) -> tuple[bytes, str]:
    parts: dict[str, Any] = {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in fields.items()
    }
    parts["photo"] = ("chart.png", photo, "image/png")
    return urllib3.encode_multipart_formdata(parts)
