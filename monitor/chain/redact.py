"""Names endpoints without their secrets, and scrubs secrets from any text.

A key hides in every part of an RPC URL (user, password, path, query), and other software prints
it back percent-encoded, as base64 in a header, or cut out of its URL: all forms are scrubbed.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus, unquote, urlsplit

MASK = "[secret]"

_MIN_SECRET = 4
"""Shorter values are left alone: scrubbing "1" would eat every message."""
_MIN_SEGMENT = 8
"""A path segment or query value this long is taken for a key."""
_NAMES_A_HOST = frozenset({"http", "https", "ws", "wss"})
"""In other URLs (`tgram://token/chat`) what stands for the host may be the secret."""
_SHAPES = re.compile(
    r"(?P<user>(?<=://)[^/\s@\"'<>]+(?=@))"  # any URL's user and password
    r"|(?P<bot>\b(?:bot)?\d{6,12}:[A-Za-z0-9_-]{30,})"  # a Telegram bot token
    r"|(?P<auth>\b(?:Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,})"
)
"""Secrets known by their shape, whether configured or not."""


def label(url: str) -> str:
    """Scheme and host of a URL, with "/…" where there is more: `https://eth-mainnet.g.alchemy.com/…`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port if parts.scheme in _NAMES_A_HOST else None
    except ValueError:
        return "an invalid URL"
    if parts.scheme and parts.scheme not in _NAMES_A_HOST:
        return f"{parts.scheme}://…"
    if not host:
        return "an invalid URL"
    shown = f"[{host}]" if ":" in host else host
    more = "/…" if parts.path.strip("/") or parts.query or parts.fragment or parts.username else ""
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}{more}"


def labels(urls: Iterable[str]) -> list[str]:
    """One label per URL; equal ones are numbered: two keys of one provider stay apart."""
    plain = [label(url) for url in urls]
    seen: dict[str, int] = {}
    named: list[str] = []
    for text in plain:
        seen[text] = seen.get(text, 0) + 1
        named.append(text if plain.count(text) == 1 else f"{text} #{seen[text]}")
    return named


class Redactor:
    """Replaces every configured secret, in any usual encoding, by `[secret]`.

    `secrets` are URLs, whose host stays readable, and plain values (tokens, passwords).
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        variants: set[str] = set()
        urls: dict[str, str] = {}
        for secret in secrets:
            if "://" in secret:
                urls.update({form: label(secret) for form in (secret, quote(secret, safe=""))})
            for part in _parts(secret):
                variants.update(_variants(part))
        self._urls = urls
        ordered = sorted((v for v in {*variants, *urls} if len(v) >= _MIN_SECRET), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered)), re.IGNORECASE) if ordered else None

    def __call__(self, text: str) -> str:
        """`text` without secrets."""
        if self._pattern is not None:
            text = self._pattern.sub(lambda match: self._urls.get(match[0], MASK), text)
        return _SHAPES.sub(MASK, text)


def _parts(secret: str) -> Iterator[str]:
    """What of a configured value is secret: all of a plain value, everything but the host of a URL."""
    if "://" not in secret:
        yield secret
        return
    try:
        parts = urlsplit(secret)
    except ValueError:
        yield secret
        return
    user_info = parts.netloc.rpartition("@")[0]
    yield from (user_info, unquote(user_info))
    yield from (unquote(part) for part in (parts.username or "", parts.password or ""))
    rest = secret.split("://", 1)[1]
    tail = rest.removeprefix(parts.netloc) if parts.scheme in _NAMES_A_HOST else rest
    yield from (part for part in re.split(r"[/?#&=;@:]", tail) if len(part) >= _MIN_SEGMENT)


def _variants(secret: str) -> Iterator[str]:
    """The forms in which other software prints a value."""
    plain = unquote(secret)
    for text in {secret, plain}:
        yield from (text, quote(text, safe=""), quote(text), quote_plus(text), *_escaped(text))
        raw = text.encode("utf-8", "surrogatepass")
        yield raw.hex()
        yield from _base64_forms(raw)


def _escaped(text: str) -> tuple[str, ...]:
    """As Python and JSON print it inside quotes."""
    forms = (repr(text), ascii(text), json.dumps(text), json.dumps(text, ensure_ascii=False))
    return tuple(form[1:-1] for form in forms)


def _base64_forms(raw: bytes) -> Iterator[str]:
    """Base64 of the value wherever it starts in the encoded text: without the digits its neighbours touch."""
    yield from (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode())
    if len(raw) < _MIN_SEGMENT:
        return
    for shift in range(3):
        whole = (len(raw) + shift) * 8 // 6
        first = (0, 2, 3)[shift]
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * shift + raw).decode()[first:whole]
