"""`ethmon init`: a few questions, two files."""

from __future__ import annotations

import os
from pathlib import Path

import click

from monitor.cli import App
from monitor.config import SETTINGS, Setting, load_settings
from monitor.errors import ConfigError, UsageError

_ASKED = (
    ("ETH_RPC_URLS", "Ethereum node URLs (empty: public mainnet endpoints)"),
    ("BEACON_URLS", "Beacon node URLs for measured issuance (empty: estimate)"),
    ("TELEGRAM_BOT_TOKEN", "Telegram bot token (empty: no Telegram)"),
    ("TELEGRAM_CHAT_ID", "Telegram chat id"),
    ("SMTP_HOST", "Mail server (empty: no e-mail)"),
    ("SMTP_PORT", "Mail server port"),
    ("SMTP_SECURITY", "Mail security: starttls, tls or none"),
    ("SMTP_USER", "Mail login (empty: none)"),
    ("SMTP_PASSWORD", "Mail password"),
    ("EMAIL_FROM", "Mails come from"),
    ("EMAIL_TO", "Mails go to (comma-separated)"),
)
_FOLLOW_UPS = {"TELEGRAM_CHAT_ID": "TELEGRAM_BOT_TOKEN"} | {
    name: "SMTP_HOST" for name, _ in _ASKED if name.startswith(("SMTP_", "EMAIL_")) and name != "SMTP_HOST"
}
"""Questions that only make sense after another one was answered."""


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
    if not force:
        _refuse_existing(config, watchlist)
    answers = {} if yes else _ask()
    directory.mkdir(parents=True, exist_ok=True)
    _write_private(config, config_text(answers))
    load_settings({}, config)
    watchlist.write_text(_example_watchlist())
    click.echo(f"Wrote {config} and {watchlist}.\nNext: `ethmon check`, then `ethmon run`.")


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
            lines.append(f"{name}={_quoted(given)}" if name in defaults else line)
    return "\n".join(lines) + "\n"


def _refuse_existing(*files: Path) -> None:
    there = [str(file) for file in files if file.exists()]
    if there:
        raise UsageError(f"{' and '.join(there)} exist already. Edit them, or overwrite with --force.")


def _ask() -> dict[str, str]:
    by_name = {setting.name: setting for setting in SETTINGS}
    answers: dict[str, str] = {}
    for name, question in _ASKED:
        if name in _FOLLOW_UPS and not answers.get(_FOLLOW_UPS[name]):
            continue
        answers[name] = _ask_one(by_name[name], question)
    return answers


def _ask_one(setting: Setting, question: str) -> str:
    while True:
        answer: str = click.prompt(
            question,
            default=setting.default,
            show_default=bool(setting.default),
            hide_input=setting.secret and "URL" not in setting.name,
        )
        try:
            load_settings({setting.name: answer} if answer else {})
        except ConfigError as error:
            click.echo(f"  {error}")
        else:
            return answer


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    path.chmod(0o600)


def _quoted(value: str) -> str:
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
