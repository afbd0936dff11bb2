"""No configured secret comes out of any error path: outcomes, outbox rows, logs, exceptions, reprs."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.channels.apprise import Apprise
from alerts.channels.email import Account, Email, Security
from alerts.channels.heartbeat import Heartbeat
from alerts.channels.telegram.api import BotApi
from alerts.channels.telegram.channel import Telegram
from alerts.channels.telegram.commands import Commands
from alerts.channels.webhook import Webhook
from alerts.compose import notice
from alerts.delivery import drain
from alerts.model import Severity
from alerts.ports import Channel, Dispatch, Outcome
from alerts.redact import Redactor
from monitor.store import backlog
from monitor.store.database import Database
from monitor.store.outbox import SqliteOutbox
from tests.support.alert_doubles import Clock
from tests.support.alert_samples import one_alert
from tests.support.databases import new_database
from tests.support.http_end import Answer, HttpEnd
from tests.support.smtp_server import Mailbox, SmtpServer
from tests.support.telegram_emulator import RefusedError, TelegramEmulator

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_+/=&%'\"<>\\ é"
secrets = st.text(ALPHABET, min_size=10, max_size=30).map(lambda text: f"Q{text.strip()}Z")


@dataclass
class Ends:
    telegram: TelegramEmulator
    smtp: SmtpServer
    mailbox: Mailbox
    http: HttpEnd


@pytest.fixture(scope="module")
def ends() -> Iterator[Ends]:
    mailbox = Mailbox("user", "another password")
    with TelegramEmulator() as telegram, SmtpServer(mailbox, login=True) as smtp, HttpEnd() as http:
        yield Ends(telegram, smtp, mailbox, http)


class Everything(logging.Handler):
    """Every line of every library, at the lowest level, with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def listening() -> Iterator[list[str]]:
    """What is logged on the client's side (the mail server's own log shows what it was sent)."""
    handler, root = Everything(), logging.getLogger()
    handler.addFilter(lambda record: not record.name.startswith("mail."))
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler.lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def shown(make: Callable[[], Any], use: Callable[[Any], object]) -> str:
    """Everything that a use can show: results, reprs, and the traceback of what it raises."""
    try:
        thing = make()
        return f"{use(thing)!r} {thing!r} {thing}"
    except Exception:  # noqa: BLE001  whatever it is, its traceback is what is searched
        return traceback.format_exc()


def uses(channel: Channel) -> list[Outcome]:
    return [channel.send(Dispatch(one_alert())), channel.probe()]


def everything_goes_wrong(ends: Ends, secret: str) -> Iterator[str]:
    token = f"123:{secret}"
    echo = RefusedError(400, f"Bad Request: I was called with {token} {quote(token)}")
    gone, here = "http://127.0.0.1:1", ends.telegram.url
    ends.telegram.troubles.clear()
    for url in (gone, here, here):
        yield shown(lambda url=url: Telegram(BotApi(token, url, timeout_s=1), "1"), uses)
        ends.telegram.script("sendMessage", "refuse", refusal=echo)
        ends.telegram.script("getMe", "drop")
    yield shown(lambda: Commands(BotApi(token, here), lambda: "1", {}, str), lambda c: (c.poll(), c.trouble))

    def account(port: int, host: str = "127.0.0.1") -> Account:
        return Account(host, port, Security.NONE, "a@example.org", ("b@example.org",), "user", secret)

    for made in (account(ends.smtp.port), account(1), account(25, "mail.example.org")):
        yield shown(lambda made=made: Email(made, timeout_s=2), uses) + repr(made)

    quoted = quote(secret, safe="")
    for base in (gone, ends.http.url):
        ends.http.answers += [Answer(500), Answer(404), Answer(kind="drop")]
        url = f"{base}/services/{quoted}?key={quoted}"
        yield shown(lambda url=url: Webhook(url, secret, timeout_s=1), uses)
        yield shown(lambda url=url: Heartbeat(url, timeout_s=1), lambda beat: beat.beat())
        ends.http.answers += [Answer(500), Answer(403)]
        yield shown(lambda url=url: Apprise([url.replace("http://", "json://")]), uses)
        ends.http.answers.clear()
    yield shown(lambda: Webhook(f"http://example.org/{quoted}", secret), uses)
    yield shown(lambda: Webhook(f"https://[::1/{secret}", secret), uses)
    yield shown(lambda: Apprise([f"nonsense://{quoted}"]), uses)


def forms(secret: str) -> set[str]:
    return {secret, quote(secret), quote(secret, safe=""), repr(secret)[1:-1]}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=secrets)
def test_no_error_path_shows_a_secret(ends: Ends, secret: str) -> None:
    with listening() as lines:
        seen = list(everything_goes_wrong(ends, secret))
    assert len(seen) >= 14
    for text in [*seen, *lines]:
        for form in forms(secret):
            assert form not in text


def test_the_logs_that_are_searched_are_not_empty(ends: Ends) -> None:
    """urllib3 does log addresses at this level; so the test above looks where it would hurt."""
    with listening() as lines:
        list(everything_goes_wrong(ends, "QveryplainsecretZ"))
    assert any("POST" in line and "/sendMessage" in line and "***" in line for line in lines)


def test_outbox_rows_hold_no_secret(ends: Ends, tmp_path: Path) -> None:
    secret = "Qs3cr3t-with+signs=Z"
    token = f"123:{secret}"
    ends.telegram.troubles.clear()
    ends.telegram.script("sendMessage", "refuse", refusal=RefusedError(403, f"Forbidden: {token}"))
    made = Account(
        "127.0.0.1", ends.smtp.port, Security.NONE, "a@example.org", ("b@example.org",), "user", secret
    )
    channels: list[Channel] = [
        Telegram(BotApi(token, ends.telegram.url), "1"),
        Email(made),
        Webhook(f"http://127.0.0.1:1/{quote(secret, safe='')}", secret, timeout_s=1),
    ]
    with new_database(tmp_path / "ethmon.db") as db:
        outbox = SqliteOutbox(db)
        outbox.enqueue(notice("k", "t", "x", Severity.CRITICAL, 0), [one.name for one in channels], 0.0)
        drain(outbox, channels, Clock())
        rows = dump(db)
    assert len(backlog.OutboxRow.__slots__) > 0
    assert "403" in rows
    for form in forms(secret):
        assert form not in rows


def dump(db: Database) -> str:
    return "\n".join(db.connection.iterdump())


@given(secrets, st.text(max_size=20), st.text(max_size=20))
def test_the_redactor_takes_out_every_form(secret: str, before: str, after: str) -> None:
    redactor = Redactor([secret])
    for form in forms(secret):
        assert form not in redactor.text(before + form + after)


def test_short_values_are_no_secrets() -> None:
    assert Redactor(["", "a", "abc"]).text("abc a") == "abc a"
