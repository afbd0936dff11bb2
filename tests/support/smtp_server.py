"""A real SMTP server (aiosmtpd) on loopback: plain, STARTTLS or TLS, with login and scripted answers."""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass(frozen=True)
class Authority:
    """A certificate authority made for the test, and a server certificate that it signed."""

    ca_file: Path
    server: ssl.SSLContext

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_file))


def make_authority(folder: Path, *, host: str = "127.0.0.1") -> Authority:
    """CA and certificate for `host` (an address or a name), valid for a day."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.now(UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip

    def certificate(subject: str, public: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject)).issuer_name(name("test authority")).public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
        )  # fmt: skip

    ca = (
        certificate("test authority", ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    try:
        alternative: x509.GeneralName = x509.IPAddress(ip_address(host))
    except ValueError:
        alternative = x509.DNSName(host)
    leaf = (
        certificate(host, key.public_key())
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    (folder / "leaf.pem").write_bytes(leaf.public_bytes(pem))
    (folder / "leaf.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "leaf.pem", folder / "leaf.key")
    return Authority(folder / "ca.pem", server)


class Mailbox:
    """What arrived, and what to answer: scripted replies go first."""

    def __init__(self, user: str = "", password: str = "") -> None:
        self.letters: list[tuple[Envelope, EmailMessage]] = []
        self.at_data: deque[str] = deque()
        self.at_recipient: dict[str, deque[str]] = {}
        self.at_sender: deque[str] = deque()
        self.drop_after_data = 0
        self.logins = 0
        self._user, self._password = user, password

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.at_sender:
            return self.at_sender.popleft()
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        scripted = self.at_recipient.get(address)
        if scripted:
            return scripted.popleft() if len(scripted) > 1 else scripted[0]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.at_data:
            return self.at_data.popleft()
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        letter: Any = BytesParser(policy=default).parsebytes(content)
        self.letters.append((envelope, letter))
        if self.drop_after_data:
            self.drop_after_data -= 1
            server.transport.abort()
        return "250 accepted"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        right = isinstance(data, LoginPassword) and data == LoginPassword(
            self._user.encode(), self._password.encode()
        )
        self.logins += right
        # Without handled=False the client is left waiting for an answer.
        return AuthResult(success=right, handled=right)


class _Controller(Controller):
    def __init__(self, mailbox: Mailbox, factory: Callable[[], SMTP]) -> None:
        super().__init__(mailbox, hostname="127.0.0.1", port=0)
        self._factory = factory

    def factory(self) -> SMTP:
        return self._factory()

    def _trigger_server(self) -> None:
        self.port = self.bound_port  # the kernel's choice, known only now
        super()._trigger_server()

    @property
    def bound_port(self) -> int:
        assert self.server is not None
        return int(self.server.sockets[0].getsockname()[1])


class SmtpServer:
    """`security` is starttls (required), tls or none; login is required when the mailbox has a user."""

    def __init__(
        self,
        mailbox: Mailbox,
        security: str = "none",
        authority: Authority | None = None,
        *,
        login: bool = False,
    ) -> None:
        context = authority.server if authority else None
        starttls = context if security == "starttls" else None

        def factory() -> SMTP:
            return SMTP(
                mailbox,
                hostname="test",
                tls_context=starttls,
                require_starttls=starttls is not None,
                authenticator=mailbox.authenticate if login else None,
                auth_required=login and starttls is not None,
                auth_require_tls=starttls is not None,
            )

        self._controller = _Controller(mailbox, factory)
        self._controller.ssl_context = context if security == "tls" else None

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def port(self) -> int:
        return self._controller.bound_port
