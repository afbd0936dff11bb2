"""Messages as signed JSON to a URL of the user's choice.

X-Ethmon-Timestamp: 1770040991
X-Ethmon-Signature: sha256=<HMAC-SHA256 of "timestamp.body" with the shared secret>
Idempotency-Key: <the message's key, equal when it is sent again>
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from alerts.channels.http import Http, NoReply, Reply
from alerts.ports import Dispatch, Outcome, Scope
from alerts.render import plain

_TRY_LATER = frozenset({408, 425, 429})
_WRONG_ADDRESS = frozenset({401, 403, 404, 405, 410})


class Webhook:
    """POSTs to `url`: https, or http on this machine; `allow_http` lifts that. Follows no redirect.

    Raises `ValueError` for an address that is refused, without showing it.
    """

    name = "webhook"

    def __init__(
        self,
        url: str,
        secret: str = "",
        *,
        allow_http: bool = False,
        timeout_s: float = 10.0,
        ca_file: str | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        if not allow_http and not is_private_enough(url):
            raise ValueError("the address is neither https nor on this machine")
        self._url = url
        self._secret = secret.encode()
        self._http = Http((url, secret), timeout_s=timeout_s, ca_file=ca_file)
        self._wall = wall

    def __repr__(self) -> str:
        return "Webhook(***)"

    def send(self, dispatch: Dispatch) -> Outcome:
        """See `alerts.ports.Channel`."""
        return self._post(_payload(dispatch), dispatch.message.key)

    def probe(self) -> Outcome:
        """See `alerts.ports.Channel`: posts `{"kind": "test"}`, signed."""
        return self._post({"kind": "test"}, "test")

    def _post(self, payload: dict[str, Any], key: str) -> Outcome:
        body = msgspec.json.encode(payload)
        headers = {"Content-Type": "application/json", "Idempotency-Key": key, **self._signature(body)}
        reply = self._http.post(self._url, body, headers)
        return Outcome.retry(f"webhook: {reply.cause}") if isinstance(reply, NoReply) else _judge(reply)

    def _signature(self, body: bytes) -> dict[str, str]:
        timestamp = str(int(self._wall()))
        if not self._secret:
            return {"X-Ethmon-Timestamp": timestamp}
        return {"X-Ethmon-Timestamp": timestamp, "X-Ethmon-Signature": sign(self._secret, timestamp, body)}


def sign(secret: bytes, timestamp: str, body: bytes) -> str:
    """The signature header: what a receiver computes to compare."""
    mac = hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={mac.hexdigest()}"


def is_private_enough(url: str) -> bool:
    """Encrypted, or never leaves this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and local))


def _judge(reply: Reply) -> Outcome:
    if 200 <= reply.status < 300:
        return Outcome.sent()
    cause = f"webhook answers {reply.status}"
    if reply.status in _TRY_LATER or reply.status >= 500:
        return Outcome.retry(cause, reply.retry_after_s())
    if 300 <= reply.status < 400:
        return Outcome.rejected(f"{cause}: redirects are not followed, set the final address", Scope.CHANNEL)
    return Outcome.rejected(cause, Scope.CHANNEL if reply.status in _WRONG_ADDRESS else Scope.MESSAGE)


def _payload(dispatch: Dispatch) -> dict[str, Any]:
    message = dispatch.message
    return {
        "kind": "alert",
        "key": message.key,
        "severity": message.severity.name.lower(),
        "transition": str(message.transition),
        "title": message.title,
        "lead": message.lead,
        "facts": [{"label": fact.label, "text": fact.text} for fact in message.facts],
        "items": [
            {"severity": item.severity.name.lower(), "title": item.title, "text": item.text}
            for item in message.items
        ],
        "fixes": list(message.fixes),
        "links": [{"text": link.text, "url": link.url} for link in message.links],
        "time": message.time,
        "thread": message.thread,
        "corrects": message.corrects,
        "late_by_s": dispatch.late_by_s,
        "carried_for": dispatch.carried_for,
        "text": plain(dispatch),
    }
