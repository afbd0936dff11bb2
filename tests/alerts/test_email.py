"""The mail channel against a real SMTP server with real certificates."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alerts.channels.email import Account, Email, Security
from alerts.delivery import drain
from alerts.ports import Dispatch, Original, Scope, Verdict
from monitor.store import backlog, outbox
from monitor.store.outbox import SqliteOutbox
from tests.support.alert_doubles import Clock
from tests.support.alert_samples import corrected, one_alert, recovered
from tests.support.databases import new_database
from tests.support.png import png
from tests.support.smtp_server import Authority, Mailbox, SmtpServer, make_authority

PASSWORD = "correct horse battery staple"
NOW = datetime(2026, 2, 2, 14, 3, 11, tzinfo=UTC)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox("ethmon", PASSWORD)


@pytest.fixture
def server(mailbox: Mailbox) -> Iterator[SmtpServer]:
    with SmtpServer(mailbox) as running:
        yield running


def account(port: int, security: Security = Security.NONE, **changes: Any) -> Account:
    base = Account(
        "127.0.0.1", port, security, "ethmon <alerts@example.org>", ("a@example.org", "b@example.org")
    )
    return replace(base, **changes)


def email(server: SmtpServer, **changes: Any) -> Email:
    return Email(account(server.port, **changes), timeout_s=5, now=lambda: NOW)


def test_a_letter_has_text_html_picture_and_the_headers_that_programs_need(
    server: SmtpServer, mailbox: Mailbox
) -> None:
    outcome = email(server).send(Dispatch(one_alert(), draw=lambda: png(60, 40)))
    assert outcome.verdict is Verdict.SENT
    envelope, letter = mailbox.letters[0]
    assert envelope.rcpt_tos == ["a@example.org", "b@example.org"]
    assert letter["Subject"] == "[ethmon] Trend Research 1 on Aave v3, distance"
    assert letter["Date"] == "Mon, 02 Feb 2026 14:03:11 +0000"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Importance"] == "high"
    assert letter["Message-ID"] == outcome.receipt["message_id"]
    assert "In-Reply-To" not in letter
    assert [part.get_content_type() for part in letter.walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
    ]
    text, page, picture = (part for part in letter.walk() if not part.is_multipart())
    assert "4.8% from liquidation" in text.get_content()
    assert "Repay about 31,200,000 USDT" in text.get_content()
    assert f"cid:{picture['Content-ID'].strip('<>')}" in page.get_content()
    assert picture.get_content() == png(60, 40)


def test_the_same_message_keeps_its_id_and_a_thread_its_root_and_subject(
    server: SmtpServer, mailbox: Mailbox
) -> None:
    channel = email(server)
    first = channel.send(Dispatch(one_alert()))
    channel.send(Dispatch(one_alert()))
    channel.send(Dispatch(recovered(), thread_receipt=first.receipt))
    channel.send(Dispatch(corrected(), original=Original(one_alert(), first.receipt)))
    letters = [letter for _, letter in mailbox.letters]
    root = first.receipt["message_id"]
    assert letters[0]["Message-ID"] == letters[1]["Message-ID"] == root
    assert len({str(letter["Message-ID"]) for letter in letters}) == 3
    for follower in letters[2:]:
        assert follower["References"] == follower["In-Reply-To"] == root
        assert follower["Subject"] == f"Re: {letters[0]['Subject']}"


def test_hostile_names_forge_no_header(server: SmtpServer, mailbox: Mailbox) -> None:
    message = replace(one_alert(), topic="x\r\nBcc: victim@example.org\r\n\r\nbody", title="\u202eevil")
    assert email(server).send(Dispatch(message)).verdict is Verdict.SENT
    envelope, letter = mailbox.letters[0]
    assert "Bcc" not in letter
    assert "victim@example.org" not in envelope.rcpt_tos
    assert letter["Subject"].startswith("[ethmon] x Bcc:")


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_protected_and_logged_in(authority: Authority, mailbox: Mailbox, security: Security) -> None:
    with SmtpServer(mailbox, security, authority, login=True) as server:
        settings = account(server.port, security, user="ethmon", password=PASSWORD)
        channel = Email(settings, context=authority.client_context(), timeout_s=5)
        assert channel.probe().verdict is Verdict.SENT
        assert channel.send(Dispatch(one_alert())).verdict is Verdict.SENT
        assert mailbox.logins == 2
        wrong = Email(replace(settings, password="wrong"), context=authority.client_context(), timeout_s=5)
        outcome = wrong.send(Dispatch(one_alert()))
        assert (outcome.verdict, outcome.scope) == (Verdict.REJECTED, Scope.CHANNEL)
        assert "535" in outcome.cause


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_a_certificate_that_cannot_be_verified_stops_the_letter(
    authority: Authority, mailbox: Mailbox, security: Security, tmp_path: Path
) -> None:
    with SmtpServer(mailbox, security, authority) as server:
        unknown_authority = Email(account(server.port, security), timeout_s=5)
        assert "certificate of 127" in unknown_authority.send(Dispatch(one_alert())).cause
    other = make_authority(tmp_path, host="mail.example.org")
    with SmtpServer(mailbox, security, other) as server:
        wrong_host = Email(account(server.port, security), context=other.client_context(), timeout_s=5)
        outcome = wrong_host.probe()
        assert outcome.verdict is Verdict.RETRY
        assert "certificate" in outcome.cause
    assert mailbox.letters == []


def test_security_that_does_not_match_the_port_is_explained(authority: Authority, mailbox: Mailbox) -> None:
    context = authority.client_context()
    with SmtpServer(mailbox) as plain:
        outcome = Email(account(plain.port, Security.TLS), context=context, timeout_s=2).probe()
        assert "SMTP_SECURITY is tls for 465" in outcome.cause
        outcome = Email(account(plain.port, Security.STARTTLS), context=context, timeout_s=2).probe()
        assert (outcome.verdict, outcome.scope) == (Verdict.REJECTED, Scope.CHANNEL)
        assert "offers no STARTTLS" in outcome.cause
    with SmtpServer(mailbox, "tls", authority) as tls:
        outcome = Email(account(tls.port, Security.STARTTLS), context=context, timeout_s=0.5).probe()
        assert outcome.verdict is Verdict.RETRY


def test_a_password_never_travels_unencrypted_to_another_machine() -> None:
    settings = account(25, Security.NONE, host="mail.example.org", user="ethmon", password=PASSWORD)
    outcome = Email(settings).send(Dispatch(one_alert()))
    assert (outcome.verdict, outcome.scope) == (Verdict.REJECTED, Scope.CHANNEL)
    assert "unencrypted" in outcome.cause


@pytest.mark.parametrize(
    ("place", "reply", "verdict", "scope"),
    [
        ("data", "451 greylisted, try later", Verdict.RETRY, Scope.CHANNEL),
        ("data", "554 looks like spam", Verdict.REJECTED, Scope.MESSAGE),
        ("sender", "451 busy", Verdict.RETRY, Scope.CHANNEL),
        ("sender", "550 who are you", Verdict.REJECTED, Scope.CHANNEL),
        ("recipients", "450 4.2.0 greylisted", Verdict.RETRY, Scope.CHANNEL),
        ("recipients", "550 no such user", Verdict.REJECTED, Scope.CHANNEL),
        ("sender", "421 closing", Verdict.RETRY, Scope.CHANNEL),
    ],
)
def test_refusals_are_judged_by_code_and_place(
    server: SmtpServer, mailbox: Mailbox, *, place: str, reply: str, verdict: Verdict, scope: Scope
) -> None:
    if place == "recipients":
        mailbox.at_recipient = {name: deque([reply]) for name in ("a@example.org", "b@example.org")}
    else:
        (mailbox.at_data if place == "data" else mailbox.at_sender).append(reply)
    outcome = email(server).send(Dispatch(one_alert()))
    assert (outcome.verdict, outcome.scope) == (verdict, scope)
    assert reply[:3] in outcome.cause


def test_who_has_the_letter_does_not_get_it_again(server: SmtpServer, mailbox: Mailbox) -> None:
    mailbox.at_recipient = {"b@example.org": deque(["450 greylisted", "450 greylisted", "250 OK"])}
    channel = email(server)
    first = channel.send(Dispatch(one_alert()))
    assert first.verdict is Verdict.RETRY
    assert first.receipt == {"accepted": "a@example.org", "refused": ""}
    assert first.scope is Scope.MESSAGE
    second = channel.send(Dispatch(one_alert(), progress=first.receipt))
    assert second.verdict is Verdict.RETRY
    mailbox.at_recipient.clear()
    third = channel.send(Dispatch(one_alert(), progress=second.receipt))
    assert third.verdict is Verdict.SENT
    assert [envelope.rcpt_tos for envelope, _ in mailbox.letters] == [["a@example.org"], ["b@example.org"]]


def test_an_address_refused_for_good_is_noted_and_the_others_count_as_delivered(
    server: SmtpServer, mailbox: Mailbox
) -> None:
    mailbox.at_recipient = {"b@example.org": deque(["550 no such user"])}
    outcome = email(server).send(Dispatch(one_alert()))
    assert outcome.verdict is Verdict.SENT
    assert outcome.receipt["refused"] == "b@example.org"
    assert "550" in outcome.cause


def test_an_address_refused_for_good_is_not_asked_again_with_the_others(
    server: SmtpServer, mailbox: Mailbox
) -> None:
    mailbox.at_recipient = {
        "a@example.org": deque(["450 greylisted"]),
        "b@example.org": deque(["550 no such user"]),
    }
    channel = email(server)
    first = channel.send(Dispatch(one_alert()))
    assert first.receipt == {"accepted": "", "refused": "b@example.org"}
    assert first.scope is Scope.CHANNEL
    mailbox.at_recipient.clear()
    assert channel.send(Dispatch(one_alert(), progress=first.receipt)).verdict is Verdict.SENT
    assert [envelope.rcpt_tos for envelope, _ in mailbox.letters] == [["a@example.org"]]


def test_whoever_answered_once_stays_answered_over_several_attempts(
    server: SmtpServer, mailbox: Mailbox
) -> None:
    three = ("a@example.org", "b@example.org", "c@example.org")
    channel = email(server, recipients=three)
    mailbox.at_recipient = {
        "a@example.org": deque(["450 greylisted"]),
        "b@example.org": deque(["550 no such user"]),
    }
    first = channel.send(Dispatch(one_alert()))
    assert first.receipt == {"accepted": "c@example.org", "refused": "b@example.org"}
    mailbox.at_recipient["b@example.org"] = deque(["250 OK"])
    second = channel.send(Dispatch(one_alert(), progress=first.receipt))
    assert (second.verdict, second.receipt) == (Verdict.RETRY, first.receipt)
    mailbox.at_recipient["a@example.org"] = deque(["550 no such user"])
    third = channel.send(Dispatch(one_alert(), progress=second.receipt))
    assert third.verdict is Verdict.SENT, "one has it"
    assert third.receipt["accepted"] == "c@example.org"
    assert set(third.receipt["refused"].split(",")) == {"a@example.org", "b@example.org"}
    assert [envelope.rcpt_tos for envelope, _ in mailbox.letters] == [["c@example.org"]]


def test_a_mailbox_that_is_full_keeps_nothing_from_the_others(
    server: SmtpServer, mailbox: Mailbox, tmp_path: Path
) -> None:
    mailbox.at_recipient = {"b@example.org": deque(["452 mailbox full"])}
    clock, channel = Clock(), email(server)
    with new_database(tmp_path / "ethmon.db") as db:
        box = SqliteOutbox(db)
        for name in "xyz":
            box.enqueue(replace(one_alert(), key=name, thread=name), ["email"], clock())
        done = drain(box, [channel], clock)
        assert [envelope.rcpt_tos for envelope, _ in mailbox.letters] == [["a@example.org"]] * 3
        assert box.health("email").failing_since is None, "it works"
        assert done.failed == 0
        assert drain(box, [channel], clock).sent == 0, "not before its time"
        assert backlog.stuck(db, clock() + 1) == frozenset(), "it reached somebody"
        mailbox.at_recipient.clear()
        clock.now += 900
        drain(box, [channel], clock)
        assert [envelope.rcpt_tos for envelope, _ in mailbox.letters[3:]] == [["b@example.org"]] * 3
        assert {row.state for row in backlog.list_rows(db)} == {"delivered"}


def test_a_mailbox_that_stays_full_is_given_up_and_can_be_tried_at_once(
    server: SmtpServer, mailbox: Mailbox, tmp_path: Path
) -> None:
    mailbox.at_recipient = {"b@example.org": deque(["452 mailbox full"])}
    clock, channel = Clock(), email(server)
    with new_database(tmp_path / "ethmon.db") as db:
        box = SqliteOutbox(db)
        box.enqueue(one_alert(), ["email"], clock())
        drain(box, [channel], clock)
        outbox.retry(db)
        drain(box, [channel], clock)
        assert backlog.list_rows(db)[0].attempts == 2, "asked by a person"
        clock.now += 5 * 86_400
        drain(box, [channel], clock)
        (row,) = backlog.list_rows(db)
        assert row.state == "dead"
        assert row.last_error.startswith("given up: ")
        assert row.last_error.endswith("452 mailbox full")


def test_progress_survives_a_failure_to_connect(server: SmtpServer) -> None:
    progress = {"accepted": "a@example.org", "refused": ""}
    outcome = Email(account(1), timeout_s=1).send(Dispatch(one_alert(), progress=progress))
    assert outcome.verdict is Verdict.RETRY
    assert outcome.receipt == progress


def test_a_connection_cut_after_acceptance_is_tried_again_under_the_same_id(
    server: SmtpServer, mailbox: Mailbox
) -> None:
    mailbox.drop_after_data = 1
    channel = email(server)
    assert channel.send(Dispatch(one_alert())).verdict is Verdict.RETRY
    assert channel.send(Dispatch(one_alert())).verdict is Verdict.SENT
    assert len({str(letter["Message-ID"]) for _, letter in mailbox.letters}) == 1


def hang_up(listener: socket.socket) -> None:
    listener.accept()[0].close()


def test_a_server_that_says_nothing_or_hangs_up_is_a_retry() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        outcome = Email(account(silent.getsockname()[1]), timeout_s=0.3).probe()
        assert outcome.verdict is Verdict.RETRY
        assert "does not answer" in outcome.cause
    with socket.create_server(("127.0.0.1", 0)) as rude:
        threading.Thread(target=hang_up, args=(rude,), daemon=True).start()
        outcome = Email(account(rude.getsockname()[1]), timeout_s=2).probe()
        assert outcome.verdict is Verdict.RETRY


def drip(listener: socket.socket, security: Security, authority: Authority, said: list[bytes]) -> None:
    """Answer what is `said`, one line to each line that comes, then a byte now and then, never a whole line."""
    connection = listener.accept()[0]
    with suppress(OSError):
        if security is Security.TLS:
            connection = authority.server.wrap_socket(connection, server_side=True)
        with connection, connection.makefile("rb") as lines:
            for number, line in enumerate(said):
                if number and not lines.readline():
                    return
                connection.sendall(line + b"\r\n")
            for _ in range(
                300
            ):  # ends by itself, so that a client without a deadline fails and does not hang
                connection.sendall(b"2")
                time.sleep(0.05)


@pytest.mark.parametrize("security", [Security.NONE, Security.TLS])
@pytest.mark.parametrize("said", [[], [b"220 hello", b"250 test"]], ids=["greeting", "command"])
def test_a_server_that_drips_is_left_when_the_time_is_over(
    authority: Authority, security: Security, said: list[bytes]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=drip, args=(listener, security, authority, said), daemon=True).start()
        settings = account(listener.getsockname()[1], security)
        context = authority.client_context()
        outcome = Email(settings, context=context, timeout_s=5, session_s=1).send(Dispatch(one_alert()))
    assert outcome.verdict is Verdict.RETRY
    assert outcome.cause == "the mail server took more than 1 s for one letter"


def test_nothing_is_drawn_for_a_server_that_is_down() -> None:
    drawn: list[int] = []
    outcome = Email(account(1), timeout_s=1).send(Dispatch(one_alert(), draw=lambda: drawn.append(1)))
    assert outcome.verdict is Verdict.RETRY
    assert drawn == []


def test_the_default_context_verifies() -> None:
    context = Email(account(25))._context
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
