"""The outgoing half of the dead man's switch: a URL that is fetched while all is well."""

from __future__ import annotations

from alerts.channels.http import Http, NoReply
from alerts.ports import Outcome


class Heartbeat:
    """Fetches `url`; a service such as healthchecks complains when it stops."""

    def __init__(self, url: str, *, timeout_s: float = 10.0, ca_file: str | None = None) -> None:
        self._url = url
        self._http = Http((url,), timeout_s=timeout_s, ca_file=ca_file)

    def __repr__(self) -> str:
        return "Heartbeat(***)"

    def beat(self) -> Outcome:
        """One GET; anything but 2xx is a failure."""
        reply = self._http.get(self._url)
        if isinstance(reply, NoReply):
            return Outcome.retry(f"heartbeat: {reply.cause}")
        return (
            Outcome.sent()
            if 200 <= reply.status < 300
            else Outcome.retry(f"heartbeat answers {reply.status}")
        )
