"""Settings: every name is known, every error names the setting and the fix, no value leaks."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.cli.init import config_text
from monitor.config import SETTINGS, Settings, example_env, load_settings, readable_by_others
from monitor.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


def write(path: Path, text: str) -> Path:
    file = path / "config.env"
    file.write_text(text)
    return file


def test_the_example_file_is_the_list_of_settings() -> None:
    assert (ROOT / "config.example.env").read_text() == example_env()


def test_the_example_file_gives_the_defaults(tmp_path: Path) -> None:
    assert load_settings({}, write(tmp_path, example_env())) == Settings()


def test_every_setting_has_an_attribute() -> None:
    for setting in SETTINGS:
        assert hasattr(Settings(), setting.name.removeprefix("ETHMON_").lower())


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "ETHMON_POLL_SECONDS=7\nLOG_LEVEL=debug\n")
    settings = load_settings({"ETHMON_POLL_SECONDS": "3"}, file)
    assert (settings.poll_seconds, settings.log_level) == (3.0, "debug")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ETHMON_POL_SECONDS", "1", "Did you mean ETHMON_POLL_SECONDS?"),
        ("ETH_RPC_URLS", "ftp://host", "http:// or https://"),
        ("ETH_RPC_URLS", "http://", "name a host"),
        ("ETH_RPC_URLS", "http://host:99999", "URL"),
        ("ETH_RPC_URLS", "http://[::1", "URL"),
        ("ETH_WS_URL", "http://host", "ws://"),
        ("ETHMON_CHAIN_ID", "main", "whole number"),
        ("ETHMON_CHAIN_ID", "-1", "whole number"),
        ("ETHMON_SUPPLY_ANCHOR", "120700000", "ETH@BLOCK"),
        ("ETHMON_SUPPLY_ANCHOR", "-5@100", "ETH@BLOCK"),
        ("ETHMON_SUPPLY_ANCHOR", "1.0000000000000000001@100", "18 decimals"),
        ("ETHMON_POLL_SECONDS", "nan", "seconds from"),
        ("ETHMON_POLL_SECONDS", "0", "seconds from"),
        ("SMTP_PORT", "0", "65535"),
        ("SMTP_SECURITY", "ssl", "starttls, tls or none"),
        ("METRICS_LISTEN", "9109", "host:port"),
        ("LOG_FORMAT", "xml", "text or json"),
        ("TELEGRAM_BOT_TOKEN_FILE", "/nonexistent", "FileNotFoundError"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(name: str, value: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({name: value})
    assert caught.value.setting == name
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"SMTP_HSOT: is not a setting\. Did you mean SMTP_HOST\?"):
        load_settings({}, write(tmp_path, "SMTP_HSOT=mail.example\n"))


def test_a_foreign_environment_is_not_our_business() -> None:
    assert load_settings({"SMTP": "x", "HOME": "/", "PATH": ""}) == Settings()


def test_a_name_without_a_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="LOG_LEVEL"):
        load_settings({}, write(tmp_path, "LOG_LEVEL\n"))


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.env"
    file.write_bytes(b"\xff\xfe\x00LOG")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings({}, file)


def test_a_missing_file_is_refused_when_it_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ethmon init"):
        load_settings({}, tmp_path / "none.env")


def test_secrets_come_from_files(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("123:abc\n")
    settings = load_settings({"TELEGRAM_BOT_TOKEN_FILE": str(secret)})
    assert settings.telegram_bot_token == "123:abc"


def test_the_environment_wins_however_the_file_gives_a_secret(tmp_path: Path) -> None:
    secret, file = tmp_path / "token", tmp_path / "config.env"
    secret.write_text("of the file\n")
    file.write_text(f"TELEGRAM_BOT_TOKEN_FILE={secret}\n")
    assert load_settings({"TELEGRAM_BOT_TOKEN": "mine"}, file).telegram_bot_token == "mine"
    assert load_settings({}, file).telegram_bot_token == "of the file"


@pytest.mark.parametrize("name", [setting.name for setting in SETTINGS])
def test_no_error_or_repr_shows_a_value(name: str) -> None:
    secret = "s3cr3t-value"
    with pytest.raises(ConfigError) as caught:
        load_settings({name: f"{secret}\nx"})
    assert secret not in str(caught.value)
    assert secret not in repr(load_settings({"SMTP_PASSWORD": secret}))


def test_secrets_lists_every_secret_value() -> None:
    urls = {
        s.name: f"https://host/{s.name.lower()}"
        for s in SETTINGS
        if s.secret and "URL" in s.name and s.name != "ETH_WS_URL"
    }
    plain = {s.name: f"value-of-{s.name}" for s in SETTINGS if s.secret and "URL" not in s.name}
    given_values = urls | plain | {"ETH_WS_URL": "wss://host/ws"}
    assert sorted(load_settings(given_values).secrets()) == sorted(given_values.values())


def test_the_mode_of_the_file_is_seen(tmp_path: Path) -> None:
    file = write(tmp_path, "")
    file.chmod(0o644)
    assert readable_by_others(file)
    file.chmod(0o600)
    assert not readable_by_others(file)


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1))
def test_what_init_writes_is_what_is_read(password: str) -> None:
    """Whatever a person types as a password survives the file."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = write(Path(folder), config_text({"SMTP_PASSWORD": password}))
        assert load_settings({}, file).smtp_password == password.strip()


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("120_700_000@23000000", (120_700_000 * 10**18, 10**18, 23_000_000)),
        ("120,700,000.12@5", (12_070_000_012 * 10**16, 10**16, 5)),
        ("1.000000000000000001@0", (10**18 + 1, 0, 0)),
    ],
)
def test_a_supply_anchor_is_as_exact_as_its_last_digit(text: str, parsed: tuple[int, int, int]) -> None:
    assert load_settings({"ETHMON_SUPPLY_ANCHOR": text}).supply_anchor == parsed
