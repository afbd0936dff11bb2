"""Rendered messages: limits, escapes, hostile texts, and the words that a person gets."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts import mail, render
from alerts.compose import collapse, compose
from alerts.layout import is_safe_url
from alerts.model import Fact, Item, Link, Message, Severity, Transition, Unit
from alerts.ports import Dispatch
from alerts.wording import clean, moment, show, span
from tests.support.alert_samples import SAMPLES, WHALE, one_alert, reading, stamp, told
from tests.support.telegram_html import parse, utf16

NASTY = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "<b>bold</b>", "</b></a>", "&lt;", "&", "\"'><script>alert(1)</script>", "a\x00b\x1b[31m", "\u202egnp.exe",
            "\u200b\u200d\ufeff", "אבג דהו", "שלום 123", "🚨" * 50, "e" + "\u0301" * 40, "https://evil.example/x", "@admin",
            "t.me/joinchat", "\ud800", "\r\nBcc: x", "x" * 5000, "\u2028line", "\u2066un\u2069balanced\u2068",
            "${title}", "$colour", "%s {0}",
        ]
    ),
)  # fmt: skip
messages = st.builds(
    Message,
    key=st.just("k"),
    severity=st.sampled_from(Severity),
    transition=st.sampled_from(Transition),
    title=NASTY,
    topic=NASTY,
    lead=NASTY,
    facts=st.lists(st.builds(Fact, NASTY, NASTY), max_size=12).map(tuple),
    fixes=st.lists(NASTY, max_size=5).map(tuple),
    items=st.lists(
        st.builds(Item, st.sampled_from(Severity), st.sampled_from(Transition), NASTY, NASTY), max_size=40
    ).map(tuple),
    links=st.lists(st.builds(Link, NASTY, NASTY), max_size=3).map(tuple),
    footer=NASTY,
)
dispatches = st.builds(
    Dispatch,
    messages,
    late_by_s=st.sampled_from([0, 400]),
    carried_for=st.sampled_from(["", "telegram", "<b>"]),
    remark=NASTY,
)


@settings(max_examples=150, deadline=None)
@given(dispatches, st.sampled_from([4096, 1024]))
def test_any_text_is_valid_telegram_html_within_the_limit(dispatch: Dispatch, limit: int) -> None:
    parsed = parse(render.telegram(dispatch, limit))
    assert 0 < utf16(parsed.text) <= limit
    assert {entity["type"] for entity in parsed.entities} <= {"bold", "italic", "text_link"}
    assert not any(unicodedata.category(char) in {"Cs", "Co", "Cn"} for char in parsed.text)


@settings(max_examples=100, deadline=None)
@given(dispatches)
def test_plain_text_holds_no_control_characters_and_keeps_its_limit(dispatch: Dispatch) -> None:
    text = render.plain(dispatch, 4096)
    assert utf16(text) <= 4096
    assert all(char == "\n" or unicodedata.category(char) != "Cc" for char in text)
    assert "\u202e" not in text


class Outline(HTMLParser):
    """Collects tags, texts and addresses; fails on what is not nested."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src"}]
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@settings(max_examples=100, deadline=None)
@given(dispatches)
def test_any_text_is_sound_mail(dispatch: Dispatch) -> None:
    outline = Outline()
    outline.feed(mail.mail_html(dispatch, "chart@ethmon", "ethmon alerts ack x"))
    outline.close()
    assert outline.open == []
    assert outline.tags <= {
        "html", "head", "meta", "title", "style", "body", "div", "table", "tr", "td", "br", "a", "img",
    }  # fmt: skip
    assert all(address.startswith(("https://", "http://", "cid:")) for address in outline.addresses)
    assert "\n" not in mail.subject(dispatch.message)
    assert "\r" not in mail.subject(dispatch.message)


@given(NASTY)
def test_cleaning_is_final(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert len(once) <= 302


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("  a \n b\t", "a b"),
        ("gnp\u202egpj", "gnpgpj"),
        ("zero\u200bwidth", "zerowidth"),
        ("https://evil.example", "https:\u2044\u2044evil\u2024example"),
        ("@admin", "\uff20admin"),
        ("whale.eth", "whale.eth"),
        ("Aave v3.2 at 1.05", "Aave v3.2 at 1.05"),
        ("אבג", "\u2068אבג\u2069"),
        ("\u2069out", "out"),
        ("e\u0301\u0301\u0301\u0301", "é\u0301\u0301"),
        ("\ud800x", "x"),
        ("38\u00a0s", "38\u00a0s"),
    ],
)
def test_texts_of_others_are_made_safe(raw: str, shown: str) -> None:
    assert clean(raw) == shown


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://etherscan.io/address/0xabc?x=1&y=2", True),
        ("http://127.0.0.1:8001/", True),
        ("javascript:alert(1)", False),
        ("https://", False),
        ('https://a"onclick=', False),
        ("https://a b", False),
        ("https://[::1", False),
        ("https://ex\u0430mple.org", False),
        ("https://a/" + "x" * 700, False),
        ("tg://resolve?domain=x", False),
    ],
)
def test_only_plain_web_addresses_become_links(url: str, safe: bool) -> None:
    assert is_safe_url(url) is safe
    message = replace(one_alert(), links=(Link("here", url),))
    assert ("here" in render.telegram(Dispatch(message))) is safe


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        ("9.996", Unit.PERCENT, "9.99%"),
        ("19.99", Unit.PERCENT, "19.9%"),
        ("10", Unit.PERCENT, "10%"),
        ("-0.05", Unit.PERCENT, "-0.05%"),
        ("-0.001", Unit.PERCENT, "0%"),
        ("1942.109", Unit.USD, "$1,942.10"),
        ("640000.9", Unit.USD, "$640,000"),
        ("14100000", Unit.USD, "$14.10M"),
        ("6299999999", Unit.USD, "$6.29B"),
        ("-3.5", Unit.USD, "-$3.50"),
        ("1204.331", Unit.ETH, "1,204.33 ETH"),
        ("0.123456", Unit.ETH, "0.1234 ETH"),
        ("1.05041", Unit.RATIO, "1.0504"),
        ("1", Unit.BLOCKS, "1 block"),
        ("3", Unit.BLOCKS, "3 blocks"),
        ("7512", Unit.SECONDS, "2\u00a0h 5\u00a0min"),
        ("1E+25", Unit.ETH, "10,000,000,000,000,000,000,000,000 ETH"),
    ],
)
def test_values_are_cut_and_never_rounded(value: str, unit: Unit, text: str) -> None:
    assert show(Decimal(value), unit) == text


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, min_value=Decimal(-(10**35)), max_value=Decimal(10**35)
    ),
    st.sampled_from(Unit),
)
def test_any_value_can_be_shown(value: Decimal, unit: Unit) -> None:
    assert show(value, unit)


