"""A mail server on loopback that files every letter as an .eml, which mail programs open."""

from __future__ import annotations

import re
import threading
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from types import TracebackType
from typing import Any, Self

HOST = "127.0.0.1"
_LONGEST_LINE = 4_096
_LONGEST_LETTER = 12 << 20
_GREETINGS = {"EHLO", "HELO", "RSET", "NOOP", "MAIL", "RCPT"}


class MailServer:
    """A running server; letters go into `folder`, which must exist. A context manager."""

    def __init__(self, folder: Path) -> None:
        self.letters: list[tuple[Path, EmailMessage]] = []
        self._folder = folder
        self._filing = threading.Lock()
        self._server = _Server(self)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="mail", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        """From the kernel."""
        return int(self._server.server_address[1])

    def file(self, content: bytes) -> None:
        """Keep a letter: `03 ethmon Whale on Aave v3 distance.eml`."""
        parsed: Any = BytesParser(policy=default).parsebytes(content)
        letter: EmailMessage = parsed
        with self._filing:
            words = re.sub(r"[^\w]+", " ", str(letter["Subject"])).strip()[:60]
            path = self._folder / f"{len(self.letters) + 1:02} {words}.eml"
            path.write_bytes(content)
            self.letters.append((path, letter))


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, mail: MailServer) -> None:
        super().__init__((HOST, 0), _Session)
        self.mail = mail


class _Session(StreamRequestHandler):
    """One SMTP connection (RFC 5321), everybody welcome."""

    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]
    timeout = 30

    def handle(self) -> None:
        self._say("220 localhost ethmon demo")
        while line := self.rfile.readline(_LONGEST_LINE):
            verb = line[:4].decode("ascii", "replace").upper().strip()
            if verb == "QUIT":
                self._say("221 bye")
                return
            if verb == "DATA":
                self._take()
            else:
                self._say("250 ok" if verb in _GREETINGS else "502 not here")

    def _take(self) -> None:
        self._say("354 end with a dot")
        lines: list[bytes] = []
        size = 0
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                return  # hung up in the middle: nobody was told that it was accepted
            size += len(line)
            if size <= _LONGEST_LETTER:
                lines.append(line[1:] if line.startswith(b".") else line)
        if size > _LONGEST_LETTER:
            self._say("552 too long")
            return
        self.server.mail.file(b"".join(lines))
        self._say("250 accepted")

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")
