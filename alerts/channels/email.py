"""Messages by mail: text and HTML with the chart inline, one thread per incident."""

from __future__ import annotations

import ipaddress
import smtplib
import ssl
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from enum import StrEnum

from alerts import mail
from alerts.channels.deadline import Deadline
from alerts.model import Severity
from alerts.ports import Dispatch, Outcome, Scope, Verdict
from alerts.redact import Redactor
from alerts.render import plain
from alerts.telling import digest
from alerts.wording import clean

SESSION_S = 60.0
"""For one letter, from the first byte to the last: half of delivery's lease."""


class Security(StrEnum):
    """How the connection is protected; certificates are always verified."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Account:
    """Where mail goes out, from whom and to whom. `password` is never shown."""

    host: str
    port: int
    security: Security
    sender: str
    recipients: tuple[str, ...]
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Account({self.host}:{self.port}, {self.security})"


class Email:
    """`alerts.ports.Channel` over SMTP. `context` replaces the system's certificate authorities."""

    name = "email"

    def __init__(
        self,
        account: Account,
        *,
        context: ssl.SSLContext | None = None,
        timeout_s: float = 10.0,
        session_s: float = SESSION_S,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._account = account
        self._context = context or ssl.create_default_context()
        self._timeout_s = timeout_s
        self._session_s = session_s
        self._now = now
        self._redactor = Redactor((account.password, f"\0{account.user}\0{account.password}"))

    def send(self, dispatch: Dispatch) -> Outcome:
        """See `alerts.ports.Channel`."""
        accepted = _names(dispatch.progress.get("accepted", ""))
        refused = _names(dispatch.progress.get("refused", ""))
        missing = [one for one in self._account.recipients if one not in {*accepted, *refused}]

        def use(smtp: smtplib.SMTP) -> Outcome:
            # Only now: nothing is drawn for a server that is down.
            return self._hand_in(smtp, self._letter(dispatch), missing, accepted, refused)

        outcome = self._session(use)
        if not outcome.receipt and dispatch.progress:
            return Outcome(
                outcome.verdict, outcome.cause, dispatch.progress, outcome.retry_after_s, outcome.scope
            )
        return outcome

    def probe(self) -> Outcome:
        """See `alerts.ports.Channel`: connection, certificate, login, and the sender's address."""
        return self._session(self._ask)

    def _ask(self, smtp: smtplib.SMTP) -> Outcome:
        smtp.ehlo_or_helo_if_needed()
        code, text = smtp.mail(parseaddr(self._account.sender)[1])
        smtp.rset()
        return Outcome.sent() if code == 250 else self._judge(code, text, "sender", Scope.CHANNEL)

    def _session(self, use: Callable[[smtplib.SMTP], Outcome]) -> Outcome:
        """Connect, protect, log in, use; every failure becomes an outcome."""
        with Deadline(self._session_s) as deadline:
            try:
                with self._connect(deadline) as smtp:
                    if self._account.user:
                        smtp.login(self._account.user, self._account.password)
                    return use(smtp)
            except _UnsafeError as refusal:
                return Outcome.rejected(str(refusal), Scope.CHANNEL)
            except (smtplib.SMTPException, OSError, ValueError) as error:
                if deadline.over:
                    return Outcome.retry(
                        f"the mail server took more than {self._session_s:g} s for one letter"
                    )
                return self._failed(error)

    @contextmanager
    def _connect(self, deadline: Deadline) -> Generator[smtplib.SMTP]:
        account, timeout_s = self._account, self._timeout_s
        if account.security is Security.NONE and account.user and not _is_loopback(account.host):
            raise _UnsafeError("the password would go out unencrypted: set SMTP_SECURITY to starttls or tls")
        smtp = (
            _TlsSmtp(deadline, account.host, account.port, timeout=timeout_s, context=self._context)
            if account.security is Security.TLS
            else _Smtp(deadline, account.host, account.port, timeout=timeout_s)
        )
        try:
            if account.security is Security.STARTTLS:
                smtp.starttls(context=self._context)
            yield smtp
        finally:
            with suppress(smtplib.SMTPException, OSError):
                smtp.quit()
            smtp.close()

    def _hand_in(
        self,
        smtp: smtplib.SMTP,
        letter: EmailMessage,
        missing: Sequence[str],
        accepted: Sequence[str],
        refused: Sequence[str],
    ) -> Outcome:
        """Recipients are judged one by one: who has the letter does not get it again."""
        try:
            answers = smtp.send_message(
                letter, from_addr=parseaddr(self._account.sender)[1], to_addrs=list(missing)
            )
        except smtplib.SMTPRecipientsRefused as error:
            answers = error.recipients
        now_accepted = (*accepted, *(one for one in missing if one not in answers))
        later = {one: answer for one, answer in answers.items() if answer[0] < 500}
        now_refused = (*refused, *(one for one in answers if one not in later))
        progress = {"accepted": ",".join(now_accepted), "refused": ",".join(now_refused)}
        note = "; ".join(self._said(*answer, who=one) for one, answer in answers.items())
        if later:
            # Whoever has it does not wait for a mailbox that is full.
            scope = Scope.MESSAGE if now_accepted else Scope.CHANNEL
            return Outcome(Verdict.RETRY, note, progress, scope=scope)
        if not now_accepted:
            return Outcome.rejected(note, Scope.CHANNEL)
        return Outcome.sent({**progress, "message_id": str(letter["Message-ID"])}, note)

    def _failed(self, error: Exception) -> Outcome:  # noqa: PLR0911  one line per kind of failure
        match error:
            case smtplib.SMTPAuthenticationError():
                return self._judge(error.smtp_code, error.smtp_error, "login", Scope.CHANNEL)
            case smtplib.SMTPSenderRefused():
                return self._judge(error.smtp_code, error.smtp_error, "sender", Scope.CHANNEL)
            case smtplib.SMTPResponseException():
                scope = Scope.MESSAGE if isinstance(error, smtplib.SMTPDataError) else Scope.CHANNEL
                return self._judge(error.smtp_code, error.smtp_error, "mail server", scope)
            case smtplib.SMTPNotSupportedError():
                return Outcome.rejected(
                    "the mail server offers no STARTTLS or no login: check SMTP_SECURITY", Scope.CHANNEL
                )
            case ssl.SSLCertVerificationError():
                return Outcome.retry(
                    f"the certificate of {self._account.host} is not valid ({error.verify_message})"
                )
            case ssl.SSLError():
                return Outcome.retry("no TLS at this port: SMTP_SECURITY is tls for 465, starttls for 587")
            case smtplib.SMTPServerDisconnected() if not isinstance(error.__context__, TimeoutError):
                return Outcome.retry("the mail server hung up")
            case TimeoutError() | smtplib.SMTPServerDisconnected():
                return Outcome.retry("the mail server does not answer (port 465 needs SMTP_SECURITY=tls)")
            case _:
                return Outcome.retry(f"no connection to the mail server ({type(error).__name__})")

    def _judge(self, code: int, text: bytes | str, what: str, scope: Scope) -> Outcome:
        cause = self._said(code, text, what)
        return Outcome.rejected(cause, scope) if code >= 500 else Outcome.retry(cause)

    def _said(self, code: int, text: bytes | str, who: str) -> str:
        words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        return clean(self._redactor.text(f"{who}: {code} {words}"), 200)

    def _letter(self, dispatch: Dispatch) -> EmailMessage:
        message = dispatch.message
        letter = EmailMessage()
        earlier = _earlier_id(dispatch)
        letter["Subject"] = ("Re: " if earlier else "") + mail.subject(message)
        letter["From"] = self._account.sender
        letter["To"] = ", ".join(self._account.recipients)
        letter["Date"] = format_datetime(self._now())
        letter["Message-ID"] = self._message_id(message.key)
        if earlier:
            letter["In-Reply-To"] = letter["References"] = earlier
        letter["Auto-Submitted"] = "auto-generated"
        if message.severity is Severity.CRITICAL:
            letter["Importance"], letter["X-Priority"] = "high", "1"
        _fill(letter, dispatch)
        return letter

    def _message_id(self, key: str) -> str:
        """The same whenever the message is sent again: servers and programs drop the copy."""
        domain = parseaddr(self._account.sender)[1].rpartition("@")[2] or "localhost"
        return f"<{key}.{digest(*self._account.recipients)}@{domain}>"


class _Smtp(smtplib.SMTP):
    """Within a deadline from before its first byte."""

    def __init__(self, deadline: Deadline, host: str, port: int, *, timeout: float) -> None:
        deadline.watch(self)
        super().__init__(host, port, timeout=timeout)


class _TlsSmtp(smtplib.SMTP_SSL):
    """As `_Smtp`; the handshake is one step, which ends with the time-out."""

    def __init__(
        self, deadline: Deadline, host: str, port: int, *, timeout: float, context: ssl.SSLContext
    ) -> None:
        deadline.watch(self)
        super().__init__(host, port, timeout=timeout, context=context)


class _UnsafeError(Exception):
    """What we refuse to do ourselves."""


def _fill(letter: EmailMessage, dispatch: Dispatch) -> None:
    acknowledge = (
        f"Acknowledge: ethmon alerts ack {dispatch.message.key}" if dispatch.message.incidents else ""
    )
    image = dispatch.draw()
    picture = "" if image is None else "chart@ethmon"
    text = plain(dispatch)
    letter.set_content(f"{text}\n\n{acknowledge}\n" if acknowledge else f"{text}\n", cte="quoted-printable")
    letter.add_alternative(
        mail.mail_html(dispatch, picture, acknowledge), subtype="html", cte="quoted-printable"
    )
    if image is not None:
        html_part = letter.get_payload(1)
        assert isinstance(html_part, EmailMessage)
        html_part.add_related(
            image, "image", "png", cid=f"<{picture}>", disposition="inline", filename="chart.png"
        )


def _earlier_id(dispatch: Dispatch) -> str:
    receipt = dispatch.original.receipt if dispatch.original else dispatch.thread_receipt
    return (receipt or {}).get("message_id", "")


def _names(joined: str) -> list[str]:
    return [name for name in joined.split(",") if name]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
