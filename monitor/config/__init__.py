"""Settings from the environment and `config.env`; the environment wins.

`SETTINGS` is the one list of them: parsing, `config.example.env`, `ethmon init` and the secrets
to scrub from logs all come from it. Unknown names are refused with the nearest valid one.
"""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from monitor.config.parse import PARSERS, one_line
from monitor.errors import ConfigError

_OWN_PREFIXES = ("ETHMON_",)
"""Names in the environment that can only be ours: a typo there is an error, not somebody else's setting."""

_PLAIN_WORDS = frozenset({"ETHMON_CACHE", "ETHMON_EXTRA_VECTORS", "ETHMON_DEBUG"})
"""Environment names of the tooling, not settings."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of `config.example.env`."""

    name: str
    default: str
    meaning: str
    section: str
    secret: bool = False
    """May be given as NAME_FILE; its value never reaches a log, message or exception."""


_CHAIN, _DATA, _TELEGRAM = "Ethereum", "Data", "Telegram"
_EMAIL, _OTHER, _RUN = "E-mail", "Other channels", "Running"

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "ETH_RPC_URLS",
        "",
        "execution nodes, comma-separated, first is preferred; empty = public mainnet endpoints",
        _CHAIN,
        secret=True,
    ),
    Setting(
        "ETH_WS_URL",
        "",
        "WebSocket of one of them, only to be woken at a new head (optional)",
        _CHAIN,
        secret=True,
    ),
    Setting(
        "ETHMON_CHAIN_ID",
        "",
        "refuse any other chain; empty = the chain of the database, else of the first endpoint",
        _CHAIN,
    ),
    Setting(
        "BEACON_URLS",
        "",
        "beacon nodes for measured issuance, comma-separated (optional)",
        _CHAIN,
        secret=True,
    ),
    Setting(
        "ETHMON_STAKE",
        "",
        "active stake for estimates without a beacon node, as ETH@DATE, e.g. 36000000@2026-08-01",
        _CHAIN,
    ),
    Setting(
        "ETHMON_SUPPLY_ANCHOR",
        "",
        "total supply after a stored block, as ETH@BLOCK, e.g. 120700000.12@23000000; empty = the Merge's",
        _CHAIN,
    ),
    Setting("ETHMON_POLL_SECONDS", "2", "pause between looks at the head, in seconds", _CHAIN),
    Setting("ETHMON_CALL_SECONDS", "10", "deadline of one node call, in seconds", _CHAIN),
    Setting("ETHMON_DB", "ethmon.db", "SQLite file", _DATA),
    Setting("ETHMON_WATCHLIST", "watchlist.toml", "what to watch and when to alert", _DATA),
    Setting("ETHMON_DEPLOYMENTS", "", "TOML of protocol deployments of your own (docs/protocols.md)", _DATA),
    Setting(
        "ETHMON_TOKENS",
        "all",
        "supply of which tokens: all (shipped and watchlist), listed (watchlist alone) or off",
        _DATA,
    ),
    Setting(
        "ETHMON_TOKEN_SECONDS", "300", "block time between two reads of these supplies, in seconds", _DATA
    ),
    Setting(
        "ETHMON_POSITION_DAYS",
        "90",
        "days of positions at their full rate; older rows of drift go, but for one an hour",
        _DATA,
    ),
    Setting("ETHMON_START_BLOCKS", "300", "blocks before the head to read at the very first start", _DATA),
    Setting("TELEGRAM_BOT_TOKEN", "", "from @BotFather", _TELEGRAM, secret=True),
    Setting("TELEGRAM_CHAT_ID", "", "chat that gets alerts and may send commands", _TELEGRAM),
    Setting("TELEGRAM_TOPIC_ID", "", "topic of a group with topics, empty = the group itself", _TELEGRAM),
    Setting("TELEGRAM_API_URL", "https://api.telegram.org", "Bot API server", _TELEGRAM),
    Setting("SMTP_HOST", "", "mail server", _EMAIL),
    Setting("SMTP_PORT", "587", "its port", _EMAIL),
    Setting("SMTP_SECURITY", "starttls", "starttls, tls or none", _EMAIL),
    Setting("SMTP_USER", "", "login, empty = none", _EMAIL),
    Setting("SMTP_PASSWORD", "", "its password", _EMAIL, secret=True),
    Setting("EMAIL_FROM", "", "sender address", _EMAIL),
    Setting("EMAIL_TO", "", "recipients, comma-separated", _EMAIL),
    Setting("WEBHOOK_URL", "", "POST target for alerts as JSON (optional)", _OTHER, secret=True),
    Setting("WEBHOOK_SECRET", "", "key of its HMAC-SHA256 signature", _OTHER, secret=True),
    Setting(
        "APPRISE_URLS",
        "",
        "apprise URLs, comma-separated (needs the extra ethmon[apprise])",
        _OTHER,
        secret=True,
    ),
    Setting(
        "HEARTBEAT_URL",
        "",
        "fetched after each healthy cycle, once a minute (dead man's switch)",
        _OTHER,
        secret=True,
    ),
    Setting("METRICS_LISTEN", "", "host:port of /metrics, /healthz and /readyz; empty = off", _RUN),
    Setting("LOG_LEVEL", "info", "debug, info, warning or error", _RUN),
    Setting("LOG_FORMAT", "text", "text or json", _RUN),
)

