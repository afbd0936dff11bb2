"""The demo's chat and inbox as HTML pages, for a phone or any browser."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from string import Template
from typing import Any
from urllib.parse import urlsplit

from monitor.localnet.bot_api import ChatMessage

_STYLE = """\
:root { color-scheme: light dark; --page: #d5e3d8; --card: #fff; --ink: #16191d; --faint: #6b7580;
  --link: #1d6fd1; --key: rgba(22, 60, 36, .42); --mine: #e3fecb; --rule: #dfe3e8; --head: #2f7d5b; }
@media (prefers-color-scheme: dark) { :root { --page: #0e1613; --card: #1b2420; --ink: #eceff3;
  --faint: #93a09a; --link: #7cb3ff; --key: rgba(120, 160, 140, .28); --mine: #2b5239; --rule: #2c3733; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.42 -apple-system,
  BlinkMacSystemFont, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
header { position: sticky; top: 0; z-index: 1; display: flex; gap: 12px; align-items: center;
  padding: 10px 14px; background: var(--head); color: #fff; }
header b { display: block; font-size: 16px; } header small { opacity: .85; }
.face { width: 40px; height: 40px; border-radius: 50%; background: #fff; color: var(--head);
  font-size: 20px; line-height: 40px; text-align: center; }
main { max-width: 620px; margin: 0 auto; padding: 10px 10px 90px; }
a { color: var(--link); text-decoration: none; }
"""

_PAGE = Template("""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>$title</title><style>$style</style></head>
<body><header><div class="face">$face</div><div><b>$title</b><small>$about</small></div></header>
<main>$body</main>$script</body></html>
""")

_CHAT_STYLE = """\
.message { max-width: 92%; margin: 0 0 12px; }
.bubble { position: relative; background: var(--card); border-radius: 4px 14px 14px 14px; padding: 8px 12px 20px;
  box-shadow: 0 1px 1px rgba(0, 0, 0, .12); overflow: hidden; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; }
.bubble img { display: block; width: calc(100% + 24px); margin: -8px -12px 8px; }
.time { position: absolute; right: 10px; bottom: 4px; font-size: 11.5px; color: var(--faint); }
.reply { display: block; margin-bottom: 6px; padding: 2px 8px; border-left: 3px solid var(--head); color: var(--faint);
  font-size: 13px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.keys { display: flex; gap: 4px; margin-top: 4px; }
.keys button { flex: 1; padding: 9px 4px; border: 0; border-radius: 8px; background: var(--key); color: #fff;
  font: 600 13.5px/1.2 inherit; font-family: inherit; }
.live .keys button { cursor: pointer; }
.mine { margin-left: auto; width: fit-content; } .mine .bubble { background: var(--mine); padding-right: 64px; }
.mine .bubble, .short .bubble { border-radius: 14px; }
form { position: fixed; inset: auto 0 0 0; display: flex; gap: 8px; padding: 10px; background: var(--page); }
form input { flex: 1; padding: 10px 14px; border: 1px solid var(--rule); border-radius: 20px; font: inherit;
  background: var(--card); color: inherit; }
#toast { position: fixed; left: 50%; bottom: 80px; transform: translateX(-50%); padding: 9px 16px; border-radius: 10px;
  background: rgba(20, 24, 28, .88); color: #fff; } #toast:empty { display: none; }
"""

_CHAT_SCRIPT = """\
<form><input name="text" placeholder="/status  /positions  /supply  /mute 2" autocomplete="off"></form>
<div id="toast"></div>
<script>
const post = (path, body) => fetch(path, {method: "POST", headers: {"Content-Type": "application/json"},
  body: JSON.stringify(body)});
document.addEventListener("click", event => {
  const key = event.target.closest("button[data-press]");
  if (key) post("/press", {message: +key.dataset.message, data: key.dataset.press});
});
document.querySelector("form").addEventListener("submit", event => {
  event.preventDefault();
  const box = event.target.text;
  if (box.value.trim()) post("/say", {text: box.value.trim()});
  box.value = "";
});
let shown = "", toasts = null;
const look = async () => {
  const page = new DOMParser().parseFromString(await (await fetch("/")).text(), "text/html");
  const fresh = page.querySelector("main"), said = page.querySelector("main").dataset;
  if (fresh.innerHTML !== shown) {
    const atEnd = innerHeight + scrollY > document.body.scrollHeight - 80;
    document.querySelector("main").innerHTML = shown = fresh.innerHTML;
    if (atEnd) scrollTo(0, document.body.scrollHeight);
  }
  const answer = page.querySelector("[data-toasts]").dataset;
  if (toasts !== null && answer.toasts !== toasts) {
    document.getElementById("toast").textContent = answer.last;
    setTimeout(() => document.getElementById("toast").textContent = "", 3000);
  }
  toasts = answer.toasts;
};
const again = () => look().catch(() => {}).finally(() => setTimeout(again, 700));
again();
</script>
"""

_INBOX_STYLE = """\
details { margin-bottom: 10px; background: var(--card); border-radius: 12px; overflow: hidden;
  box-shadow: 0 1px 1px rgba(0, 0, 0, .12); }
summary { padding: 12px 14px; cursor: pointer; list-style: none; }
summary b { display: block; } summary span { float: right; color: var(--faint); font-size: 12.5px; }
summary small { color: var(--faint); font-size: 13.5px; }
.answer { margin-left: 18px; }
iframe { display: block; width: 100%; height: 0; border: 0; border-top: 1px solid var(--rule); }
"""

_INBOX_SCRIPT = """\
<script>
const fit = frame => {
  if (frame.closest("details").open) frame.style.height = frame.contentDocument.documentElement.scrollHeight + 20 + "px";
};
document.addEventListener("toggle", event => fit(event.target.querySelector("iframe")), true);
document.querySelectorAll("iframe").forEach(frame => frame.addEventListener("load", () => fit(frame)));
</script>
"""


def chat_page(messages: Sequence[ChatMessage], *, live: bool, toasts: Sequence[str] = ()) -> str:
    """The bot's chat. Where it is `live`, buttons work and news appear by themselves."""
    known = {message.id: message for message in messages}
    bubbles = "".join(_bubble(message, known) for message in messages)
    state = (
        f'<i hidden data-toasts="{len(toasts)}" data-last="{html.escape(toasts[-1] if toasts else "")}"></i>'
    )
    body = f'<div class="{"live" if live else "still"}">{bubbles or "<p>No messages yet.</p>"}</div>{state}'
    about = "a local Bot API server; nothing left this machine"
    script = _CHAT_SCRIPT if live else ""
    return _page("ethmon", about, "⟠", body, _CHAT_STYLE, script)


def inbox_page(letters: Iterable[EmailMessage]) -> str:
    """Every letter: the newest thread first and open, the answers of a thread below its first letter."""
    threads: dict[str, list[EmailMessage]] = {}
    for letter in letters:
        root = str(letter["References"] or letter["Message-ID"])
        threads[root] = [*threads.pop(root, []), letter]
    newest_first = list(reversed(threads.values()))
    body = "".join(_thread(thread, is_open=thread is newest_first[0]) for thread in newest_first)
    body = body or "<p>No letters yet.</p>"
    return _page(
        "Inbox", "a local mail server; nothing left this machine", "✉", body, _INBOX_STYLE, _INBOX_SCRIPT
    )


def _page(title: str, about: str, face: str, body: str, style: str, script: str) -> str:
    return _PAGE.substitute(
        title=title, about=about, face=face, body=body, style=_STYLE + style, script=script
    )


def _bubble(message: ChatMessage, known: dict[int, ChatMessage]) -> str:
    original = known.get(message.reply_to or 0)
    quoted = f'<span class="reply">{_words(original.html)}</span>' if original is not None else ""
    picture = f'<img alt="" src="{_data_uri("image/png", message.photo)}">' if message.photo else ""
    when = datetime.fromtimestamp(message.time, UTC).strftime("%H:%M")
    marks = f"{'🔕 ' if message.silent else ''}{'edited ' if message.edited else ''}{when}"
    rows = "".join(f'<div class="keys">{_keys(message.id, row)}</div>' for row in message.buttons)
    return (
        f'<div class="message{" mine" if message.mine else ""}"><div class="bubble">{picture}{quoted}'
        f'<div class="text">{telegram_html(message.html)}</div><span class="time">{marks}</span></div>{rows}</div>'
    )


def _keys(message: int, row: Sequence[tuple[str, str]]) -> str:
    return "".join(
        f'<button data-message="{message}" data-press="{html.escape(data)}">{html.escape(label)}</button>'
        for label, data in row
    )


def _words(text: str) -> str:
    return html.escape(_Formatted(text).plain.partition("\n")[0][:90])


def telegram_html(text: str) -> str:
    """Telegram's tags that we send, safe to show; any other tag is left out."""
    return _Formatted(text).shown


class _Formatted(HTMLParser):
    """Keeps b, i and links to the web, each closed; everything else is text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.shown = self.plain = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        self.shown += "".join(f"</{tag}>" for tag in reversed(self._open))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href") or ""
        if tag in {"b", "i"}:
            self.shown += f"<{tag}>"
        elif tag == "a" and urlsplit(target).scheme in {"http", "https"}:
            self.shown += f'<a rel="noreferrer" target="_blank" href="{html.escape(target)}">'
        else:
            return
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self.shown += f"</{self._open.pop()}>"

    def handle_data(self, data: str) -> None:
        self.shown += html.escape(data)
        self.plain += data


def _thread(letters: Sequence[EmailMessage], *, is_open: bool) -> str:
    return "".join(_letter(letter, is_open=is_open and letter is letters[-1]) for letter in letters)


def _letter(letter: EmailMessage, *, is_open: bool) -> str:
    when = parsedate_to_datetime(str(letter["Date"])).strftime("%H:%M:%S")
    text, page = letter.get_body(("plain",)), letter.get_body(("html",))
    preview = _first_line(text.get_content()) if text is not None else ""
    answer = ' class="answer"' if letter["In-Reply-To"] else ""
    frame = html.escape(_with_pictures(letter, page.get_content())) if page is not None else ""
    return (
        f"<details{answer}{' open' if is_open else ''}><summary><span>{when}</span><b>{html.escape(str(letter['Subject']))}</b>"
        f"<small>{html.escape(preview)}</small></summary>"
        f'<iframe sandbox="allow-same-origin allow-popups" srcdoc="{frame}"></iframe></details>'
    )


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:120]


def _with_pictures(letter: EmailMessage, page: str) -> str:
    """Inline pictures as data, since a browser does not know `cid:`."""
    for part in letter.walk():
        name = str(part["Content-ID"] or "").strip("<>")
        if name:
            content: Any = part.get_payload(decode=True)
            page = page.replace(f"cid:{name}", _data_uri(part.get_content_type(), content))
    return page


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
