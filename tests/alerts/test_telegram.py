"""The Telegram channel against the strict emulator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from alerts.channels.telegram.api import BotApi
from alerts.channels.telegram.channel import Telegram
from alerts.channels.telegram.commands import Button, Command, Commands, parse_button
from alerts.compose import notice
from alerts.model import Fact, Message, Severity, Transition
from alerts.ports import Dispatch, Original, Scope, Verdict
from tests.support.alert_samples import SAMPLES, corrected, many, one_alert, recovered, supply
from tests.support.png import png
from tests.support.telegram_emulator import TOKEN, RefusedError, TelegramEmulator
from tests.support.telegram_html import utf16

CHAT = 777


class Ticks:
    """A monotonic clock that stands still."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[TelegramEmulator]:
    with TelegramEmulator() as emulator:
        emulator.chat(CHAT)
        yield emulator


def bot(server: TelegramEmulator, chat: int | str = CHAT, token: str = TOKEN, **options: Any) -> Telegram:
    return Telegram(BotApi(token, server.url, timeout_s=1.0), str(chat), **options)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_every_sample_is_accepted(server: TelegramEmulator, name: str) -> None:
    assert bot(server).send(SAMPLES[name]()).verdict is Verdict.SENT
    text = server.texts()[0]
    assert utf16(text) <= 4096
    assert SAMPLES[name]().message.title in text


def test_severity_is_seen_and_info_is_silent(server: TelegramEmulator) -> None:
    channel = bot(server)
    channel.send(Dispatch(one_alert()))
    channel.send(Dispatch(supply()))
    assert ["CRITICAL" in server.texts()[0], "INFO" in server.texts()[1]] == [True, True]
    assert [message["silent"] for message in server.messages] == [False, True]


def test_buttons_stand_under_alerts_and_not_under_good_news(server: TelegramEmulator) -> None:
    channel = bot(server)
    channel.send(Dispatch(one_alert()))
    channel.send(Dispatch(recovered()))
    rows = server.messages[0]["reply_markup"]["inline_keyboard"]
    assert [button["text"] for row in rows for button in row] == [
        "Acknowledge",
        "Snooze 1 h",
        "Snooze 6 h",
        "Snooze 24 h",
    ]
    pressed = parse_button(rows[1][1]["callback_data"], "Ann")
    assert pressed == Button(one_alert().key, 6, "Ann")
    assert "reply_markup" not in server.messages[1]


def test_an_event_can_be_silenced_and_not_acknowledged(server: TelegramEmulator) -> None:
    happened = replace(one_alert(), transition=Transition.HAPPENED)
    bot(server).send(Dispatch(happened))
    (row,) = server.messages[0]["reply_markup"]["inline_keyboard"]
    assert [button["text"] for button in row] == ["Snooze 1 h", "Snooze 6 h", "Snooze 24 h"]


def illustrated(channel: Telegram, dispatch: Dispatch, picture: bytes) -> dict[str, str]:
    """Sent, and then its picture: the receipt of both."""
    outcome = channel.send(dispatch)
    assert outcome.verdict is Verdict.SENT
    assert outcome.illustrate is not None
    return {**outcome.receipt, **outcome.illustrate(picture)}


def test_the_picture_comes_to_stand_above_words_that_are_out(server: TelegramEmulator) -> None:
    receipt = illustrated(bot(server), Dispatch(one_alert()), png(60, 40))
    assert server.calls == ["sendMessage", "editMessageMedia"]
    (message,) = server.messages
    assert server.photos[message["message_id"]] == png(60, 40)
    assert "4.8% from liquidation" in message["caption"]
    assert message["reply_markup"]["inline_keyboard"], "the buttons stay"
    assert receipt["photo"] == "1"


def long_message() -> Message:
    return replace(one_alert(), facts=tuple(Fact(f"fact {n}", "x" * 150) for n in range(8)))


@pytest.mark.parametrize("too_long", [True, False])
def test_a_picture_that_cannot_stand_above_the_words_follows_them(
    server: TelegramEmulator, too_long: bool
) -> None:
    server.chat(CHAT, topics={5})
    refusal = RefusedError(400, "Bad Request: message can't be edited")
    server.script("editMessageMedia", "refuse", refusal=refusal)
    message = long_message() if too_long else one_alert()
    receipt = illustrated(bot(server, topic_id=5), Dispatch(message), png())
    assert "photo" not in receipt
    words, picture = server.messages
    assert picture["reply_to_message"]["message_id"] == words["message_id"]
    assert picture["silent"]
    assert picture["message_thread_id"] == 5


