"""A message as a page: every text cleaned, cut to fit before anything is rendered.

Cutting a rendered text would cut through tags and entities, and a chat server refuses the whole
message for it; so whole parts are dropped, least important first, until the page is short enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from alerts.model import Item, Link, Message, Severity, Transition
from alerts.ports import Dispatch
from alerts.wording import clean, cut, moment, span

_ICONS = {Severity.CRITICAL: "🔴", Severity.WARNING: "🟠", Severity.INFO: "🔵"}
_NEWS_ICONS = {
    Transition.RECOVERED: "🟢",
    Transition.SIGHTED: "🟢",
    Transition.BLIND: "⚫",
    Transition.CORRECTED: "✏️",
}
_WORDS = {
    Transition.RECOVERED: "RECOVERED",
    Transition.SIGHTED: "SEEN AGAIN",
    Transition.CORRECTED: "CORRECTION",
}
_OVER_ICON = "⚪"
_MAX_URL = 600


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of a grouped page."""

    icon: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """What is shown, in this order. All strings are clean single lines."""

    icon: str
    word: str
    """The severity or the news in capitals: icons are not read aloud, and not in every font."""
    title: str
    notes: tuple[str, ...]
    """About the delivery itself: late, carried for another channel."""
    lead: str
    facts: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]
    more: int
    fixes: tuple[str, ...]
    links: tuple[Link, ...]
    footer: str


def page(dispatch: Dispatch) -> Page:
    """The whole message, not cut yet."""
    message = dispatch.message
    return Page(
        icon=_OVER_ICON if message.over else icon(message.severity, message.transition),
        word=word(message),
        title=clean(message.title, 300),
        notes=_notes(dispatch),
        lead=clean(message.lead, 700),
        facts=tuple((clean(fact.label, 40), clean(fact.text)) for fact in message.facts),
        lines=tuple(_line(item) for item in message.items),
        more=message.more,
        fixes=tuple(clean(fix) for fix in message.fixes),
        links=tuple(Link(clean(link.text, 60), link.url) for link in message.links if is_safe_url(link.url)),
        footer=clean(message.footer),
    )


def icon(severity: Severity, transition: Transition) -> str:
    """A colour for the eye: how bad, or green for good news."""
    return _NEWS_ICONS.get(transition, _ICONS[severity])


def word(message: Message) -> str:
    """`CRITICAL`, `WARNING`, `INFO`, or the news."""
    return "OVER" if message.over else _WORDS.get(message.transition, message.severity.name)


def _line(item: Item) -> Line:
    return Line(icon(item.severity, item.transition), clean(item.title, 200), clean(item.text))


def _notes(dispatch: Dispatch) -> tuple[str, ...]:
    notes = [clean(dispatch.remark)] if dispatch.remark else []
    if dispatch.carried_for:
        notes.append(
            f"{clean(dispatch.carried_for, 40).capitalize()} does not take messages, so this comes here."
        )
    if dispatch.late_by_s:
        notes.append(f"Late by {span(dispatch.late_by_s)}: as it was at {moment(dispatch.message.time)}.")
    return tuple(notes)


def is_safe_url(url: str) -> bool:
    """A plain http or https address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    printable = url.isascii() and url.isprintable() and not any(char in "\"'<>` \\" for char in url)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and printable and len(url) <= _MAX_URL


def units(text: str) -> int:
    """Length as Telegram counts it: UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def fit(whole: Page, limit: int, text_of: Callable[[Page], str]) -> Page:
    """The largest version of the page whose text is at most `limit` UTF-16 units."""
    smaller = whole
    for smaller in _ever_smaller(whole):
        if units(text_of(smaller)) <= limit:
            return smaller
    return smaller


def _ever_smaller(whole: Page) -> Iterator[Page]:
    yield whole
    small = whole
    for count in range(len(whole.lines) - 1, 0, -1):
        small = replace(small, lines=whole.lines[:count], more=whole.more + len(whole.lines) - count)
        yield small
    for count in range(len(whole.facts) - 1, 2, -1):
        small = replace(small, facts=whole.facts[:count])
        yield small
    for lead_limit in (300, 120):
        small = replace(
            small, lead=clean(whole.lead, lead_limit), fixes=whole.fixes[:2], links=whole.links[:2]
        )
        yield small
    small = replace(small, facts=tuple((label, cut(text, 120)) for label, text in small.facts))
    yield small
    small = replace(small, fixes=(), links=(), facts=(), lines=small.lines[:1])
    yield small
    yield replace(
        small,
        title=clean(whole.title, 120),
        lines=(),
        more=0,
        notes=tuple(cut(note, 150) for note in whole.notes),
    )
