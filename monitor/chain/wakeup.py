"""A WebSocket that says "there is a new head" and nothing else: polling stays the truth.

No content of a message is used, so nobody on that line can tell us anything false; a line that is
down costs only speed.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable

from monitor.chain.redact import Redactor, label

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 1.0
LAST_PAUSE_S = 60.0
OPEN_TIMEOUT_S = 10.0
SILENCE_S = 60.0
"""A connection without a head for this long is opened anew."""
MAX_MESSAGE_BYTES = 1 << 20


class Wakeup:
    """Sets `event` at every new head, on a thread of its own, until `stop`."""

    def __init__(self, url: str, event: threading.Event) -> None:
        self.label = label(url)
        self.connected = False
        self.last_error: str | None = None
        self._url = url
        self._event = event
        self._redact = Redactor([url])
        self._stopped = threading.Event()
        self._close: Callable[[], None] | None = None
        self._thread = threading.Thread(target=self._run, name="wakeup", daemon=True)

    def start(self) -> None:
        """Begin to listen. Never raises: without it the daemon polls."""
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the thread."""
        self._stopped.set()
        close = self._close
        if close is not None:
            close()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopped.is_set():
            try:
                self._listen()
            except Exception as error:  # noqa: BLE001  (whatever breaks this line, polling goes on)
                text = self._redact(f"{type(error).__name__}: {error}")[:160]
                if text != self.last_error:
                    log.info("%s: no wake-up, polling goes on (%s)", self.label, text)
                self.last_error = text
            pause = FIRST_PAUSE_S if self.connected else min(LAST_PAUSE_S, pause * 2)
            self.connected = False
            self._stopped.wait(pause)

    def _listen(self) -> None:
        from websockets.sync.client import connect

        with connect(
            self._url, open_timeout=OPEN_TIMEOUT_S, close_timeout=1, max_size=MAX_MESSAGE_BYTES
        ) as line:
            self._close = line.close
            line.send(
                json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]})
            )
            while not self._stopped.is_set():
                line.recv(timeout=SILENCE_S)
                self.connected = True
                self.last_error = None
                self._event.set()