@pytest.mark.parametrize("picture", [b"not a picture", png(5000, 10)])
def test_a_bad_picture_changes_nothing_about_the_words(server: TelegramEmulator, picture: bytes) -> None:
    assert "photo" not in illustrated(bot(server), Dispatch(supply()), picture)
    assert len(server.messages) == 1
    assert "text" in server.messages[0]


def test_a_picture_leaves_room_for_the_next_words(server: TelegramEmulator) -> None:
    ticks = Ticks()
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        ticks.now += seconds

    channel = bot(server, clock=ticks, pause=pause)
    for _ in range(2):
        last = channel.send(Dispatch(supply()))
    assert last.illustrate is not None
    assert last.illustrate(png()) == {"photo": "1"}
    assert waits, "one turn was left, and that belongs to words"
    assert channel.send(Dispatch(supply())).verdict is Verdict.SENT


def test_a_picture_that_would_wait_long_is_left_out(server: TelegramEmulator) -> None:
    server.chat(CHAT, limit=1, window_s=1000.0)
    ticks = Ticks()
    channel = bot(server, clock=ticks)
    first = channel.send(Dispatch(supply()))
    channel.send(Dispatch(supply()))
    assert first.illustrate is not None
    assert first.illustrate(png()) == {}
    assert server.violations == []


def test_a_topic_is_written_to_and_one_that_is_closed_costs_no_alert(server: TelegramEmulator) -> None:
    server.chat(-100, kind="supergroup", topics={5})
    assert bot(server, -100, topic_id=5).send(Dispatch(one_alert())).verdict is Verdict.SENT
    channel = bot(server, -100, topic_id=6)
    outcome = channel.send(Dispatch(one_alert()))
    assert outcome.verdict is Verdict.SENT
    assert "TELEGRAM_TOPIC_ID" in outcome.cause
    assert channel.send(Dispatch(supply())).verdict is Verdict.SENT
    assert [message.get("message_thread_id") for message in server.messages] == [5, None, None]
    assert server.calls.count("sendMessage") == 4, "a topic that is not there is asked for once"


def test_markup_that_is_not_understood_falls_back_to_plain_text(server: TelegramEmulator) -> None:
    refusal = RefusedError(400, "Bad Request: can't parse entities: Unsupported start tag at byte offset 3")
    server.script("sendMessage", "refuse", refusal=refusal)
    assert bot(server).send(Dispatch(one_alert())).verdict is Verdict.SENT
    assert "entities" not in server.messages[0]
    assert "4.8% from liquidation" in server.texts()[0]


def test_a_correction_answers_the_wrong_message_and_edits_it(server: TelegramEmulator) -> None:
    for message in (one_alert(), supply()):
        channel = bot(server)
        outcome = channel.send(Dispatch(message))
        assert outcome.illustrate is not None
        receipt = {**outcome.receipt, **(outcome.illustrate(png()) if message == supply() else {})}
        original = Original(message, receipt)
        assert channel.send(Dispatch(corrected(), original=original)).verdict is Verdict.SENT
        wrong = next(m for m in server.messages if str(m["message_id"]) == receipt["message_id"])
        assert "Corrected: its block was replaced" in wrong.get("text", wrong.get("caption"))
        assert "reply_markup" not in wrong
        assert server.messages[-1]["reply_to_message"]["message_id"] == wrong["message_id"]
    assert len(server.edits) == 2


@pytest.mark.parametrize("recorded", [True, False])
def test_a_correction_finds_a_picture_whose_record_was_lost(server: TelegramEmulator, recorded: bool) -> None:
    """Or that was taken away again: what the receipt says is tried first, then the other."""
    channel = bot(server)
    outcome = channel.send(Dispatch(supply()))
    assert outcome.illustrate is not None
    if not recorded:
        outcome.illustrate(png())
    receipt = {**outcome.receipt, **({"photo": "1"} if recorded else {})}
    channel.send(Dispatch(corrected(), original=Original(supply(), receipt)))
    assert len(server.edits) == 1
    wrong = server.messages[0]
    assert "Corrected: its block was replaced" in wrong.get("text", wrong.get("caption"))


