"""Takes configured secrets out of any text, in every form that libraries print them in."""

from __future__ import annotations

import base64
import html
import logging
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, urlsplit

MASK = "***"
_SHORTEST = 4
"""Shorter values would blank out ordinary words."""


class Redactor:
    """Replaces each secret, its URL-quoted, HTML-escaped, base64 and repr forms by `***`."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
        self._forms = sorted(forms, key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without secrets."""
        for form in self._forms:
            text = text.replace(form, MASK)
        return text


def _forms(secret: str) -> Iterable[str]:
    yield from (secret, quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret))
    yield from (repr(secret)[1:-1], secret.encode("unicode_escape").decode())
    encoded = base64.b64encode(secret.encode()).decode()
    yield from (encoded, encoded.rstrip("="))
    parts = urlsplit(secret) if "://" in secret else None
    if parts is not None and parts.path.strip("/"):
        # The part of a URL that libraries log is its path with the query.
        yield parts.path + (f"?{parts.query}" if parts.query else "")


class RedactingFilter(logging.Filter):
    """For the loggers of libraries that print addresses. Its list of secrets only grows."""

    def __init__(self) -> None:
        super().__init__()
        self._secrets: set[str] = set()
        self._redactor = Redactor(())

    def add(self, secrets: Iterable[str]) -> None:
        """Guard these too."""
        self._secrets |= set(secrets)
        self._redactor = Redactor(self._secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the finished line; never drops it."""
        record.msg, record.args = self._redactor.text(record.getMessage()), ()
        return True


# Loggers belong to the process, and so does what guards them.
_GUARD = RedactingFilter()


def guard_loggers(names: Iterable[str], secrets: Iterable[str]) -> None:
    """Keep these secrets out of what a library writes to these loggers."""
    _GUARD.add(secrets)
    for name in names:
        logging.getLogger(name).addFilter(_GUARD)
