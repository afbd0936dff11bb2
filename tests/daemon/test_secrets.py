"""No configured secret comes out of the daemon or the commands, whatever goes wrong around it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from sqlite3 import connect
from urllib.parse import quote

import pytest

from tests.support.commands import ethmon, eventually, rows, stop
from tests.support.http_end import Answer, HttpEnd
from tests.support.telegram_emulator import TOKEN, RefusedError
from tests.support.watched_market import MAIL_PASSWORD, WatchedMarket

pytestmark = pytest.mark.localnet

NODE_KEY, DEAD_KEY, NODE_PASSWORD = "rpc-k3y-in-the-query-9A", "rpc-k3y-in-a-path-7B", "p4ss+w0rd/of-a-node"
WS_KEY, HOOK_KEY, HOOK_SIGNATURE = "ws-k3y-5C5C5C", "hook-k3y-3D3D3D", "hmac-k3y-2E2E2E"
APPRISE_KEY, BEAT_KEY = "apprise-k3y-1F1F1F", "beat-k3y-8G8G8G"
SECRETS = (
    TOKEN.partition(":")[2], MAIL_PASSWORD, NODE_KEY, DEAD_KEY, NODE_PASSWORD, WS_KEY, HOOK_KEY,
    HOOK_SIGNATURE, APPRISE_KEY, BEAT_KEY,
)  # fmt: skip


def secret_settings(market: WatchedMarket, hook: HttpEnd) -> dict[str, str]:
    """Every setting that holds a secret, in the places where services put them."""
    port = market.net.anvil.port
    nodes = (
        f"http://127.0.0.1:{port}/?apikey={NODE_KEY}",
        f"http://127.0.0.1:1/v2/{DEAD_KEY}",
        f"http://ann:{quote(NODE_PASSWORD, safe='')}@127.0.0.1:2/",
        f"{hook.url}/{DEAD_KEY}",  # answers, but not as a node
    )
    return {
        "ETH_RPC_URLS": ",".join(nodes),
        "ETH_WS_URL": f"ws://127.0.0.1:1/ws/{WS_KEY}",
        "WEBHOOK_URL": f"{hook.url}/{HOOK_KEY}?token={HOOK_KEY}",
        "WEBHOOK_SECRET": HOOK_SIGNATURE,
        "APPRISE_URLS": f"json://127.0.0.1:1/{APPRISE_KEY}",
        "HEARTBEAT_URL": f"http://127.0.0.1:1/ping/{BEAT_KEY}",
        "LOG_LEVEL": "debug",
    }


def misfortunes(market: WatchedMarket, hook: HttpEnd) -> None:
    """Every service fails, and says aloud what it was called with."""
    echo = RefusedError(400, f"Bad Request: you are {TOKEN} {quote(TOKEN)}")
    for method in ("sendMessage", "getUpdates", "setMyCommands"):
        market.telegram.script(method, "refuse", times=2, refusal=echo)
    market.telegram.script("getMe", "refuse", refusal=RefusedError(401, f"Unauthorized: {TOKEN}"))
    market.mailbox.at_sender.extend([f"451 {MAIL_PASSWORD} is busy", f"550 {MAIL_PASSWORD} is refused"])
    location = {"Location": f"{hook.url}/{HOOK_KEY}"}
    hook.answers += [Answer(status, headers=location) for status in (500, 301, 403, 500)]


def everything_shown(market: WatchedMarket, settings: dict[str, str]) -> Iterator[tuple[str, str]]:
    """What a person can see: the database, and what commands print."""
    with closing(connect(market.database)) as connection:
        yield "database", "\n".join(connection.iterdump())
    environment = market.environment(**settings)
    for arguments in (
        ["check"],
        ["status"],
        ["outbox", "list", "--json"],
        ["alerts", "list", "--history", "50"],
        ["alerts", "test"],
        ["--debug", "positions", market.net.cast.whale],
    ):
        done = ethmon(market.folder, *arguments, **environment)
        yield " ".join(arguments), done.stdout + done.stderr
    broken = {**environment, "SMTP_SECURITY": MAIL_PASSWORD, "ETH_RPC_URLS": f"ftp://{DEAD_KEY}.example.org"}
    done = ethmon(market.folder, "--debug", "check", **broken)
    yield "refused settings", done.stdout + done.stderr


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_nothing_that_is_shown_holds_a_secret(market: WatchedMarket, tmp_path: Path) -> None:
    with HttpEnd() as hook:
        settings = secret_settings(market, hook)
        misfortunes(market, hook)
        with market.running(**settings) as daemon:
            market.price(1_960)
            eventually(lambda: len(failed_channels(market)) == 4)
            market.price(1_815)
            market.wait_until_seen(daemon)
            assert stop(daemon) == 0
        misfortunes(market, hook)
        shown = {"log": market.log, **dict(everything_shown(market, settings))}
    assert "you are *" in shown["database"], "the errors that are searched are there"
    for place, text in shown.items():
        assert len(text) > 40, place
        for secret in SECRETS:
            for form in (secret, quote(secret, safe=""), repr(secret)[1:-1]):
                assert form not in text, f"{place} shows {secret}: {near(text, form)}"


def failed_channels(market: WatchedMarket) -> list[tuple[object, ...]]:
    return rows(market.database, "SELECT DISTINCT channel FROM outbox WHERE last_error != ''")


def near(text: str, form: str) -> str:
    at = text.index(form)
    return text[max(0, at - 200) : at + 100]
