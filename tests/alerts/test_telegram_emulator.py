"""The emulator is faithful enough that python-telegram-bot, written by others, cannot tell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    Message,
    ReplyParameters,
)
from telegram.constants import ParseMode
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
)

from tests.support.png import png
from tests.support.telegram_emulator import TOKEN, TelegramEmulator
from tests.support.telegram_html import ParseError, parse

CHAT = 777


@pytest.fixture
def server() -> Iterator[TelegramEmulator]:
    with TelegramEmulator() as emulator:
        emulator.chat(CHAT)
        yield emulator


def run(server: TelegramEmulator, use: Callable[[Bot], Awaitable[Any]], token: str = TOKEN) -> Any:
    async def session() -> Any:
        async with Bot(token, base_url=f"{server.url}/bot") as bot:
            return await use(bot)

    return asyncio.run(session())


def test_a_strange_client_sends_edits_and_reads(server: TelegramEmulator) -> None:
    async def use(bot: Bot) -> None:
        assert (await bot.get_me()).username == "ethmon_test_bot"
        assert (await bot.get_chat(CHAT)).type == "private"
        keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Acknowledge", callback_data="ack:1")]])
        sent = await bot.send_message(
            CHAT, "<b>A &amp; 🚨</b> <a href='https://x.org/?a=1&amp;b=2'>x</a>", ParseMode.HTML,
            reply_markup=keyboard, disable_notification=True,
        )  # fmt: skip
        assert sent.text == "A & 🚨 x"
        assert [(one.type, one.offset, one.length) for one in sent.entities] == [
            ("bold", 0, 6),
            ("text_link", 7, 1),
        ]
        assert sent.entities[1].url == "https://x.org/?a=1&b=2"
        reply = await bot.send_message(CHAT, "re", reply_parameters=ReplyParameters(sent.message_id))
        assert reply.reply_to_message is not None
        edited = await bot.edit_message_text("other", CHAT, sent.message_id)
        assert getattr(edited, "text", "") == "other"
        media = InputMediaPhoto(BytesIO(png(60, 40)), "<b>now with</b> picture", parse_mode=ParseMode.HTML)
        pictured = await bot.edit_message_media(media, CHAT, reply.message_id, reply_markup=keyboard)
        assert isinstance(pictured, Message)
        assert (pictured.text, pictured.caption, len(pictured.photo)) == (None, "now with picture", 1)
        photo = await bot.send_photo(CHAT, BytesIO(png(60, 40)), "<i>c</i>", parse_mode=ParseMode.HTML)
        assert (photo.photo[0].width, photo.photo[0].height, photo.caption) == (60, 40, "c")

    run(server, use)
    assert server.messages[0]["silent"]
    assert not server.messages[1]["silent"]


def test_a_strange_client_polls_presses_and_answers(server: TelegramEmulator) -> None:
    async def use(bot: Bot) -> None:
        server.say(CHAT, "/status now")
        first = await bot.get_updates(timeout=1)
        assert [update.message.text for update in first if update.message] == ["/status now"]
        assert [update.update_id for update in await bot.get_updates()] == [first[0].update_id]
        sent = await bot.send_message(CHAT, "m")
        server.press(CHAT, sent.message_id, "ack:1")
        pressed = (await bot.get_updates(offset=first[0].update_id + 1, timeout=1))[0]
        assert pressed.callback_query is not None
        assert pressed.callback_query.data == "ack:1"
        assert await bot.answer_callback_query(pressed.callback_query.id, "fine")
        with pytest.raises(BadRequest, match="Query is too old"):
            await bot.answer_callback_query(pressed.callback_query.id, "fine")
        assert await bot.get_updates(offset=pressed.update_id + 1) == ()

    run(server, use)


def test_a_strange_client_meets_the_errors_it_knows(
    server: TelegramEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.chat(1, blocked=True)
    server.chat(-5, kind="group", migrated_to=-1005)
    server.chat(2, limit=1, window_s=100.0)

    async def use(bot: Bot) -> None:
        for text, mode, expected in (
            ("<b>x", "HTML", "Can't parse entities"),
            ("<x>y</x>", "HTML", "Unsupported start tag"),
            ("<b><i>x</b></i>", "HTML", "Unmatched end tag"),
            ("x" * 4097, None, "Message is too long"),
            ("🚨" * 2049, None, "Message is too long"),
        ):
            with pytest.raises(BadRequest, match=f"(?i){expected}"):
                await bot.send_message(CHAT, text, parse_mode=mode)
        await bot.send_message(CHAT, "🚨" * 2048)
        for call, error in (
            (bot.send_message(99, "x"), BadRequest),
            (bot.send_message(1, "x"), Forbidden),
            (bot.send_message(CHAT, ""), BadRequest),
            (bot.send_photo(CHAT, BytesIO(b"no picture")), BadRequest),
            (bot.send_photo(CHAT, BytesIO(png(2100, 100))), BadRequest),
            (bot.send_photo(CHAT, BytesIO(png(10, 10)), "c" * 1025), BadRequest),
            (bot.edit_message_text("x", CHAT, 12345), BadRequest),
            (bot.send_message(CHAT, "x", reply_parameters=ReplyParameters(12345)), BadRequest),
            (
                bot.send_message(
                    CHAT, "x", reply_markup=InlineKeyboardMarkup([[InlineKeyboardButton("b", callback_data="d" * 65)]])
                ),
                BadRequest,
            ),
        ):  # fmt: skip
            with pytest.raises(error):
                await call
        with pytest.raises(ChatMigrated) as moved:
            await bot.send_message(-5, "x")
        assert moved.value.new_chat_id == -1005
        await bot.send_message(2, "x")
        monkeypatch.setenv("PTB_TIMEDELTA", "1")
        with pytest.raises(RetryAfter):
            await bot.send_message(2, "x")

    run(server, use)
    with pytest.raises(InvalidToken):
        run(server, lambda bot: bot.get_me(), "987:wrong")


def test_two_pollers_conflict_and_trouble_is_network_error(server: TelegramEmulator) -> None:
    async def use(bot: Bot) -> None:
        first = asyncio.ensure_future(bot.get_updates(timeout=5))
        await asyncio.sleep(0.2)
        async with Bot(TOKEN, base_url=f"{server.url}/bot") as rival:
            assert await rival.get_updates(timeout=0) == ()
        with pytest.raises(Conflict):
            await first
        server.script("sendMessage", "status")
        with pytest.raises(NetworkError):
            await bot.send_message(CHAT, "x")
        server.script("sendMessage", "drop")
        with pytest.raises(NetworkError):
            await bot.send_message(CHAT, "accepted all the same")

    run(server, use)
    assert server.texts() == ["accepted all the same"]


@pytest.mark.parametrize(
    "source",
    [
        "<b>",
        "</b>",
        "<b></i>",
        "a < b",
        "<",
        "<b <i>",
        "<script>x</script>",
        "<a href='x>y</a>",
        "<b>x</b",
        "< b>x</b>",
    ],
)
def test_broken_markup_is_refused(source: str) -> None:
    with pytest.raises(ParseError):
        parse(source)