def test_a_late_picture_does_not_bring_back_what_was_corrected(server: TelegramEmulator) -> None:
    channel = bot(server)
    outcome = channel.send(Dispatch(one_alert()))
    channel.send(Dispatch(corrected(), original=Original(one_alert(), outcome.receipt)))
    assert outcome.illustrate is not None
    assert outcome.illustrate(png()) == {}
    assert "Corrected: its block was replaced" in server.messages[0]["text"]


@pytest.mark.parametrize(
    "refusal",
    ["message can't be edited", "message to edit not found", "message is not modified", "MESSAGE_ID_INVALID"],
)
def test_a_wrong_message_that_cannot_be_edited_is_corrected_by_the_answer(
    server: TelegramEmulator, refusal: str
) -> None:
    channel = bot(server)
    first = channel.send(Dispatch(one_alert()))
    server.script("editMessageText", "refuse", refusal=RefusedError(400, f"Bad Request: {refusal}"))
    original = Original(one_alert(), first.receipt)
    assert channel.send(Dispatch(corrected(), original=original)).verdict is Verdict.SENT
    assert "CORRECTION" in server.texts()[-1]
    assert ([one.times for one in server.troubles], server.edits) == ([0], []), "tried once"
    assert "editMessageCaption" not in server.calls


def test_numbers_of_another_chat_are_not_ours(server: TelegramEmulator) -> None:
    """After a move, or with another TELEGRAM_CHAT_ID, the same number is another message."""
    server.chat(888)
    first = bot(server, 888).send(Dispatch(one_alert()))
    channel = bot(server)
    innocent = channel.send(Dispatch(supply()))
    receipt = {**first.receipt, "message_id": innocent.receipt["message_id"]}
    channel.send(Dispatch(corrected(), original=Original(one_alert(), receipt)))
    assert server.edits == []
    assert "reply_to_message" not in server.messages[-1]
    channel.send(Dispatch(recovered(), thread_receipt=receipt))
    assert "reply_to_message" not in server.messages[-1]


def test_a_correction_of_one_of_many_leaves_the_rest_standing(server: TelegramEmulator) -> None:
    channel = bot(server)
    sent = channel.send(Dispatch(many()))
    original = Original(many(), sent.receipt)
    assert channel.send(Dispatch(corrected(), original=original)).verdict is Verdict.SENT
    assert "Partly corrected" in server.messages[0]["text"]
    assert server.messages[0]["reply_markup"]["inline_keyboard"]


def test_a_correction_leaves_a_collapsed_message_as_it_is(server: TelegramEmulator) -> None:
    channel = bot(server)
    sent = channel.send(Dispatch(many()))
    original = Original(one_alert(), {**sent.receipt, "collapsed": "1"})
    assert channel.send(Dispatch(corrected(), original=original)).verdict is Verdict.SENT
    assert server.edits == []
    assert server.messages[1]["reply_to_message"]["message_id"] == server.messages[0]["message_id"]


def test_good_news_answers_the_first_message_even_if_that_was_deleted(server: TelegramEmulator) -> None:
    channel = bot(server)
    first = channel.send(Dispatch(one_alert()))
    channel.send(Dispatch(recovered(), thread_receipt=first.receipt))
    assert str(server.messages[1]["reply_to_message"]["message_id"]) == first.receipt["message_id"]
    assert channel.send(Dispatch(recovered(), thread_receipt={"message_id": "9999"})).verdict is Verdict.SENT


def test_pacing_keeps_below_the_limits_without_asking(server: TelegramEmulator) -> None:
    server.chat(CHAT, limit=4, window_s=1000.0)
    ticks = Ticks()
    channel = bot(server, clock=ticks)
    verdicts = [channel.send(Dispatch(supply())) for _ in range(4)]
    assert [one.verdict for one in verdicts] == [Verdict.SENT] * 3 + [Verdict.RETRY]
    assert verdicts[3].scope is Scope.PACING
    assert verdicts[3].retry_after_s == pytest.approx(1.0)
    ticks.now = 1.0
    assert channel.send(Dispatch(supply())).verdict is Verdict.SENT
    assert len(server.messages) == 4


def test_a_group_is_paced_to_twenty_a_minute(server: TelegramEmulator) -> None:
    server.chat(-7, kind="group", limit=20, window_s=1e9)
    ticks = Ticks()
    channel = bot(server, -7, clock=ticks)
    sent = 0
    while ticks.now < 43:
        outcome = channel.send(Dispatch(supply()))
        sent += outcome.verdict is Verdict.SENT
        ticks.now += outcome.retry_after_s or 0.0
    assert 18 <= sent <= 20
    assert server.violations == []


