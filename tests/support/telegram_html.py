"""Telegram's HTML as its server reads it: the allowed tags, strictly nested, entities in UTF-16 units."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

ALLOWED = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "code": "code", "pre": "pre",
    "a": "text_link", "blockquote": "blockquote", "tg-spoiler": "spoiler", "span": "spoiler",
}  # fmt: skip
_TAG = re.compile(
    r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)((?:\s+[a-zA-Z-]+(?:\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'|[^\s\"'<>]+))?)*)\s*>"
)
_ATTRIBUTE = re.compile(r"([a-zA-Z-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'<>]+))")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_CHARACTER = re.compile(r"&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|([a-z]+));")


class ParseError(Exception):
    """The description that Telegram answers with."""


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@dataclass
class Parsed:
    text: str = ""
    entities: list[dict[str, object]] = field(default_factory=list)


def _character(match: re.Match[str]) -> str:
    decimal, hexadecimal, name = match.groups()
    if name:
        return _NAMED.get(name, match[0])
    code = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else match[0]


def parse(source: str) -> Parsed:
    """Text and entities; raises `ParseError` as the server would answer 400."""
    out, open_tags, position = Parsed(), [], 0
    while position < len(source):
        if source[position] != "<":
            end = source.find("<", position)
            end = len(source) if end < 0 else end
            out.text += _CHARACTER.sub(_character, source[position:end])
            position = end
            continue
        match = _TAG.match(source, position)
        offset = len(source[:position].encode())
        if match is None:
            raise ParseError(f"Unsupported start tag at byte offset {offset}")
        closing, name, attributes = match[1], match[2].lower(), match[3]
        if name not in ALLOWED:
            raise ParseError(f'Unsupported start tag "{name}" at byte offset {offset}')
        if closing:
            _close(out, open_tags, name, offset)
        else:
            open_tags.append((name, utf16(out.text), attributes))
        position = match.end()
    if open_tags:
        raise ParseError(f'Can\'t find end tag corresponding to start tag "{open_tags[-1][0]}"')
    return out


def _close(out: Parsed, open_tags: list[tuple[str, int, str]], name: str, offset: int) -> None:
    if not open_tags:
        raise ParseError(f"Unexpected end tag at byte offset {offset}")
    opened, start, attributes = open_tags.pop()
    if opened != name:
        raise ParseError(
            f'Unmatched end tag at byte offset {offset}, expected "</{opened}>", found "</{name}>"'
        )
    entity: dict[str, object] = {"type": ALLOWED[name], "offset": start, "length": utf16(out.text) - start}
    if name == "a":
        href = next((m[2] or m[3] or m[4] for m in _ATTRIBUTE.finditer(attributes) if m[1] == "href"), "")
        if not href:
            return
        entity["url"] = _CHARACTER.sub(_character, href)
    if entity["length"]:
        out.entities.append(entity)
