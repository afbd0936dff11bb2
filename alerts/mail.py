"""Pages as the subject and the HTML of a mail: one column that fits a phone, light and dark."""

from __future__ import annotations

import html
from string import Template

from alerts.layout import Page, page
from alerts.model import Message, Severity, Transition
from alerts.ports import Dispatch
from alerts.render import FIX_HEADING
from alerts.wording import clean

# Each is readable on white and on the dark card.
_COLOURS = {Severity.CRITICAL: "#dc3038", Severity.WARNING: "#c26a05", Severity.INFO: "#3674ee"}
_GOOD = "#178a48"
_NEUTRAL = "#7b8794"
_FONT = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"

_DOCUMENT = Template("""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">
<title>$title</title>
<style>
:root { color-scheme: light dark; }
@media (prefers-color-scheme: dark) {
  .page { background: #111418 !important; }
  .card { background: #1b2026 !important; border-color: #2c333b !important; }
  .ink { color: #eceff3 !important; }
  .faint { color: #9aa5b1 !important; }
  .rule { border-color: #2c333b !important; }
  .box { background: #232a31 !important; }
  .link { color: #7cb3ff !important; }
}
</style></head>
<body class="page" style="margin:0;padding:0;background:#f2f4f7;">
<div style="display:none;max-height:0;overflow:hidden;">$preview</div>
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" style="padding:12px;">
<table role="presentation" class="card" width="100%" cellpadding="0" cellspacing="0"
 style="max-width:560px;background:#ffffff;border:1px solid #dfe3e8;border-radius:12px;border-collapse:separate;overflow:hidden;font-family:$font;">
<tr><td style="height:6px;background:$colour;font-size:0;line-height:0;">&nbsp;</td></tr>
<tr><td style="padding:18px 20px 20px;">
<div style="font-size:12px;font-weight:700;letter-spacing:.08em;color:$colour;">$word</div>
<div class="ink" style="margin-top:4px;font-size:20px;line-height:1.3;font-weight:700;color:#16191d;">$title</div>
$body
</td></tr></table>
</td></tr></table>
</body></html>
""")


def subject(message: Message) -> str:
    """The same for all mails of a thread: mail programs split a thread whose subject changes."""
    return f"[ethmon] {clean(message.topic or message.title, 150)}"


def mail_html(dispatch: Dispatch, picture: str = "", acknowledge: str = "") -> str:
    """The HTML part. `picture` is the content id of an inline image, `acknowledge` a command to show."""
    whole = page(dispatch)
    parts = (
        *(_paragraph(note, "faint", 14, "#5b6672") for note in whole.notes),
        _paragraph(whole.lead, "ink", 15, "#2b3138") if whole.lead else "",
        _facts(whole),
        _lines(whole),
        _fixes(whole),
        _picture(picture, dispatch),
        _links(whole),
        _foot(whole, acknowledge),
    )
    return _DOCUMENT.substitute(
        title=_text(whole.title),
        preview=_text(" ".join((whole.word, whole.title, whole.lead))),
        word=_text(whole.word),
        colour=_colour(dispatch.message),
        font=_FONT,
        body="\n".join(part for part in parts if part),
    )


def _colour(message: Message) -> str:
    if message.over:
        return _NEUTRAL
    if message.transition in {Transition.RECOVERED, Transition.SIGHTED}:
        return _GOOD
    return _NEUTRAL if message.transition is Transition.CORRECTED else _COLOURS[message.severity]


def _text(text: str) -> str:
    return html.escape(text)


def _paragraph(text: str, role: str, size: int, colour: str) -> str:
    return (
        f'<div class="{role}" style="margin-top:8px;font-size:{size}px;line-height:1.45;color:{colour};">'
        f"{_text(text)}</div>"
    )


def _facts(whole: Page) -> str:
    if not whole.facts:
        return ""
    rows = "".join(
        f'<tr><td class="faint rule" valign="top" style="padding:9px 14px 9px 0;border-top:1px solid #e6e9ed;'
        f'font-size:13px;line-height:1.5;color:#5b6672;white-space:nowrap;">{_text(label)}</td>'
        f'<td class="ink rule" valign="top" style="padding:8px 0;border-top:1px solid #e6e9ed;font-size:15px;'
        f'line-height:1.4;color:#16191d;overflow-wrap:anywhere;">{_text(text)}</td></tr>'
        for label, text in whole.facts
    )
    return f'<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="margin-top:14px;">{rows}</table>'


def _lines(whole: Page) -> str:
    if not whole.lines:
        return ""
    rows = "".join(
        f'<div class="rule" style="padding:10px 0;border-top:1px solid #e6e9ed;">'
        f'<div class="ink" style="font-size:15px;line-height:1.4;font-weight:600;color:#16191d;">'
        f"{line.icon} {_text(line.title)}</div>"
        f'<div class="faint" style="font-size:13px;line-height:1.45;color:#5b6672;">{_text(line.text)}</div></div>'
        for line in whole.lines
    )
    more = _paragraph(f"… and {whole.more} more", "faint", 14, "#5b6672") if whole.more else ""
    return f'<div style="margin-top:14px;">{rows}{more}</div>'


def _picture(picture: str, dispatch: Dispatch) -> str:
    if not picture:
        return ""
    alt = dispatch.message.chart.alt if dispatch.message.chart else ""
    return (
        f'<img src="cid:{_text(picture)}" alt="{_text(clean(alt))}" width="518" '
        f'style="display:block;width:100%;max-width:518px;height:auto;margin-top:16px;border-radius:8px;">'
    )


def _fixes(whole: Page) -> str:
    if not whole.fixes:
        return ""
    fixes = "".join(
        f'<div class="ink" style="margin-top:5px;font-size:15px;line-height:1.4;color:#16191d;">• {_text(fix)}</div>'
        for fix in whole.fixes
    )
    return (
        '<div class="box" style="margin-top:16px;padding:12px 14px;background:#f4f6f9;border-radius:8px;">'
        f'<div class="faint" style="font-size:13px;font-weight:700;color:#5b6672;">{FIX_HEADING}</div>{fixes}</div>'
    )


def _links(whole: Page) -> str:
    if not whole.links:
        return ""
    links = "".join(
        f'<a class="link" href="{_text(link.url)}" style="display:inline-block;margin:12px 18px 0 0;'
        f'font-size:15px;font-weight:600;color:#1d5fd1;text-decoration:none;">{_text(link.text)} →</a>'
        for link in whole.links
    )
    return f"<div>{links}</div>"


def _foot(whole: Page, acknowledge: str) -> str:
    lines = [line for line in (whole.footer, acknowledge) if line]
    body = "<br>".join(_text(line) for line in lines)
    return (
        f'<div class="faint" style="margin-top:16px;font-size:12px;line-height:1.5;color:#6b7580;">{body}</div>'
        if body
        else ""
    )