def test_times_are_short_and_utc() -> None:
    assert span(90_000) == "1\u00a0d 1\u00a0h"
    assert span(3_600) == "1\u00a0h"
    assert span(0) == "0\u00a0s"
    assert span(-5) == "-5\u00a0s"
    assert moment(1_770_040_991) == "2026-02-02 14:03:11 UTC"
    assert moment(10**20) == "at an unknown time"


def test_a_message_says_what_how_near_why_and_what_would_fix_it() -> None:
    assert render.plain(SAMPLES["worse"]()).replace("\u00a0", " ") == (
        "🔴 CRITICAL  Trend Research 1 on Aave v3: 4.8% from liquidation\n"
        "Now below 5%. Next alert at 2%.\n\n"
        "Liquidates below  $1,848.88, $93.22 away · proved on the node\n"
        "ETH price  $1,942.10 · Aave's own feed, 38 s old\n"
        "Market  Chainlink $1,941.87 · median of exchanges $1,942.30\n"
        "Health factor  1.0504\n"
        "Size  356,150 wstETH ($814M) against $661M USDT\n"
        "Moved  +$1.12 in 24 h: interest +$0.31, owner borrowed +$0.81\n"
        "Last message  12.3%, 2 h 5 min ago\n\n"
        "What would fix it\n"
        "• Repay about 31,200,000 USDT to be 10% away\n"
        "• Add about 17,400 wstETH to be 10% away\n\n"
        "Aave: https://app.aave.com/?marketName=proto_mainnet_v3\n"
        "Etherscan: https://etherscan.io/address/0xfaf1358fe6a9fa29a169dfc272b14e709f54840f\n"
        "2026-02-02 16:08:23 UTC · block 24,366,727 0x173c…b129, not final yet · rule: Trend Research 1: alert at"
    )


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        ("recovered", ["RECOVERED  Trend", "Above 22% again.", "Last message  4.8%, 1 d 1 h ago", "safe"]),
        ("blind", ["Cannot see Trend", "silence is not good news", "heartbeat is 1 h"]),
        ("corrected", ["CORRECTION  Trend", "was replaced by another", "Was told  4.8%"]),
        ("supply", ["ETH is inflationary over 7 days. Now above 0 ETH.", "changed by 1,204.33 ETH"]),
        ("late", ["Telegram does not take messages", "Late by 3 h 12 min"]),
        ("many", ["1.25% from liquidation, and 49 more", "15 critical, 20 warning, 15 info."]),
    ],
)
def test_every_kind_of_news_has_its_words(sample: str, words: list[str]) -> None:
    text = render.plain(SAMPLES[sample]()).replace("\u00a0", " ")
    for expected in words:
        assert expected in text
    assert "None" not in text


def test_blindness_and_good_news_offer_no_fix() -> None:
    assert not SAMPLES["blind"]().message.fixes
    assert not SAMPLES["recovered"]().message.incidents


def test_a_group_that_does_not_fit_says_how_many_are_left_out() -> None:
    text = parse(render.telegram(SAMPLES["many"](), 1024)).text
    shown = text.count("\n🔴") + text.count("\n🟠") + text.count("\n🔵")
    assert f"… and {50 - shown} more" in text
    assert 3 < shown < 50


def test_late_messages_collapse_into_one_in_their_order() -> None:
    alerts = told(
        WHALE,
        *(reading(value, stamp(1_770_040_991 + 60 * n)) for n, value in enumerate(["19", "9", "4", "1"])),
    )
    message = collapse([compose([alert]) for alert in alerts], "telegram")
    assert message.severity is Severity.CRITICAL
    assert message.title.startswith("4 late messages since 2026-02-02 14:03")
    assert [item.title[:11] for item in message.items] == [
        "02-02 14:03",
        "02-02 14:04",
        "02-02 14:05",
        "02-02 14:06",
    ]
    assert len(message.incidents) == 1
    assert message.key == collapse([compose([alert]) for alert in alerts], "telegram").key


def test_messages_do_not_depend_on_anything_but_their_alerts() -> None:
    first: Any = compose(told(WHALE, reading("9", stamp())))
    assert first == compose(told(WHALE, reading("9", stamp())))
