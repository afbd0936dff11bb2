"""Fixtures for every test. No test reaches beyond loopback."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

pytest_plugins = ["tests.support.localnet"]

settings.register_profile("ethmon", deadline=None)  # no timed assertions: the machine is shared
settings.load_profile("ethmon")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it puts in the background deaf to ctrl-C, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real mainnet data beside the project; tests that need it skip where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("real data is not part of the project")
    return SHARED_DATA


@pytest.fixture(autouse=True, scope="session")
def _loopback_only() -> Any:
    """Fail any connection that leaves this machine: the suite must not depend on, or talk to, others."""
    original = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple):
            host = str(address[0])
            if not (host.startswith("127.") or host in {"localhost", "::1", "0.0.0.0"}):
                raise AssertionError(f"a test tried to reach {host}")
        original(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign]
    yield
    socket.socket.connect = original  # type: ignore[method-assign]
