"""From a price on the chain to the message in a pocket, through the daemon as a user runs it."""

from __future__ import annotations

import pytest

from monitor.units import TICKS_PER_USD
from tests.support.commands import eventually, rows, stop
from tests.support.watched_market import CHAT, WatchedMarket, text_of

pytestmark = pytest.mark.localnet


def texts(market: WatchedMarket) -> list[str]:
    return [text_of(message) for message in market.messages()]


def titles(market: WatchedMarket) -> list[str]:
    """First lines on the phone, without the icon."""
    return [text.splitlines()[0].partition(" ")[2] for text in texts(market)]


def test_a_walk_down_is_one_message_a_level_on_every_channel(market: WatchedMarket) -> None:
    with market.running() as daemon:
        market.walk(daemon, 2_350, 2_200, 2_190, 2_205, 1_960, 1_970, 1_955, 1_870, 1_815, 1_812)
        assert stop(daemon) == 0
    words = [title.split("  ")[0] for title in titles(market)]
    assert words == ["INFO", "WARNING", "CRITICAL", "CRITICAL"]
    assert [message["silent"] for message in market.messages()] == [True, False, False, False]
    letters = market.letters()
    assert len(letters) == 4
    root = letters[0]["Message-ID"]
    assert [letter["References"] for letter in letters] == [None, root, root, root], "one thread"
    assert [level for _, level, _ in market.told()] == [1, 2, 3, 4]
    assert market.log.count("% from liquidation") >= 4, "the console has them too"
    _says_what_a_person_needs(texts(market)[-1])


def _says_what_a_person_needs(text: str) -> None:
    for part in (
        "1.17% from liquidation",
        "proved",
        "$1,815.00, 0 s old",
        "Health factor",
        "WETH",
        "Last message",
    ):
        assert part in text, text


def test_acknowledged_on_the_phone_it_is_silent_until_worse(market: WatchedMarket) -> None:
    market.watch(tuning="cool_down = 0")
    with market.running() as daemon:
        market.walk(daemon, 1_960, 2_100, 1_960)
        assert len(market.messages()) == 2, "not acknowledged: it is told again"
        last = market.messages()[-1]
        acknowledge = last["reply_markup"]["inline_keyboard"][0][0]
        assert acknowledge["text"] == "Acknowledge"
        market.telegram.press(CHAT, last["message_id"], acknowledge["callback_data"])
        (answer,) = eventually(lambda: market.telegram.answered)
        assert answer["text"] == "Acknowledged (1)."
        market.walk(daemon, 2_100, 1_960, 2_100, 1_960)
        assert len(market.messages()) == 2
        market.walk(daemon, 1_870)
    assert len(market.messages()) == len(market.letters()) == 3
    assert "CRITICAL" in titles(market)[-1]


def test_commands_are_answered_from_what_is_stored(market: WatchedMarket) -> None:
    with market.running() as daemon:
        market.walk(daemon, 1_960)
        before = len(market.messages())
        market.telegram.say(CHAT, "/positions")
        eventually(lambda: len(market.messages()) > before)
        assert "Whale" in texts(market)[-1]
        assert daemon.poll() is None


def test_a_reorg_takes_the_alert_back_in_the_same_tick(market: WatchedMarket) -> None:
    control = market.net.anvil.control
    with market.running() as daemon:
        market.walk(daemon, 1_870)
        ((_, _, wrong_block),) = market.told()
        assert wrong_block == control.block_hash()
        new_block = control.reorg(1)
        market.wait_until_seen(daemon)
        eventually(lambda: len(market.letters()) == 2 and market.telegram.edits)
    told = market.told()
    assert [(transition, block) for transition, _, block in told[1:]] == [("corrected", new_block)]
    wrong, correction = market.messages()
    assert "Corrected: its block was replaced" in text_of(wrong)
    assert "reply_markup" not in wrong, "nothing is left to acknowledge"
    assert correction["reply_to_message"]["message_id"] == wrong["message_id"]
    assert titles(market)[-1].startswith("CORRECTION")
    first, reply = market.letters()
    assert reply["In-Reply-To"] == first["Message-ID"]
    assert reply["Subject"] == f"Re: {first['Subject']}"


def test_a_reorg_that_changes_nothing_is_not_news(market: WatchedMarket) -> None:
    net = market.net
    with market.running() as daemon:
        market.walk(daemon, 1_870)
        same = {
            "from": net.market.deployer.owner,
            "to": net.market.feeds["ETH"].address,
            "data": net.market.feeds["ETH"].data("report", 1_870 * TICKS_PER_USD),
            "gas": hex(200_000),
        }
        net.anvil.control.reorg(1, [(same, 0)])
        market.wait_until_seen(daemon)
        market.walk(daemon, 1_871)
    assert rows(market.database, "SELECT depth FROM reorg") == [(1,)]
    assert len(market.messages()) == len(market.letters()) == 1
    assert market.telegram.edits == []


def test_a_debt_that_is_liquidated_whole_is_told_in_dollars(market: WatchedMarket) -> None:
    """After it the position has no such debt, whose price would say what it was worth."""
    cast = market.net.cast
    with market.running() as daemon:
        market.walk(daemon, 1_700)
        market.now()
        market.net.market.liquidate("WETH", "USDT", cast.whale, cast.liquidator)
        market.wait_until_seen(daemon)
        eventually(lambda: any("liquidated, $89.32M of debt repaid" in text for text in texts(market)))
    (told,) = (text for text in texts(market) if "of debt repaid" in text)
    assert "Seized  54,9" in told
    assert "WETH ($93." in told


def test_a_channel_that_was_down_catches_up_and_the_other_stood_in(market: WatchedMarket) -> None:
    only_phone = 'price_usd = 1780\nalert_at = "10%"\nseverity = "critical"\nchannels = ["telegram"]'
    market.watch(more=f'[[level]]\nname = "Reported"\n{only_phone}')
    market.telegram.script("", "status", times=10**6, status=503)
    with market.running() as daemon:
        market.walk(daemon, 2_200, 1_960)
        assert len(market.letters()) == 2
        market.pass_time(700)
        eventually(lambda: len(market.letters()) == 4)
        market.telegram.troubles.clear()
        market.pass_time(700)
        eventually(lambda: rows(market.database, "SELECT 1 FROM outbox WHERE state != 'delivered'") == [])
    _, _, *stood_in = (letter.get_body(("plain",)).get_content() for letter in market.letters())
    assert any("elegram does not take messages" in text and "Reported" in text for text in stood_in), stood_in
    assert any("telegram" in text.lower() and "Reported" not in text for text in stood_in), stood_in
    late = texts(market)
    assert [("INFO" in text, "Late by" in text) for text in late[:2]] == [(False, True), (True, True)]
    assert len(late) == 3
