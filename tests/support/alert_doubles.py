"""Doubles at the edges of delivery: a channel that obeys a script, and a clock that tests set."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from alerts.ports import Dispatch, Outcome


class Scripted:
    """Answers with the scripted outcomes first, then accepts; remembers every dispatch."""

    def __init__(self, name: str, outcomes: Iterable[Outcome] = ()) -> None:
        self.name = name
        self.outcomes = deque(outcomes)
        self.always: Outcome | None = None
        self.tried: list[Dispatch] = []
        self.accepted: list[Dispatch] = []

    def send(self, dispatch: Dispatch) -> Outcome:
        self.tried.append(dispatch)
        outcome = self.always or (self.outcomes.popleft() if self.outcomes else Outcome.sent())
        if outcome.verdict == "sent":
            self.accepted.append(dispatch)
            return Outcome.sent({"message_id": str(len(self.accepted))}, outcome.cause)
        return outcome

    def probe(self) -> Outcome:
        return Outcome.sent()

    def titles(self) -> list[str]:
        return [dispatch.message.title for dispatch in self.accepted]


class Clock:
    """Wall time that tests set."""

    def __init__(self, now: float = 1_770_040_991.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
