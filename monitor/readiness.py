"""Tell the service manager how it stands (sd_notify): ready, stopping. Nothing where nobody asks."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def tell(state: str) -> None:
    """Send `READY=1`, `STOPPING=1` to NOTIFY_SOCKET; a manager that is gone does not stop us.

    Source: sd_notify(3). A leading @ is Linux's abstract namespace.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
        manager.sendto(state.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)
