"""One table for every channel: accepted, refused for now, refused for good, not there, never raises."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from alerts.channels.apprise import Apprise
from alerts.channels.console import Console
from alerts.channels.email import Account, Email, Security
from alerts.channels.heartbeat import Heartbeat
from alerts.channels.telegram.api import BotApi
from alerts.channels.telegram.channel import Telegram
from alerts.channels.webhook import Webhook, is_private_enough, sign
from alerts.ports import Channel, Dispatch, Scope, Verdict
from tests.support.alert_samples import SAMPLES, one_alert
from tests.support.http_end import Answer, HttpEnd
from tests.support.png import png
from tests.support.smtp_server import Authority, Mailbox, SmtpServer, make_authority
from tests.support.telegram_emulator import TOKEN, RefusedError, TelegramEmulator

# apprise tries an old module of the standard library first.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

GONE_URL = "http://127.0.0.1:1"


@dataclass
class Bench:
    """A channel with its real other end, and how to make that end misbehave."""

    channel: Channel
    arrived: Callable[[], list[str]]
    """What a person would read."""
    busy: Callable[[], object] | None
    """Refuse the next message for now."""
    refuse: Callable[[], object] | None
    """Refuse the next message for good."""
    absent: Channel | None
    """The same channel where nobody listens."""


def telegram(stack: ExitStack) -> Bench:
    server = stack.enter_context(TelegramEmulator())
    server.chat(1)

    def script(code: int, text: str) -> Callable[[], object]:
        return lambda: server.script("sendMessage", "refuse", refusal=RefusedError(code, text))

    return Bench(
        Telegram(BotApi(TOKEN, server.url, timeout_s=2), "1"),
        server.texts,
        script(500, "Internal Server Error"),
        script(400, "Bad Request: BUTTON_DATA_INVALID"),
        Telegram(BotApi(TOKEN, GONE_URL, timeout_s=1), "1"),
    )


def email(stack: ExitStack) -> Bench:
    mailbox = Mailbox()
    server = stack.enter_context(SmtpServer(mailbox))

    def account(port: int) -> Account:
        return Account("127.0.0.1", port, Security.NONE, "a@example.org", ("b@example.org",))

    return Bench(
        Email(account(server.port), timeout_s=5),
        lambda: [str(letter.get_body(("plain",)).get_content()) for _, letter in mailbox.letters],
        lambda: mailbox.at_data.append("451 later"),
        lambda: mailbox.at_data.append("554 never"),
        Email(account(1), timeout_s=1),
    )


def webhook(stack: ExitStack) -> Bench:
    end = stack.enter_context(HttpEnd())
    return Bench(
        Webhook(end.url, "secret", timeout_s=2),
        lambda: [json.loads(request.body)["text"] for request in end.requests],
        lambda: end.answers.append(Answer(503)),
        lambda: end.answers.append(Answer(422)),
        Webhook(GONE_URL, timeout_s=1),
    )


def apprise(stack: ExitStack) -> Bench:
    end = stack.enter_context(HttpEnd())
    return Bench(
        Apprise([end.url.replace("http://", "json://")]),
        lambda: [json.loads(request.body)["message"] for request in end.requests],
        lambda: end.answers.append(Answer(503)),
        None,
        Apprise(["json://127.0.0.1:1"]),
    )


def console(stack: ExitStack) -> Bench:
    stream = io.StringIO()
    closed = io.StringIO()
    closed.close()
    return Bench(Console(stream), lambda: [stream.getvalue()], None, None, Console(closed))


MAKERS = {maker.__name__: maker for maker in (telegram, email, webhook, apprise, console)}


@pytest.fixture(params=sorted(MAKERS))
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield MAKERS[request.param](stack)


@pytest.mark.parametrize("sample", sorted(SAMPLES))
def test_every_message_arrives_with_its_words(bench: Bench, sample: str) -> None:
    dispatch = SAMPLES[sample]()
    assert bench.channel.send(dispatch).verdict is Verdict.SENT
    assert dispatch.message.title in bench.arrived()[0]


def test_a_picture_never_keeps_the_words_away(bench: Bench) -> None:
    for picture in (png(), b"broken"):
        outcome = bench.channel.send(Dispatch(one_alert(), draw=lambda picture=picture: picture))
        assert outcome.verdict is Verdict.SENT
    assert "4.8% from liquidation" in bench.arrived()[0]


def test_busy_is_a_retry_and_the_retry_arrives(bench: Bench) -> None:
    if bench.busy is None:
        return
    bench.busy()
    outcome = bench.channel.send(Dispatch(one_alert()))
    assert outcome.verdict is Verdict.RETRY
    assert outcome.cause
    assert bench.channel.send(Dispatch(one_alert(), progress=outcome.receipt)).verdict is Verdict.SENT


def test_refused_for_good_concerns_this_message_only(bench: Bench) -> None:
    if bench.refuse is None:
        return
    bench.refuse()
    outcome = bench.channel.send(Dispatch(one_alert()))
    assert (outcome.verdict, outcome.scope) == (Verdict.REJECTED, Scope.MESSAGE)
    assert bench.channel.send(Dispatch(one_alert())).verdict is Verdict.SENT


def test_nobody_there_is_an_outcome_and_not_an_exception(bench: Bench) -> None:
    assert bench.absent is not None
    for outcome in (bench.absent.send(Dispatch(one_alert())), bench.absent.probe()):
        if bench.absent.name == "apprise" and outcome.verdict is Verdict.SENT:
            continue  # it cannot be probed without sending
        assert outcome.verdict in {Verdict.RETRY, Verdict.REJECTED}
        assert outcome.cause


def test_probe_is_content_and_shows_no_person_anything(bench: Bench) -> None:
    assert bench.channel.probe().verdict is Verdict.SENT
    if bench.channel.name != "webhook":
        assert "".join(bench.arrived()) == ""


# --- webhook


@pytest.fixture
def end() -> Iterator[HttpEnd]:
    with HttpEnd() as running:
        yield running


def test_a_webhook_is_signed_and_names_its_message(end: HttpEnd) -> None:
    message = one_alert()
    Webhook(end.url, "secret", wall=lambda: 1_770_040_991.0).send(Dispatch(message, late_by_s=400))
    request = end.requests[0]
    assert request.headers["idempotency-key"] == message.key
    assert request.headers["x-ethmon-timestamp"] == "1770040991"
    assert request.headers["x-ethmon-signature"] == sign(b"secret", "1770040991", request.body)
    payload = json.loads(request.body)
    assert payload["severity"] == "critical"
    assert payload["facts"][0] == {"label": "Liquidates below", "text": message.facts[0].text}
    assert payload["late_by_s"] == 400


def test_the_signature_is_hmac_sha256_as_anybody_computes_it() -> None:
    # echo -n "1.{}" | openssl dgst -sha256 -hmac secret
    import subprocess

    told = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", "secret"], input=b"1.{}", capture_output=True, check=True
    ).stdout
    expected = "sha256=" + told.decode().rsplit(maxsplit=1)[-1]
    assert sign(b"secret", "1", b"{}") == expected


@pytest.mark.parametrize(
    ("status", "verdict", "scope"),
    [
        (200, Verdict.SENT, Scope.CHANNEL),
        (429, Verdict.RETRY, Scope.CHANNEL),
        (500, Verdict.RETRY, Scope.CHANNEL),
        (301, Verdict.REJECTED, Scope.CHANNEL),
        (404, Verdict.REJECTED, Scope.CHANNEL),
        (400, Verdict.REJECTED, Scope.MESSAGE),
    ],
)
def test_statuses_are_judged(end: HttpEnd, status: int, verdict: Verdict, scope: Scope) -> None:
    headers = {"Retry-After": "17"} if status == 429 else {"Location": end.url} if status == 301 else {}
    end.answers.append(Answer(status, headers=headers))
    outcome = Webhook(end.url).send(Dispatch(one_alert()))
    assert (outcome.verdict, outcome.scope) == (verdict, scope)
    assert outcome.retry_after_s == (17 if status == 429 else None)
    assert len(end.requests) == 1, "no redirect is followed and nothing repeated"


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://example.org/x", True),
        ("http://127.0.0.1:8080/", True),
        ("http://[::1]:8080/", True),
        ("http://localhost/", True),
        ("http://example.org/", False),
        ("http://169.254.169.254/latest/meta-data", False),
        ("http://10.0.0.1/", False),
        ("http://127.0.0.1.example.org/", False),
        ("ftp://127.0.0.1/", False),
        ("https:///nohost", False),
    ],
)
def test_only_encrypted_or_local_addresses_are_taken(url: str, fine: bool) -> None:
    assert is_private_enough(url) is fine
    if not fine:
        with pytest.raises(ValueError, match="neither https nor on this machine"):
            Webhook(url)


@pytest.mark.parametrize("kind", ["drop", "hang", "drip"])
def test_no_other_end_can_hold_us(end: HttpEnd, kind: str) -> None:
    end.answers.append(Answer(kind=kind))
    started = time.monotonic()
    outcome = Webhook(end.url, timeout_s=0.3).send(Dispatch(one_alert()))
    assert outcome.verdict is Verdict.RETRY
    assert time.monotonic() - started < 30, "the time-out counts from the start, not from each byte"


def test_certificates_are_verified(tmp_path: Path) -> None:
    authority: Authority = make_authority(tmp_path)
    with HttpEnd(authority.server) as secure:
        outcome = Webhook(secure.url, timeout_s=2).send(Dispatch(one_alert()))
        assert outcome.cause == "webhook: certificate or TLS handshake not accepted"
        trusting = Webhook(secure.url, timeout_s=2, ca_file=str(authority.ca_file))
        assert trusting.send(Dispatch(one_alert())).verdict is Verdict.SENT
        assert len(secure.requests) == 1


def test_the_heartbeat_is_one_fetch(end: HttpEnd) -> None:
    beat = Heartbeat(end.url)
    assert beat.beat().verdict is Verdict.SENT
    end.answers.append(Answer(500))
    assert beat.beat().verdict is Verdict.RETRY
    assert [request.method for request in end.requests] == ["GET", "GET"]
    assert Heartbeat(GONE_URL, timeout_s=1).beat().verdict is Verdict.RETRY


# --- apprise, console


def test_apprise_asks_again_only_those_that_failed(end: HttpEnd) -> None:
    with HttpEnd() as other:
        channel = Apprise([end.url.replace("http://", "json://"), other.url.replace("http://", "json://")])
        other.answers.append(Answer(500))
        first = channel.send(Dispatch(one_alert()))
        assert (first.verdict, first.cause) == (Verdict.RETRY, "apprise: 1 of 2 failed")
        assert channel.send(Dispatch(one_alert(), progress=first.receipt)).verdict is Verdict.SENT
        assert (len(end.requests), len(other.requests)) == (1, 2)


def test_an_address_that_apprise_does_not_know_is_refused_by_number() -> None:
    with pytest.raises(ValueError, match="number 2 of the addresses"):
        Apprise(["json://127.0.0.1:1", "nonsense://secret"])


def test_a_terminal_without_emoji_gets_the_words() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    assert Console(stream).send(Dispatch(one_alert())).verdict is Verdict.SENT
    assert raw.getvalue().startswith(b"? CRITICAL  Trend Research 1")
