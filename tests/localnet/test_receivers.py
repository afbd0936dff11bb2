"""The demo's phone and mailbox take what the real channels send, and show it safely."""

from __future__ import annotations

import json
import smtplib
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from alerts.channels.email import Account, Email, Security
from alerts.channels.telegram.api import BotApi
from alerts.channels.telegram.channel import Telegram
from alerts.channels.telegram.commands import Button, Command, Commands
from alerts.ports import Dispatch, Original, Verdict
from monitor.localnet.bot_api import CHAT_ID, TOKEN
from monitor.localnet.pages import telegram_html
from monitor.localnet.receivers import Receivers
from tests.support.alert_samples import corrected, one_alert, recovered
from tests.support.png import png


@pytest.fixture
def receivers(tmp_path: Path) -> Iterator[Receivers]:
    with Receivers(tmp_path) as running:
        yield running


def telegram(receivers: Receivers) -> Telegram:
    return Telegram(BotApi(TOKEN, receivers.bot.url), CHAT_ID)


def email(receivers: Receivers) -> Email:
    given = receivers.settings()
    account = Account(
        given["SMTP_HOST"],
        int(given["SMTP_PORT"]),
        Security.NONE,
        given["EMAIL_FROM"],
        (given["EMAIL_TO"],),
    )
    return Email(account)


def get(url: str) -> str:
    with urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def post(url: str, said: dict[str, object]) -> None:
    body = json.dumps(said).encode()
    urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=5).close()


def test_messages_pictures_replies_and_edits_stand_in_the_chat(receivers: Receivers) -> None:
    channel = telegram(receivers)
    assert channel.probe().verdict is Verdict.SENT
    first = channel.send(Dispatch(one_alert()))
    assert first.illustrate is not None
    receipt = {**first.receipt, **first.illustrate(png(60, 40))}
    correction = Dispatch(corrected(), original=Original(one_alert(), receipt))
    assert telegram(receivers).send(correction).verdict is Verdict.SENT  # another one: its pace begins anew
    page = get(receivers.chat_url)
    assert "4.8% from liquidation" in page
    assert "data:image/png;base64," in page
    assert "edited" in page
    assert "Corrected: its block was replaced" in page
    assert page.count('class="reply"') >= 1


def test_a_press_and_a_command_reach_the_program_as_from_telegram(receivers: Receivers) -> None:
    telegram(receivers).send(Dispatch(one_alert()))
    pressed: list[Button] = []

    def press(button: Button) -> str:
        pressed.append(button)
        return "Acknowledged (1)."

    api = BotApi(TOKEN, receivers.bot.url)
    commands = Commands(
        api, lambda: CHAT_ID, {"status": Command(lambda _: "all is well", "how it is")}, press, hold_s=1
    )
    message = receivers.bot.messages[0]
    (label, data), *_ = message.buttons[0]
    assert label == "Acknowledge"
    post(f"{receivers.chat_url}press", {"message": message.id, "data": data})
    post(f"{receivers.chat_url}say", {"text": "/status"})
    while commands.poll() == 0.0 and len(receivers.bot.messages) < 3:
        pass
    assert [button.hours for button in pressed] == [None]
    assert receivers.bot.toasts == ["Acknowledged (1)."]
    page = get(receivers.chat_url)
    assert "/status" in page
    assert "all is well" in page


def test_other_pages_cannot_press_and_other_tokens_cannot_send(receivers: Receivers) -> None:
    with pytest.raises(OSError, match="415"):
        urlopen(Request(f"{receivers.chat_url}press", b"{}", {"Content-Type": "text/plain"}), timeout=5)
    outcome = Telegram(BotApi("2:other", receivers.bot.url), CHAT_ID).send(Dispatch(one_alert()))
    assert "401" in outcome.cause
    assert receivers.bot.messages == []


def test_letters_are_files_that_mail_programs_open(receivers: Receivers, tmp_path: Path) -> None:
    channel = email(receivers)
    first = channel.send(Dispatch(one_alert(), draw=lambda: png(60, 40)))
    channel.send(Dispatch(recovered(), thread_receipt=first.receipt))
    paths = [path for path, _ in receivers.mail.letters]
    assert [path.parent for path in paths] == [tmp_path / "mail"] * 2
    assert [path.suffix for path in paths] == [".eml", ".eml"]
    kept = receivers.keep()
    inbox = kept.inbox.read_text()
    assert (kept.letters, inbox.count("<details")) == (2, 2)
    assert 'class="answer"' in inbox
    assert "cid:" not in inbox
    assert "data:image/png;base64," in inbox


def test_a_letter_with_dots_is_kept_and_one_that_breaks_off_is_not(receivers: Receivers) -> None:
    letter = EmailMessage()
    letter["Subject"], letter["Date"] = "../../etc/passwd", "Mon, 02 Feb 2026 14:03:11 +0000"
    letter.set_content("a\n.\n..b\n")
    with smtplib.SMTP("127.0.0.1", receivers.mail.port, timeout=5) as smtp:
        smtp.send_message(letter, "a@example.org", ["b@example.org"])
        smtp.docmd("MAIL", "FROM:<a@example.org>")
        smtp.docmd("DATA")
        smtp.send("Subject: half")
        smtp.close()
    ((path, kept),) = receivers.mail.letters
    assert path.name == "01 etc passwd.eml"
    assert kept.get_content().splitlines() == ["a", ".", "..b"]


def test_hostile_texts_stay_texts(receivers: Receivers) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    message = replace(one_alert(), title=evil, topic=evil)
    telegram(receivers).send(Dispatch(message))
    email(receivers).send(Dispatch(message))
    receivers.bot.say(evil)
    kept = receivers.keep()
    for page in (kept.chat.read_text(), kept.inbox.read_text(), get(receivers.inbox_url)):
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert telegram_html("<b>a <i>b") == "<b>a <i>b</i></b>"
    raw = '<b onclick="x()">a</b><a href="javascript:x()">b</a><svg onload=x()>c'
    assert telegram_html(raw) == "<b>a</b>bc"
