"""Parsers of single settings: text in, checked value out, or ConfigError naming the fix."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from monitor.errors import ConfigError

Parser = Callable[[str, str], object]
"""(name, text) -> value."""


def one_line(name: str, text: str) -> str:
    """The text itself, trimmed; refuses line breaks."""
    if "\n" in text or "\r" in text:
        raise ConfigError(name, "holds a line break.", "Give one line.")
    return text.strip()


def _list(name: str, text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in one_line(name, text).split(",") if part.strip())


def _urls(*schemes: str) -> Callable[[str, str], tuple[str, ...]]:
    def parse(name: str, text: str) -> tuple[str, ...]:
        return tuple(_checked_url(name, url, schemes) for url in _list(name, text))

    return parse


def _url(*schemes: str) -> Callable[[str, str], str]:
    return lambda name, text: _checked_url(name, one_line(name, text), schemes)


def _checked_url(name: str, url: str, schemes: tuple[str, ...]) -> str:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError(
            name,
            "is not a URL that can be used.",
            f"It must start with {' or '.join(s + '://' for s in schemes)} and name a host.",
        )
    return url


def _integer(low: int, high: int) -> Callable[[str, str], int]:
    def parse(name: str, text: str) -> int:
        try:
            value = int(text, 10)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise ConfigError(
                name, "is not a number that can be used.", f"Give a whole number from {low} to {high}."
            )
        return value

    return parse


def _seconds(low: float, high: float) -> Callable[[str, str], float]:
    def parse(name: str, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise ConfigError(
                name, "is not a time that can be used.", f"Give seconds from {low:g} to {high:g}."
            )
        return value

    return parse


def _choice(*allowed: str) -> Callable[[str, str], str]:
    def parse(name: str, text: str) -> str:
        value = text.strip().lower()
        if value not in allowed:
            raise ConfigError(
                name, "has a value that is not known.", f"Use {', '.join(allowed[:-1])} or {allowed[-1]}."
            )
        return value

    return parse


def _listen(name: str, text: str) -> str:
    host, _, port = text.strip().rpartition(":")
    if not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ConfigError(name, "is not an address.", "Write host:port, for instance 127.0.0.1:9109.")
    return text.strip()


def _path(name: str, text: str) -> Path:
    return Path(one_line(name, text)).expanduser()


def _stake(name: str, text: str) -> tuple[int, int]:
    amount, _, day = text.strip().replace("_", "").partition("@")
    try:
        moment = int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
        eth = int(amount, 10)
    except ValueError:
        eth, moment = 0, 0
    if not 1 <= eth <= 200_000_000:
        raise ConfigError(name, "is not a stake and its day.", "Write for instance 36000000@2026-08-01.")
    return eth, moment


def _supply(name: str, text: str) -> tuple[int, int, int]:
    amount, _, block = text.strip().replace("_", "").replace(",", "").partition("@")
    whole, _, digits = amount.partition(".")
    plain = f"{whole}{digits}{block}"
    if not (plain.isascii() and plain.isdigit() and whole and block) or len(digits) > 18 or len(plain) > 60:
        raise ConfigError(
            name,
            "is not a supply and its block.",
            "Write ETH@BLOCK with up to 18 decimals, for instance 120700000.12@23000000.",
        )
    unit = 10 ** (18 - len(digits))
    # A figure without all its decimals was rounded by somebody, we do not know which way.
    return int(whole + digits) * unit, 0 if unit == 1 else unit, int(block)


_HTTP = ("http", "https")
PARSERS: dict[str, Parser] = {
    "ETH_RPC_URLS": _urls(*_HTTP),
    "ETH_WS_URL": _url("ws", "wss"),
    "ETHMON_CHAIN_ID": _integer(1, 2**53),
    "ETHMON_STAKE": _stake,
    "ETHMON_SUPPLY_ANCHOR": _supply,
    "BEACON_URLS": _urls(*_HTTP),
    "ETHMON_POLL_SECONDS": _seconds(0.05, 600),
    "ETHMON_CALL_SECONDS": _seconds(0.1, 600),
    "ETHMON_DB": _path,
    "ETHMON_WATCHLIST": _path,
    "ETHMON_DEPLOYMENTS": _path,
    "ETHMON_TOKENS": _choice("all", "listed", "off"),
    "ETHMON_TOKEN_SECONDS": _integer(1, 600),
    "ETHMON_POSITION_DAYS": _integer(30, 36_500),
    "ETHMON_START_BLOCKS": _integer(0, 100_000),
    "TELEGRAM_TOPIC_ID": _integer(1, 2**53),
    "TELEGRAM_API_URL": _url(*_HTTP),
    "SMTP_PORT": _integer(1, 65535),
    "SMTP_SECURITY": _choice("starttls", "tls", "none"),
    "EMAIL_TO": _list,
    "WEBHOOK_URL": _url(*_HTTP),
    "APPRISE_URLS": _list,
    "HEARTBEAT_URL": _url(*_HTTP),
    "METRICS_LISTEN": _listen,
    "LOG_LEVEL": _choice("debug", "info", "warning", "error"),
    "LOG_FORMAT": _choice("text", "json"),
}
