"""`ethmon init` as somebody answers it, with everything that goes wrong on the way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.commands import ROOT, ethmon
from tests.support.telegram_emulator import TOKEN, TelegramEmulator


def answered(folder: Path, *answers: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "monitor", "init"], cwd=folder, input="\n".join(answers) + "\n",
        capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", **environment},
    )  # fmt: skip


def settings(folder: Path) -> list[str]:
    lines = (folder / "config.env").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_wrong_answers_are_asked_again_and_needless_questions_are_not_asked(tmp_path: Path) -> None:
    done = answered(
        tmp_path, "", "", "not a token", TOKEN, "777", "mail.example.org", "ssl", "tls", "", "",
        "", "nobody", "ethmon <me@example.org>", "you@example.org;he@example.org", "you@example.org, he@example.org",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for said in ("not a bot token", "starttls, tls or none", "not a mail address", "[465]"):
        assert said in done.stdout, said
    assert "Mail password" not in done.stdout, "without a login"
    assert settings(tmp_path) == [
        f"TELEGRAM_BOT_TOKEN={TOKEN}",
        "TELEGRAM_CHAT_ID=777",
        "SMTP_HOST=mail.example.org",
        "SMTP_PORT=465",
        "SMTP_SECURITY=tls",
        "EMAIL_FROM='ethmon <me@example.org>'",
        "EMAIL_TO='you@example.org, he@example.org'",
    ]


def test_the_chat_that_wrote_to_the_bot_is_found(tmp_path: Path) -> None:
    with TelegramEmulator() as server:
        server.chat(777)
        server.say(777, "/start")
        done = answered(tmp_path, "", "", TOKEN, "", "", TELEGRAM_API_URL=server.url)
    assert done.returncode == 0, done.stderr
    assert "Found: 777" in done.stdout
    assert "TELEGRAM_CHAT_ID=777" in settings(tmp_path)


def test_a_bot_that_nobody_wrote_to_has_no_chat(tmp_path: Path) -> None:
    with TelegramEmulator() as server:
        done = answered(tmp_path, "", "", TOKEN, "", "778", "", TELEGRAM_API_URL=server.url)
    assert done.returncode == 0, done.stderr
    assert "Write to it and try again" in done.stdout
    assert "TELEGRAM_CHAT_ID=778" in settings(tmp_path)


def test_a_watchlist_that_is_there_is_kept(tmp_path: Path) -> None:
    mine = tmp_path / "watchlist.toml"
    mine.write_text("# mine\n")
    assert "kept watchlist.toml" in ethmon(tmp_path, "init", "--yes").stdout
    assert mine.read_text() == "# mine\n"
    again = ethmon(tmp_path, "init", "--yes")
    assert (again.returncode, "config.env exists already" in again.stderr) == (2, True)


def test_given_up_half_way_nothing_is_written(tmp_path: Path) -> None:
    done = answered(tmp_path, "", "")
    assert done.returncode != 0
    assert list(tmp_path.iterdir()) == []


def test_one_channel_that_is_wrong_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "watchlist.toml").write_text('[[rule]]\nreading = "gas.base_fees"\nabove = 1\n')
    with TelegramEmulator() as server:
        server.chat(777)
        environment = {
            "TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": "777", "TELEGRAM_API_URL": server.url,
            "SMTP_HOST": "127.0.0.1", "ETH_RPC_URLS": "http://127.0.0.1:1",
        }  # fmt: skip
        checked = ethmon(tmp_path, "check", "--csv", **environment)
        (tmp_path / "watchlist.toml").unlink()
        tested = ethmon(tmp_path, "alerts", "test", **environment)
    assert "ok,channel,telegram,accepts messages" in checked.stdout
    assert 'fail,channel,email,"EMAIL_FROM is missing' in checked.stdout
    assert "gas.base_fee'" in checked.stdout, "the watchlist is read as well"
    assert (checked.returncode, tested.returncode) == (1, 1)
    assert "telegram: accepted" in tested.stderr
    assert "email: FAILED, EMAIL_FROM" in tested.stderr
    assert len(server.messages) == 1
