"""`ethmon init`: a few questions, two files."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import click

from alerts.wording import clean
from monitor.cli import App
from monitor.config import SETTINGS, Setting, load_settings
from monitor.errors import ConfigError, UsageError

_ASKED = (
    ("ETH_RPC_URLS", "Ethereum node URLs (empty: public mainnet endpoints)"),
    ("BEACON_URLS", "Beacon node URLs for measured issuance (empty: estimate)"),
    ("TELEGRAM_BOT_TOKEN", "Telegram bot token, not shown (empty: no Telegram)"),
    ("TELEGRAM_CHAT_ID", "Telegram chat id (empty: write to your bot now, then I look it up)"),
    ("SMTP_HOST", "Mail server (empty: no e-mail)"),
    ("SMTP_SECURITY", "Mail security: starttls, tls or none"),
    ("SMTP_PORT", "Mail server port"),
    ("SMTP_USER", "Mail login (empty: none)"),
    ("SMTP_PASSWORD", "Mail password, not shown"),
    ("EMAIL_FROM", "Mails come from"),
    ("EMAIL_TO", "Mails go to (comma-separated)"),
)
_FOLLOW_UPS = {
    "TELEGRAM_CHAT_ID": "TELEGRAM_BOT_TOKEN",
    "SMTP_PASSWORD": "SMTP_USER",
    **dict.fromkeys(("SMTP_PORT", "SMTP_SECURITY", "SMTP_USER", "EMAIL_FROM", "EMAIL_TO"), "SMTP_HOST"),
}
"""Questions that only make sense after another one was answered."""
_PORTS = {"starttls": "587", "tls": "465", "none": "25"}
_TOKEN = re.compile(r"\d+:[\w-]{20,}", re.ASCII)
_ADDRESS = re.compile(r"[^\s@,;<>]+@[^\s@,;<>]+|[^@,;<>]*<[^\s@,;<>]+@[^\s@,;<>]+>")


@click.command()
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where to write (default: here).",
)
@click.option("--yes", is_flag=True, help="Ask nothing: write the defaults.")
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@click.pass_obj
def init(app: App, directory: Path, yes: bool, force: bool) -> None:
    """Ask a few questions and write config.env (mode 600) and watchlist.toml.

    Both files explain themselves; everything may be left empty.
    """
    del app
    config, watchlist = directory / "config.env", directory / "watchlist.toml"
    if config.exists() and not force:
        raise UsageError(f"{config} exists already. Edit it, or overwrite with --force.")
    answers = {} if yes else _ask()
    directory.mkdir(parents=True, exist_ok=True)
    write_private(config, config_text(answers))
    load_settings({}, config)
    kept = watchlist.exists() and not force
    if not kept:
        watchlist.write_text(_example_watchlist())
    click.echo(f"Wrote {config}; kept {watchlist}." if kept else f"Wrote {config} and {watchlist}.")
    click.echo("Next: `ethmon check`, `ethmon alerts test`, then `ethmon run`.")


def config_text(answers: dict[str, str]) -> str:
    """`config.env` with `answers` filled in and every other setting as a comment."""
    from monitor.config import example_env

    defaults = {setting.name: setting.default for setting in SETTINGS}
    lines: list[str] = []
    for line in example_env().splitlines():
        name = line.partition("=")[0]
        given = answers.get(name, "")
        if name in defaults and (not given or given == defaults[name]):
            lines.append(f"# {line}")
        else:
            lines.append(f"{name}={quoted(given)}" if name in defaults else line)
    return "\n".join(lines) + "\n"


def _ask() -> dict[str, str]:
    by_name = {setting.name: setting for setting in SETTINGS}
    answers: dict[str, str] = {}
    for name, question in _ASKED:
        if name in _FOLLOW_UPS and not answers.get(_FOLLOW_UPS[name]):
            continue
        default = _PORTS[answers["SMTP_SECURITY"]] if name == "SMTP_PORT" else by_name[name].default
        answers[name] = _ask_one(by_name[name], question, default, answers)
    return answers


def _ask_one(setting: Setting, question: str, default: str, answers: dict[str, str]) -> str:
    while True:
        answer: str = click.prompt(
            question,
            default=default,
            show_default=bool(default),
            hide_input=setting.secret and "URL" not in setting.name,
        ).strip()
        if setting.name == "TELEGRAM_CHAT_ID" and not answer:
            answer = _chat_of(answers["TELEGRAM_BOT_TOKEN"])
        problem = _problem(setting.name, answer)
        if not problem:
            return answer
        click.echo(f"  {problem}")


def _problem(name: str, answer: str) -> str:
    """What is wrong with an answer; empty where nothing is."""
    try:
        load_settings({name: answer} if answer else {})
    except ConfigError as error:
        return str(error)
    if name == "TELEGRAM_BOT_TOKEN" and answer and not _TOKEN.fullmatch(answer):
        return "That is not a bot token. @BotFather gives one such as 123456789:AAE…, 46 characters."
    if name == "TELEGRAM_CHAT_ID" and not answer:
        return "Nobody has written to the bot yet, or another program took the message. Write to it and try again."
    if name.startswith("EMAIL_") and not all(_ADDRESS.fullmatch(one.strip()) for one in answer.split(",")):
        return "That is not a mail address, or several with commas between them."
    return ""


def _chat_of(token: str) -> str:
    """The chat that wrote to the bot last; empty where there is none."""
    from alerts.channels.telegram.api import BotApi

    api = BotApi(token, load_settings(os.environ).telegram_api_url)
    updates: Any = api.call("getUpdates", {"timeout": 0, "allowed_updates": ["message"]})
    try:
        chat = updates[-1]["message"]["chat"]
        number = int(chat["id"])
    except (TypeError, LookupError, ValueError):
        return ""
    name = clean(str(chat.get("title") or chat.get("first_name") or "no name"), 60)
    click.echo(f"  Found: {number}, {name}")
    return str(number)


def write_private(path: Path, text: str) -> None:
    """Write `text` so that nobody else may read it (mode 600)."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    path.chmod(0o600)


def quoted(value: str) -> str:
    """As a value stands in `config.env`."""
    if value and all(char.isalnum() or char in "-_.:/,@+=%?&~" for char in value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _example_watchlist() -> str:
    """From the wheel, or from the checkout of an editable install."""
    import monitor

    package = Path(monitor.__file__).parent
    places = (package / "watchlist.example.toml", package.parent / "watchlist.example.toml")
    return next(place for place in places if place.is_file()).read_text()
