"""Pages as plain text and as Telegram's HTML, from one arrangement of lines."""

from __future__ import annotations

import html
from dataclasses import dataclass

from alerts.layout import Page, fit, page
from alerts.model import Link
from alerts.ports import Dispatch

TELEGRAM_TEXT_LIMIT = 4096
TELEGRAM_CAPTION_LIMIT = 1024
FIX_HEADING = "What would fix it"


class _Bare:
    """Text as a reader of Telegram gets it: what its limits count."""

    def text(self, text: str) -> str:
        return text

    def bold(self, text: str) -> str:
        return text

    def small(self, text: str) -> str:
        return text

    def link(self, link: Link) -> str:
        return link.text


class _TelegramHtml(_Bare):
    def text(self, text: str) -> str:
        return html.escape(text, quote=False)

    def bold(self, text: str) -> str:
        return f"<b>{self.text(text)}</b>"

    def small(self, text: str) -> str:
        return f"<i>{self.text(text)}</i>"

    def link(self, link: Link) -> str:
        return f'<a href="{html.escape(link.url)}">{self.text(link.text)}</a>'


class _Plain(_Bare):
    def link(self, link: Link) -> str:
        return f"{link.text}: {link.url}"


@dataclass(frozen=True, slots=True)
class _Form:
    """How a page becomes lines of one format."""

    style: _Bare
    link_separator: str

    def of(self, whole: Page) -> str:
        parts = (
            self._head(whole),
            "\n".join(f"{self.style.bold(label)}  {self.style.text(text)}" for label, text in whole.facts),
            self._lines(whole),
            self._fixes(whole),
            self._foot(whole),
        )
        return "\n\n".join(part for part in parts if part)

    def _head(self, whole: Page) -> str:
        first = f"{whole.icon} {self.style.bold(f'{whole.word}  {whole.title}')}"
        notes = [self.style.small(note) for note in whole.notes]
        return "\n".join([first, *notes, *([self.style.text(whole.lead)] if whole.lead else [])])

    def _lines(self, whole: Page) -> str:
        lines = [self._line(line.icon, line.title, line.text) for line in whole.lines]
        if whole.more:
            lines.append(self.style.text(f"… and {whole.more} more"))
        return "\n".join(lines)

    def _line(self, icon: str, title: str, text: str) -> str:
        return f"{icon} {self.style.bold(title)}" + (f"\n{self.style.text(text)}" if text else "")

    def _fixes(self, whole: Page) -> str:
        if not whole.fixes:
            return ""
        return "\n".join(
            [self.style.bold(FIX_HEADING), *(f"• {self.style.text(fix)}" for fix in whole.fixes)]
        )

    def _foot(self, whole: Page) -> str:
        links = self.link_separator.join(self.style.link(link) for link in whole.links)
        footer = self.style.small(whole.footer) if whole.footer else ""
        return "\n".join(part for part in (links, footer) if part)


_BARE = _Form(_Bare(), " · ")
_TELEGRAM = _Form(_TelegramHtml(), " · ")
_PLAIN = _Form(_Plain(), "\n")


def telegram(dispatch: Dispatch, limit: int = TELEGRAM_TEXT_LIMIT) -> str:
    """Telegram's HTML, at most `limit` UTF-16 units once its tags and entities are parsed."""
    return _TELEGRAM.of(fit(page(dispatch), limit, _BARE.of))


def fits_caption(dispatch: Dispatch) -> bool:
    """Is the whole message short enough to stand under a picture?"""
    whole = page(dispatch)
    return fit(whole, TELEGRAM_CAPTION_LIMIT, _BARE.of) is whole


def plain(dispatch: Dispatch, limit: int | None = None) -> str:
    """Text for terminals, mails and chats without markup; `limit` in UTF-16 units."""
    whole = page(dispatch)
    return _PLAIN.of(whole if limit is None else fit(whole, limit, _PLAIN.of))
