"""No secret of any configured URL survives in any text, in any usual encoding."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.chain.redact import MASK, Redactor, label, labels

KEYS = st.text(
    alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/?#@%&=+;:\\[]"),
    min_size=10,
    max_size=40,
).filter(lambda key: len(set(key)) > 4)
PASSWORDS = st.text(min_size=8, max_size=30).filter(
    lambda text: text.strip() == text and len(set(text)) > 4 and text.lower() not in MASK
)

ENCODINGS = {
    "plain": lambda text: text,
    "upper": lambda text: text.upper() if text.isascii() else text,
    "quoted": lambda text: quote(text, safe=""),
    "quoted, lower hex": lambda text: quote(text, safe="").replace("%2F", "%2f"),
    "plus": quote_plus,
    "json": lambda text: json.dumps(text)[1:-1],
    "repr": lambda text: repr(text)[1:-1],
    "hex": lambda text: text.encode().hex(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 after others": lambda text: base64.b64encode(b"x" + text.encode()).decode(),
    "base64 between others": lambda text: base64.b64encode(b"xy" + text.encode() + b"yz").decode(),
    "url-safe base64": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=40)
@given(key=KEYS, user=KEYS, password=PASSWORDS)
def test_no_part_of_a_url_survives(encoding: str, key: str, user: str, password: str) -> None:
    url = f"https://{quote(user, safe='')}:{quote(password, safe='')}@host.example/v2/{key}?token={key}"
    redact = Redactor([url])
    encode = ENCODINGS[encoding]
    for secret in (key, user, password):
        shown = redact(f"error: {encode(secret)} at 12:30")
        assert MASK in shown
        assert secret not in shown
        assert len(set(encode(secret).split()) & set(shown.split())) == 0
    assert redact(f"GET {url} failed") == "GET https://host.example/… failed"


@given(secret=PASSWORDS)
def test_plain_secrets_are_scrubbed_too(secret: str) -> None:
    assert secret not in Redactor([secret])(f"login with {secret} refused")


def test_what_is_not_secret_stays_readable() -> None:
    redact = Redactor(["https://rpc.example/eth", "https://eth-mainnet.g.alchemy.com/v2/abcdefgh12345678"])
    text = "eth_call at block 20,000,000 on eth-mainnet.g.alchemy.com took 12 ms (v2, eth)"
    assert redact(text) == text


@pytest.mark.parametrize(
    "url",
    [
        "https://rpc.example/?0123456789abcdef",
        "https://rpc.example?token=0123456789abcdef",
        "https://rpc.example/v1;key=0123456789abcdef",
        "https://rpc.example/#0123456789abcdef",
        "https://rpc.example:443/a/0123456789abcdef/b/",
        "wss://0123456789abcdef@rpc.example",
        "https://rpc.example/%30123456789abcdef",
        "tgram://0123456789abcdef/-100200300/",
        "slack://botname@0123456789abcdef/token-b/token-c",
        "mailtos://user:0123456789abcdef@mail.example",
    ],
)
def test_a_key_is_found_wherever_a_url_hides_it(url: str) -> None:
    redact = Redactor([url])
    assert "123456789abcdef" not in redact("it said: 0123456789abcdef is not allowed")
    assert "123456789abcdef" not in redact(f"GET {url}: refused")
    assert "123456789abcdef" not in label(url)


def test_known_shapes_are_scrubbed_without_configuration() -> None:
    redact = Redactor()
    token = "123456789:AAE" + "x" * 32
    for text in (
        f"https://api.telegram.org/bot{token}/getMe",
        "Authorization: Bearer abcdef123456",
        "http://u:p@h/",
    ):
        assert MASK in redact(text)
    assert token not in redact(f"bot{token}")


def test_labels_name_the_host_and_tell_equal_ones_apart() -> None:
    assert label("https://eth-mainnet.g.alchemy.com/v2/key") == "https://eth-mainnet.g.alchemy.com/…"
    assert label("http://127.0.0.1:8545") == "http://127.0.0.1:8545"
    assert label("https://user:pw@[::1]:8545/") == "https://[::1]:8545/…"
    assert label("http://[bad") == label("nothing") == "an invalid URL"
    assert label("tgram://123456:abc/chat") == "tgram://…"
    assert labels(["https://a.b/1", "https://c.d", "https://a.b/2"]) == [
        "https://a.b/… #1",
        "https://c.d",
        "https://a.b/… #2",
    ]
