"""`ethmon serve` as a process, and a client that sends what a browser would."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from tests.support.commands import eventually, started


class Answer(NamedTuple):
    """Of one request."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Client(NamedTuple):
    """Of one site."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Ask for `path`; a keyword is a header (`sec_fetch_site` is Sec-Fetch-Site)."""
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers=named)
            found = connection.getresponse()
            body = found.read().decode()
            return Answer(found.status, {name.lower(): value for name, value in found.getheaders()}, body)
        finally:
            connection.close()

    def ask(self, sql: str, **parameters: str) -> Answer:
        """SQL of a stranger, as JSON."""
        rest = "".join(f"&{name}={quote(value)}" for name, value in parameters.items())
        return self.get(f"/ethmon.json?sql={quote(sql)}&_shape=objects{rest}")


@contextmanager
def serving(database: Path, *options: str, **environment: str) -> Iterator[Client]:
    """A site over `database` on a port of the kernel's choice, once it answers."""
    command = ("--db", str(database), "serve", "--port", "0", *options)
    log = database.parent / "stderr.log"
    with started(database.parent, *command, **environment) as process:

        def address() -> str:
            assert process.poll() is None, log.read_text()
            found = re.search(r"http://\S+", log.read_text())
            return found[0] if found else ""

        yield Client(eventually(address), process, log)
