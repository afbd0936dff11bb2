"""What stands before the site: whom it answers, what it answers at all, and what its pages may load."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from ipaddress import ip_address
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_INTERNAL = ("/-/dashboards", "/-/static/", "/-/static-plugins/", "/-/supply.json")
"""Of the pages below /-/ only these: the others show paths, versions and settings of this machine."""
_HEADERS = (
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
            b" connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
"""No page runs a script or asks a server that is not ours, whatever stands in the data."""


def guarded(app: App, base_url: str, names: Collection[str]) -> App:
    """`app` for reading requests that name this host by address, as localhost, or by one of `names`."""
    allowed = {"localhost", *(name.lower() for name in names)}

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        refused = _refused(scope, base_url, allowed)
        if refused is None:
            await app(scope, receive, _with_headers(send))
        else:
            await _answer(_with_headers(send), *refused)

    return guard


def _refused(scope: Scope, base_url: str, allowed: Collection[str]) -> tuple[int, str] | None:
    """Status and reason, or None where the request may pass."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    if not _is_ours(headers.get(b"host", b"").decode("latin-1"), allowed):
        return 403, "This host name is not known here. Behind a proxy: ethmon serve --name its.name"
    if scope["method"] not in {"GET", "HEAD"}:
        return 405, "This site is only read."
    if headers.get(b"sec-fetch-site") == b"cross-site" and headers.get(b"sec-fetch-mode") != b"navigate":
        return 403, "Another site asked for this."
    if b"//" in scope.get("raw_path", b"") or "\\" in scope["path"]:
        return 404, "There is no such page."  # Datasette would redirect it to another host
    path = "/" + str(scope["path"]).removeprefix(base_url).lstrip("/")
    if path.startswith("/-/") and not path.startswith(_INTERNAL):
        return 404, "There is no such page."
    return None


def _is_ours(host: str, allowed: Collection[str]) -> bool:
    """A foreign name that resolves to this machine (DNS rebinding) is not; an address cannot be one."""
    name = host.lower().rpartition(":")[0] if _has_port(host) else host.lower()
    if name in allowed:
        return True
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _has_port(host: str) -> bool:
    return host.rpartition(":")[2].isdecimal() and (host.count(":") == 1 or "]:" in host)


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
        await send(message)

    return sending


async def _answer(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})