def test_retry_after_is_passed_on_and_kept(server: TelegramEmulator) -> None:
    server.chat(CHAT, limit=1, window_s=1000.0)
    ticks = Ticks()
    channel = bot(server, clock=ticks)
    assert channel.send(Dispatch(supply())).verdict is Verdict.SENT
    outcome = channel.send(Dispatch(supply()))
    assert (outcome.verdict, outcome.scope) == (Verdict.RETRY, Scope.CHANNEL)
    assert outcome.retry_after_s is not None
    assert 1000 <= outcome.retry_after_s <= 1001
    ticks.now = 990.0
    paced = channel.send(Dispatch(supply()))
    assert paced.scope is Scope.PACING
    assert server.violations == []


def test_a_group_that_moves_is_followed(server: TelegramEmulator) -> None:
    server.chat(-5, kind="group", migrated_to=-1005)
    server.chat(-1005, kind="supergroup")
    channel = bot(server, -5)
    outcome = channel.send(Dispatch(one_alert()))
    assert outcome.verdict is Verdict.SENT
    assert "-1005" in outcome.cause
    assert "TELEGRAM_CHAT_ID" in outcome.cause
    assert channel.chat_id == "-1005"
    assert outcome.receipt["chat_id"] == "-1005"
    channel.send(Dispatch(supply()))
    assert [message["chat"]["id"] for message in server.messages] == [-1005, -1005]


@pytest.mark.parametrize(
    ("chat", "token", "said"),
    [(1, TOKEN, "403"), (99, TOKEN, "chat not found"), (CHAT, "1:wrong", "401"), (CHAT, "wrong", "404")],
)
def test_permanent_errors_concern_the_channel(
    server: TelegramEmulator, chat: int, token: str, said: str
) -> None:
    server.chat(1, blocked=True)
    outcome = bot(server, chat, token).send(Dispatch(one_alert()))
    assert (outcome.verdict, outcome.scope) == (Verdict.REJECTED, Scope.CHANNEL)
    assert said in outcome.cause


def test_a_refusal_of_one_message_concerns_that_message(server: TelegramEmulator) -> None:
    server.script("sendMessage", "refuse", refusal=RefusedError(400, "Bad Request: BUTTON_DATA_INVALID"))
    channel = bot(server)
    outcome = channel.send(Dispatch(one_alert()))
    assert (outcome.verdict, outcome.scope) == (Verdict.REJECTED, Scope.MESSAGE)
    assert channel.send(Dispatch(one_alert())).verdict is Verdict.SENT


@pytest.mark.parametrize(
    "said", ["CHAT_WRITE_FORBIDDEN", "need administrator rights in the channel chat", "PEER_ID_INVALID"]
)
def test_a_chat_that_may_not_be_written_to_concerns_the_channel(server: TelegramEmulator, said: str) -> None:
    server.script("sendMessage", "refuse", refusal=RefusedError(400, f"Bad Request: {said}"))
    assert bot(server).send(Dispatch(one_alert())).scope is Scope.CHANNEL


@pytest.mark.parametrize(("kind", "accepted"), [("status", 0), ("drop", 1), ("hang", 0)])
def test_no_answer_is_a_retry_and_risks_a_duplicate(
    server: TelegramEmulator, kind: str, accepted: int
) -> None:
    server.script("sendMessage", kind)
    channel = bot(server)
    assert channel.send(Dispatch(one_alert())).verdict is Verdict.RETRY
    assert channel.send(Dispatch(one_alert())).verdict is Verdict.SENT
    assert len(server.messages) == accepted + 1


def test_nobody_listening_is_a_retry() -> None:
    channel = Telegram(BotApi(TOKEN, "http://127.0.0.1:1", timeout_s=1.0), "1")
    assert channel.send(Dispatch(one_alert())).cause == "Telegram: no connection"


def test_probe_says_that_a_group_has_moved(server: TelegramEmulator) -> None:
    refusal = RefusedError(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-1005)
    server.script("getChat", "refuse", refusal=refusal)
    outcome = bot(server, -5).probe()
    assert outcome.verdict is Verdict.SENT
    assert "-1005" in outcome.cause


def test_probe_tests_token_and_chat_and_sends_nothing(server: TelegramEmulator) -> None:
    assert bot(server).probe().verdict is Verdict.SENT
    assert bot(server, 99).probe().verdict is Verdict.REJECTED
    assert bot(server, token="1:x").probe().verdict is Verdict.REJECTED
    assert server.messages == []


