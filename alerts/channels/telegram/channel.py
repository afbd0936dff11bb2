"""Messages to one Telegram chat."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
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
_DEAD = ("chat not found", "bot was blocked", "user is deactivated", "not enough rights", "have no rights")
_CORRECTED = "Corrected: its block was replaced, see the reply."
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
        thread_id: int | None = None,
    ) -> None:
        self._api = api
        self._chat_id = chat_id
        self._thread_id = thread_id
        self._moved = False
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
        # The words are out; only now is time taken for the picture.
        receipt = {"message_id": str(answer["message_id"]), "chat_id": self._chat_id}
        if self._add_picture(dispatch, answer["message_id"]):
            receipt["photo"] = "1"
        moved = f"the group is now {self._chat_id}: set TELEGRAM_CHAT_ID to it" if self._moved else ""
        return Outcome.sent(receipt, moved)

    def probe(self) -> Outcome:
        """See `alerts.ports.Channel`: the token by getMe, the chat by getChat."""
        for method, fields in (("getMe", {}), ("getChat", {"chat_id": self._chat_id})):
            answer = self._api.call(method, fields)
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

    def _add_picture(self, dispatch: Dispatch, message_id: int) -> bool:
        """Put the picture above the words, if there is one; True when it stands there.

        Where the words are too long for that, or the server too old, it follows as a silent reply.
        No matter if that fails too.
        """
        picture = dispatch.draw()
        if picture is None:
            return False
        if render.fits_caption(dispatch):
            caption = render.telegram(dispatch, render.TELEGRAM_CAPTION_LIMIT)
            media = {"type": "photo", "media": "attach://photo", "caption": caption, "parse_mode": "HTML"}
            fields = {"chat_id": self._chat_id, "message_id": message_id, "media": media}
            markup = {"reply_markup": self._options(dispatch)["reply_markup"]}
            if _is_message(self._call("editMessageMedia", {**fields, **markup}, photo=picture)):
                return True
        reply = {"message_id": message_id, "allow_sending_without_reply": True}
        fields = {"chat_id": self._chat_id, "disable_notification": True, "reply_parameters": reply}
        self._call("sendPhoto", fields, photo=picture)
        return False

    def _options(self, dispatch: Dispatch) -> dict[str, Any]:
        message = dispatch.message
        return {
            "chat_id": self._chat_id,
            "message_thread_id": self._thread_id,
            "disable_notification": message.severity is Severity.INFO,
            "reply_parameters": _reply_to(dispatch),
            "reply_markup": buttons(message) if message.incidents else None,
        }

    def _call(
        self, method: str, fields: dict[str, Any], photo: bytes | None = None
    ) -> Any | Refusal | NoReply:
        self._chat_bucket.take()
        self._overall_bucket.take()
        answer = self._api.call(method, fields, photo=photo)
        if isinstance(answer, Refusal) and answer.migrate_to is not None:
            self._chat_id, self._moved = str(answer.migrate_to), True
            answer = self._api.call(method, {**fields, "chat_id": self._chat_id}, photo=photo)
        if isinstance(answer, Refusal) and answer.retry_after_s is not None:
            self._chat_bucket.pause(answer.retry_after_s)
        return answer

    def _mark_corrected(self, dispatch: Dispatch) -> None:
        """Edit the wrong message where it stands; the reply said it already, so failure is no matter."""
        original = dispatch.original
        if original is None or dispatch.message.transition is not Transition.CORRECTED:
            return
        if "collapsed" in original.receipt:
            return  # others stand in that message and are still true
        photo = "photo" in original.receipt
        limit = render.TELEGRAM_CAPTION_LIMIT if photo else render.TELEGRAM_TEXT_LIMIT
        grouped = bool(original.message.items)
        text = render.telegram(Dispatch(original.message, remark=_PARTLY if grouped else _CORRECTED), limit)
        fields: dict[str, Any] = {
            "chat_id": self._chat_id,
            "message_id": int(original.receipt["message_id"]),
            "parse_mode": "HTML",
            "caption" if photo else "text": text,
        }
        if grouped:
            fields["reply_markup"] = buttons(original.message)  # the rest of it still stands
        self._api.call("editMessageCaption" if photo else "editMessageText", fields)

    def _refused(self, answer: Any) -> Outcome:
        if isinstance(answer, NoReply):
            return Outcome.retry(f"Telegram: {answer.cause}")
        if not isinstance(answer, Refusal):
            return Outcome.retry("Telegram's answer is not a message")
        if answer.code == 429 or answer.retry_after_s is not None:
            return Outcome.retry(answer.text, answer.retry_after_s)
        if answer.code in {401, 403, 404} or _is_dead(answer):
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


def _reply_to(dispatch: Dispatch) -> dict[str, Any] | None:
    receipt = dispatch.original.receipt if dispatch.original else dispatch.thread_receipt
    if receipt is None or dispatch.message.transition not in _FIRST_OF_THREAD or "message_id" not in receipt:
        return None
    return {"message_id": int(receipt["message_id"]), "allow_sending_without_reply": True}


def _is_message(answer: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(answer, dict) and isinstance(answer.get("message_id"), int)  # pyright: ignore[reportUnknownMemberType]


def _is_unreadable(answer: Any) -> bool:
    text = answer.description.lower() if isinstance(answer, Refusal) and answer.code == 400 else ""
    return "can't parse" in text or "too long" in text


def _is_dead(answer: Refusal) -> bool:
    return any(phrase in answer.description.lower() for phrase in _DEAD)
