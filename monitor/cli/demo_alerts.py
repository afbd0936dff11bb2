"""The alerts that the demo sent: a line each, and where they can be opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.cli.when import utc
from monitor.store.told import SentMessage

if TYPE_CHECKING:
    from monitor.localnet.receivers import Kept

_NAMES = {"telegram": "Telegram", "email": "mail", "console": "console"}


def lines(sent: Sequence[SentMessage], kept: Kept, console: Path) -> Iterator[str]:
    """Every message in its order, where it went, then the files."""
    if not sent:
        yield "none"
        return
    routes = [_route(one) for one in sent]
    alike = len(set(routes)) == 1
    for one, route in zip(sent, routes, strict=True):
        when = utc(int(one.queued_at))[11:19]
        yield f"{when}  {one.severity.name.lower():<8}  {one.title}{'' if alike else f'  -> {route}'}"
    if alike:
        yield f"each to {routes[0]}"
    yield ""
    yield f"the chat      {kept.chat.absolute().as_uri()}   ({kept.messages} messages)"
    yield f"the inbox     {kept.inbox.absolute().as_uri()}   ({kept.letters} letters, as .eml in {kept.mail_folder})"
    yield f"the console   {console}"


def _route(one: SentMessage) -> str:
    delivered = ", ".join(_NAMES.get(name, name) for name in one.delivered) or "nobody"
    return f"{delivered}; not to {', '.join(one.missed)}" if one.missed else delivered