# --- what people say


def listening(
    server: TelegramEmulator, pressed: list[Button], commands: dict[str, Command] | None = None
) -> Commands:
    def press(button: Button) -> str:
        pressed.append(button)
        return "noted"

    found = commands or {"status": Command(lambda argument: f"fine {argument}", "how it is")}
    return Commands(BotApi(TOKEN, server.url), lambda: str(CHAT), found, press, hold_s=0)


def test_buttons_reach_us_once(server: TelegramEmulator) -> None:
    pressed: list[Button] = []
    bot(server).send(Dispatch(one_alert()))
    message = server.messages[0]
    data = message["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    server.press(CHAT, message["message_id"], data)
    commands = listening(server, pressed)
    assert commands.poll() == 0.0
    assert commands.poll() == 0.0
    assert pressed == [Button(one_alert().key, None, "Ann")]
    assert [answer["text"] for answer in server.answered] == ["noted"]


def test_commands_answer_the_configured_chat_only(server: TelegramEmulator) -> None:
    server.chat(13)
    server.say(13, "/status")
    server.press(13, 1, "ack:abc")
    server.say(CHAT, "hello")
    server.say(CHAT, "/unknown")
    server.say(CHAT, "/status", date=1)
    server.say(CHAT, "/STATUS@ethmon_test_bot  now ")
    pressed: list[Button] = []
    listening(server, pressed).poll()
    assert [(message["chat"]["id"], message["text"]) for message in server.messages] == [(CHAT, "fine now")]
    assert pressed == []
    assert server.answered == []


def test_a_long_or_failing_answer_is_still_an_answer(server: TelegramEmulator) -> None:
    def fail(argument: str) -> str:
        raise RuntimeError(f"secret {argument}")

    commands = {
        "long": Command(lambda _: "\n".join(f"line {n} 🚨" for n in range(2000)), "long"),
        "one": Command(lambda _: "🚨" * 5000, "one line"),
        "none": Command(lambda _: " ", "nothing"),
        "rich": Command(lambda _: notice("k", "A <title>", "text", Severity.INFO, 1), "rich"),
        "fail": Command(fail, "fails"),
    }
    listener = listening(server, [], commands)
    for name in commands:
        server.say(CHAT, f"/{name} x")
    listener.poll()
    texts = server.texts()
    assert len(texts) == 5
    assert texts[0].startswith("line 0")
    assert utf16(texts[0]) > 3900
    assert "A <title>" in texts[3]
    assert "RuntimeError" in texts[4]
    assert "secret" not in texts[4]


def test_the_menu_is_announced(server: TelegramEmulator) -> None:
    listening(server, []).announce()
    assert server.calls == ["setMyCommands"]


def test_a_rival_poller_or_a_webhook_makes_us_step_back(server: TelegramEmulator) -> None:
    server.webhook = True
    commands = listening(server, [])
    assert commands.poll() == 300.0
    assert "another program" in commands.trouble
    server.webhook = False
    assert commands.poll() == 0.0
    assert commands.trouble == ""


def test_any_failure_of_the_poll_is_a_pause(server: TelegramEmulator) -> None:
    commands = listening(server, [])
    server.script("getUpdates", "status")
    assert commands.poll() == 15.0
    server.script(
        "getUpdates", "refuse", refusal=RefusedError(429, "Too Many Requests: retry after 7", retry_after=7)
    )
    assert commands.poll() == 7
    server.script("getUpdates", "drop")
    assert commands.poll() == 15.0
    assert "connection" in commands.trouble


def test_updates_that_are_not_understood_are_passed_over(server: TelegramEmulator) -> None:
    server.update({"message": {"chat": "nonsense"}})
    server.update({"callback_query": {"id": 5}})
    server.say(CHAT, "/status")
    listening(server, []).poll()
    assert server.texts() == ["fine"]


@pytest.mark.parametrize(
    "data", ["", "ack", "ack:", "snooze:1", "snooze:x:key", "snooze:9999:key", "snooze:-1:k", "a:b:c:d"]
)
def test_presses_that_are_not_ours_are_nothing(data: str) -> None:
    assert parse_button(data, "Ann") is None


def test_fifty_at_once_are_one_message_that_says_so(server: TelegramEmulator) -> None:
    message: Message = many(50)
    assert bot(server).send(Dispatch(message)).verdict is Verdict.SENT
    text = server.texts()[0]
    assert "and 49 more" in text
    assert text.count("from liquidation") > 20