_BY_NAME = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings. Names are those of `SETTINGS` in lower case, without the prefix."""

    eth_rpc_urls: tuple[str, ...] = ()
    eth_ws_url: str = ""
    chain_id: int | None = None
    beacon_urls: tuple[str, ...] = ()
    stake: tuple[int, int] | None = None
    """Active stake in ETH and the day it was true, in seconds since 1970."""
    supply_anchor: tuple[int, int, int] | None = None
    """Total supply in wei, how far it may be off by its last digit, and the block after which it holds."""
    poll_seconds: float = 2.0
    call_seconds: float = 10.0
    db: Path = Path("ethmon.db")
    watchlist: Path = Path("watchlist.toml")
    deployments: Path | None = None
    tokens: str = "all"
    token_seconds: int = 300
    position_days: int = 90
    start_blocks: int = 300
    telegram_bot_token: str = ""
    telegram_chat_id: str = ""
    telegram_topic_id: int | None = None
    telegram_api_url: str = "https://api.telegram.org"
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: str = "starttls"
    smtp_user: str = ""
    smtp_password: str = ""
    email_from: str = ""
    email_to: tuple[str, ...] = ()
    webhook_url: str = ""
    webhook_secret: str = ""
    apprise_urls: tuple[str, ...] = ()
    heartbeat_url: str = ""
    metrics_listen: str = ""
    log_level: str = "info"
    log_format: str = "text"
    source: Path | None = field(default=None, compare=False)
    """The config file that was read, if any."""

    def __repr__(self) -> str:
        """Without values: settings end up in tracebacks."""
        given = [f.name for f in fields(self) if getattr(self, f.name)]
        return f"Settings({', '.join(given)})"

    def secrets(self) -> tuple[str, ...]:
        """Every configured value that must never be shown."""
        found: list[str] = []
        for setting in SETTINGS:
            if setting.secret:
                value: object = getattr(self, _attribute(setting.name))
                found += [value] if isinstance(value, str) else list(value)  # type: ignore[call-overload]
        return tuple(item for item in found if item)


def load_settings(environ: Mapping[str, str] | None = None, file: Path | None = None) -> Settings:
    """Settings from `file` (default `config.env` where it exists) and the environment.

    Raises ConfigError naming the first setting that is unknown or wrong, and the fix.
    """
    environ = os.environ if environ is None else environ
    path = file if file is not None else Path("config.env")
    if file is not None and not file.is_file():
        raise ConfigError("--config", f"{file} does not exist.", "Write one with `ethmon init`.")
    from_file = _read_file(path) if path.is_file() else {}
    from_env = {k: v for k, v in environ.items() if _is_ours(k)}
    raw = {**_resolve_files(from_file), **_resolve_files(from_env)}
    values = {
        _attribute(name): PARSERS.get(name, one_line)(name, value) for name, value in raw.items() if value
    }
    return Settings(**values, source=path if from_file else None)  # type: ignore[arg-type]


def readable_by_others(path: Path) -> bool:
    """True when group or world may read a file that holds secrets."""
    return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


def example_env() -> str:
    """The text of `config.example.env`: every setting with its default and one line of meaning."""
    lines = [
        "# ethmon settings. Copy to config.env, fill in, `chmod 600 config.env`, then `ethmon check`.",
        "# The environment overrides this file. Secrets (marked *) may be given as NAME_FILE=/path instead.",
    ]
    section = ""
    for setting in SETTINGS:
        if setting.section != section:
            section = setting.section
            lines += ["", f"# --- {section}"]
        lines += [f"# {setting.meaning}{' *' if setting.secret else ''}", f"{setting.name}={setting.default}"]
    return "\n".join(lines) + "\n"


def _attribute(name: str) -> str:
    return name.removeprefix("ETHMON_").lower()


def _is_ours(name: str) -> bool:
    base = name.removesuffix("_FILE")
    if name in _PLAIN_WORDS:
        return False
    return base in _BY_NAME or name in _BY_NAME or name.startswith(_OWN_PREFIXES)


def _read_file(path: Path) -> dict[str, str]:
    from dotenv import dotenv_values

    try:
        values = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            str(path), f"cannot be read ({type(error).__name__}).", "Check its mode and encoding."
        ) from None
    missing = [name for name, value in values.items() if value is None]
    if missing:
        raise ConfigError(missing[0], f"has no value in {path}.", "Write NAME=value.")
    return {name: value for name, value in values.items() if value is not None}


def _resolve_files(raw: Mapping[str, str]) -> dict[str, str]:
    """Replace NAME_FILE by the content of that file; refuse unknown names."""
    out: dict[str, str] = {}
    for name, value in raw.items():
        base = name.removesuffix("_FILE")
        if name in _BY_NAME:
            out.setdefault(name, value)
        elif base in _BY_NAME and _BY_NAME[base].secret:
            out[base] = _secret_file(name, value)
        else:
            raise ConfigError(name, "is not a setting.", _suggestion(name))
    return out


def _secret_file(name: str, path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            name, f"cannot be read ({type(error).__name__}).", "Check the path and its mode."
        ) from None


def _suggestion(name: str) -> str:
    near = difflib.get_close_matches(name, _BY_NAME, n=1, cutoff=0.6)
    return f"Did you mean {near[0]}?" if near else "See config.example.env for all of them."
