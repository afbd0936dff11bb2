"""Messages on a terminal or in a log file: the channel that is always there."""

from __future__ import annotations

from typing import TextIO

from alerts.ports import Dispatch, Outcome, Scope
from alerts.render import plain


class Console:
    """Plain text to a stream, a blank line between messages."""

    name = "console"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def send(self, dispatch: Dispatch) -> Outcome:
        """See `alerts.ports.Channel`."""
        try:
            self._stream.write(_encodable(plain(dispatch), self._stream.encoding) + "\n\n")
            self._stream.flush()
        except BrokenPipeError:
            return Outcome.rejected("nobody reads this output any more", Scope.CHANNEL)
        except (OSError, ValueError) as error:
            return Outcome.retry(f"the output cannot be written ({type(error).__name__})")
        return Outcome.sent()

    def probe(self) -> Outcome:
        """See `alerts.ports.Channel`."""
        return (
            Outcome.rejected("the output is closed", Scope.CHANNEL) if self._stream.closed else Outcome.sent()
        )


def _encodable(text: str, encoding: str | None) -> str:
    # A terminal without emoji must still get the words.
    name = encoding or "utf-8"
    return text.encode(name, "replace").decode(name)
