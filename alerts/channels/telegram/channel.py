"""Messages to one Telegram chat."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import Lock
from typing import Any, TypeGuard

from alerts import render
from alerts.channels.http import NoReply
from alerts.channels.pacing import Bucket
from alerts.channels.telegram.api import BotApi, Refusal
from alerts.model import Message, Severity, Transition
from alerts.ports import Dispatch, Outcome, Scope

_FIRST_OF_THREAD = frozenset({Transition.RECOVERED, Transition.SIGHTED, Transition.CORRECTED})
"""News that refers to an earlier message and is shown as a reply to it."""
_SNOOZES = (1, 6, 24)
_DEAD = (
    "chat not found", "bot was blocked", "user is deactivated", "not enough rights", "have no rights",
    "chat_write_forbidden", "need administrator rights", "peer_id_invalid", "chat_restricted",
    "group chat was deactivated", "chat_id is empty",
)  # fmt: skip
_NO_TOPIC = ("message thread not found", "topic_closed", "topic_deleted", "topic_id_invalid")
_LONGEST_PAUSE_S = 86_400.0
_PICTURE_WITHIN_S = 30.0
_CORRECTED = "Corrected: its block was replaced, see the reply."
_OTHER_KIND = ("there is no text in the message", "there is no caption in the message")
_PARTLY = "Partly corrected: a block was replaced, see the replies."


class Telegram:
    """One bot, one chat. Keeps to Telegram's pace by itself; follows a group that moves."""

    name = "telegram"

    def __init__(
        self,
        api: BotApi,
        chat_id: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        topic_id: int | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`topic_id` is a topic of a group with topics; `pause` is how a picture waits for its turn."""
        self._api = api
        self._chat_id = chat_id
        self._topic_id = topic_id
        self._pause = pause
        self._notes: set[str] = set()
        self._editing = Lock()
        self._corrected: set[int] = set()
        """Messages that a picture must not bring back as they were."""
        # One a second to a person, twenty a minute to a group; both may burst a little.
        rate, burst = (20 / 60, 5) if chat_id.startswith(("-", "@")) else (1.0, 3)
        self._chat_bucket = Bucket(rate, burst, clock)
        self._overall_bucket = Bucket(25.0, 25, clock)

    @property
    def chat_id(self) -> str:
        """Where messages go now: changes when a group becomes a supergroup."""
        return self._chat_id

    def send(self, dispatch: Dispatch) -> Outcome:
        """See `alerts.ports.Channel`."""
        wait = max(self._chat_bucket.wait_s(), self._overall_bucket.wait_s())
        if wait > 0:
            return Outcome.paced(wait)
        answer = self._text(dispatch)
        if not _is_message(answer):
            return self._refused(answer)
        self._mark_corrected(dispatch)
        receipt = {"message_id": str(answer["message_id"]), "chat_id": self._chat_id}
        illustrate = partial(self._add_picture, dispatch, answer["message_id"])
        return Outcome.sent(receipt, "; ".join(sorted(self._notes)), illustrate)

    def probe(self) -> Outcome:
        """See `alerts.ports.Channel`: the token by getMe, the chat by getChat."""
        for method, fields in (("getMe", {}), ("getChat", {"chat_id": self._chat_id})):
            answer = self._api.call(method, fields)
            if isinstance(answer, Refusal) and answer.migrate_to is not None:
                return Outcome.sent(note=_moved_to(answer.migrate_to))
            if isinstance(answer, Refusal | NoReply):
                return self._refused(answer)
        return Outcome.sent()

    def _text(self, dispatch: Dispatch) -> Any | Refusal | NoReply:
        options = {**self._options(dispatch), "link_preview_options": {"is_disabled": True}}
        answer = self._call(
            "sendMessage", {**options, "text": render.telegram(dispatch), "parse_mode": "HTML"}
        )
        if _is_unreadable(answer):
            # Our markup was not understood: the words matter more than their form.
            plain = render.plain(dispatch, render.TELEGRAM_TEXT_LIMIT)
            answer = self._call("sendMessage", {**options, "text": plain})
        return answer

    def _add_picture(self, dispatch: Dispatch, message_id: int, picture: bytes) -> dict[str, str]:
        """Put the picture above the words, in their message; `photo` for the receipt when it stands there.

        Where the words are too long for that, or the server too old, it follows as a silent reply.
        No matter if that fails too.
        """
        if render.fits_caption(dispatch) and self._has_room_for_pictures():
            caption = render.telegram(dispatch, render.TELEGRAM_CAPTION_LIMIT)
            media = {"type": "photo", "media": "attach://photo", "caption": caption, "parse_mode": "HTML"}
            fields = {"chat_id": self._chat_id, "message_id": message_id, "media": media}
            markup = {"reply_markup": self._options(dispatch)["reply_markup"]}
            with self._editing:
                if message_id in self._corrected:
                    return {}
                if _is_message(self._call("editMessageMedia", {**fields, **markup}, photo=picture)):
                    return {"photo": "1"}
        reply = {"message_id": message_id, "allow_sending_without_reply": True}
        fields = {
            "chat_id": self._chat_id,
            "message_thread_id": self._topic_id,
            "disable_notification": True,
            "reply_parameters": reply,
        }
        if self._has_room_for_pictures():
            self._call("sendPhoto", fields, photo=picture)
        return {}

    def _has_room_for_pictures(self) -> bool:
        """Words come first: a picture takes its turn only while that leaves one for the next message."""
        waited = 0.0
        while (wait := max(self._chat_bucket.wait_s(2), self._overall_bucket.wait_s(2))) > 0:
            if waited + wait > _PICTURE_WITHIN_S:
                return False
            self._pause(wait)
            waited += wait
        return True

    def _options(self, dispatch: Dispatch) -> dict[str, Any]:
        message = dispatch.message
        return {
            "chat_id": self._chat_id,
            "message_thread_id": self._topic_id,
            "disable_notification": message.severity is Severity.INFO,
            "reply_parameters": self._reply_to(dispatch),
            "reply_markup": buttons(message) if message.incidents else None,
        }

    def _call(
        self, method: str, fields: dict[str, Any], photo: bytes | None = None
    ) -> Any | Refusal | NoReply:
        self._chat_bucket.take()
        self._overall_bucket.take()
        answer = self._api.call(method, fields, photo=photo)
        if isinstance(answer, Refusal) and answer.migrate_to is not None:
            self._chat_id = str(answer.migrate_to)
            self._notes.add(_moved_to(answer.migrate_to))
            answer = self._api.call(method, {**fields, "chat_id": self._chat_id}, photo=photo)
        if self._topic_id is not None and _says(answer, _NO_TOPIC):
            # The topic was closed or deleted: the alert goes to the group rather than nowhere.
            self._topic_id = None
            self._notes.add("TELEGRAM_TOPIC_ID is not an open topic: messages go to the group itself")
            fields = {**fields, "chat_id": self._chat_id, "message_thread_id": None}
            answer = self._api.call(method, fields, photo=photo)
        if isinstance(answer, Refusal) and answer.retry_after_s is not None:
            self._chat_bucket.pause(min(answer.retry_after_s, _LONGEST_PAUSE_S))
        return answer

    def _mark_corrected(self, dispatch: Dispatch) -> None:
        """Edit the wrong message where it stands; the reply said it already, so failure is no matter."""
        original = dispatch.original
        if original is None or dispatch.message.transition is not Transition.CORRECTED:
            return
        if "collapsed" in original.receipt or not self._is_here(original.receipt):
            return  # others stand in that message and are still true
        grouped, message_id = bool(original.message.items), int(original.receipt["message_id"])
        again = Dispatch(original.message, remark=_PARTLY if grouped else _CORRECTED)
        # What is left of a group still stands, and can still be silenced.
        markup = buttons(original.message) if grouped else None
        with self._editing:
            self._corrected.add(message_id)
            # A picture may have been added without our record of it: the other way is tried as well.
            for photo in sorted((True, False), reverse="photo" in original.receipt):
                if not _says(self._edit(again, message_id, markup, photo=photo), _OTHER_KIND):
                    return

    def _edit(self, again: Dispatch, message_id: int, markup: Any, *, photo: bool) -> Any:
        limit = render.TELEGRAM_CAPTION_LIMIT if photo else render.TELEGRAM_TEXT_LIMIT
        fields = {
            "chat_id": self._chat_id,
            "message_id": message_id,
            "parse_mode": "HTML",
            "reply_markup": markup,
            "caption" if photo else "text": render.telegram(again, limit),
        }
        return self._api.call("editMessageCaption" if photo else "editMessageText", fields)

    def _reply_to(self, dispatch: Dispatch) -> dict[str, Any] | None:
        receipt = dispatch.original.receipt if dispatch.original else dispatch.thread_receipt
        if (
            receipt is None
            or dispatch.message.transition not in _FIRST_OF_THREAD
            or not self._is_here(receipt)
        ):
            return None
        return {"message_id": int(receipt["message_id"]), "allow_sending_without_reply": True}

    def _is_here(self, receipt: Mapping[str, str]) -> bool:
        """Numbers of messages count anew in each chat: after a move they mean other messages."""
        return "message_id" in receipt and receipt.get("chat_id", self._chat_id) == self._chat_id

    def _refused(self, answer: Any) -> Outcome:
        if isinstance(answer, NoReply):
            return Outcome.retry(f"Telegram: {answer.cause}")
        if not isinstance(answer, Refusal):
            return Outcome.retry("Telegram's answer is not a message")
        if answer.code == 429 or answer.retry_after_s is not None:
            return Outcome.retry(answer.text, answer.retry_after_s)
        if answer.code in {401, 403, 404} or _says(answer, _DEAD):
            return Outcome.rejected(answer.text, Scope.CHANNEL)
        return Outcome.rejected(answer.text) if answer.code == 400 else Outcome.retry(answer.text)


def buttons(message: Message) -> dict[str, Any]:
    """Acknowledge, and three times of silence; the data names the message (64 bytes at most).

    An event is over when it is told: there is nothing to acknowledge, but more of it can be silenced.
    """
    snoozes = [
        {"text": f"Snooze {hours} h", "callback_data": f"snooze:{hours}:{message.key}"} for hours in _SNOOZES
    ]
    acknowledge = [{"text": "Acknowledge", "callback_data": f"ack:{message.key}"}]
    event = message.transition is Transition.HAPPENED
    return {"inline_keyboard": [snoozes] if event else [acknowledge, snoozes]}


def _is_message(answer: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(answer, dict) and isinstance(answer.get("message_id"), int)  # pyright: ignore[reportUnknownMemberType]


def _is_unreadable(answer: Any) -> bool:
    return _says(answer, ("can't parse", "too long"))


def _says(answer: Any, phrases: Sequence[str]) -> bool:
    """Is it a refusal of the request, and for one of these reasons?"""
    text = answer.description.lower() if isinstance(answer, Refusal) and answer.code == 400 else ""
    return any(phrase in text for phrase in phrases)


def _moved_to(chat_id: int) -> str:
    return f"the group is now {chat_id}: set TELEGRAM_CHAT_ID to it"
