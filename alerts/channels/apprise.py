"""Everything else, through the optional package `apprise`: one URL per service.

Apprise answers only yes or no and knows no `Retry-After`, so a failure is always tried again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alerts.model import Severity
from alerts.ports import Dispatch, Outcome, Scope
from alerts.redact import guard_loggers
from alerts.render import plain

_KINDS = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}
_LOGGERS = ("apprise", "urllib3.connectionpool")


class Apprise:
    """Sends to every URL; those that took the message are not asked again when others failed.

    Raises `ValueError` when the package is missing or a URL is not one that it knows; the message
    counts URLs and shows none.
    """

    name = "apprise"

    def __init__(self, urls: Sequence[str]) -> None:
        try:
            from apprise import Apprise as Plugins
        except ImportError:
            raise ValueError("the package apprise is not installed: pip install 'ethmon[apprise]'") from None
        guard_loggers(_LOGGERS, urls)
        plugins: Any = Plugins  # its annotations are incomplete
        made: list[Any] = [plugins.instantiate(url, suppress_exceptions=True) for url in urls]
        wrong = [str(number) for number, target in enumerate(made, 1) if not target]
        if wrong:
            raise ValueError(f"number {', '.join(wrong)} of the addresses is not one that apprise knows")
        self._targets = made

    def __repr__(self) -> str:
        return "Apprise(***)"

    def send(self, dispatch: Dispatch) -> Outcome:
        """See `alerts.ports.Channel`."""
        done = {number for number in dispatch.progress.get("done", "").split(",") if number}
        for number, target in enumerate(self._targets, 1):
            if str(number) not in done and self._notify(target, dispatch):
                done.add(str(number))
        missing = len(self._targets) - len(done)
        if missing:
            return Outcome.retry(
                f"apprise: {missing} of {len(self._targets)} failed", None, {"done": ",".join(sorted(done))}
            )
        return Outcome.sent()

    def _notify(self, target: Any, dispatch: Dispatch) -> bool:
        message = dispatch.message
        try:
            return bool(
                target.notify(body=plain(dispatch), title=message.title, notify_type=_KINDS[message.severity])
            )
        except Exception:  # noqa: BLE001  a hundred plug-ins raise what they like, addresses included
            return False

    def probe(self) -> Outcome:
        """See `alerts.ports.Channel`: apprise has no way to test without sending."""
        return (
            Outcome.sent(note="not tested: apprise can only send")
            if self._targets
            else Outcome.rejected("no address", Scope.CHANNEL)
        )
