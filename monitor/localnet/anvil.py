"""Starts and stops Anvil. It never outlives the process that started it, however that one ends."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from monitor.errors import LocalnetError
from monitor.localnet.control import Control
from monitor.localnet.packages import install
from monitor.units import UnixTime

HOST = "127.0.0.1"
GENESIS_TIME = UnixTime(1_750_000_000)
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 30.0
_POLL_S = 0.005
_LISTENING = "Listening on "

# Reads Anvil's pid, then waits for its standard input to end: a word means that the owner stopped
# Anvil itself, the bare end that the owner died. Works without prctl and whichever thread started it.
_WATCHDOG = 'read -r pid || exit 0; read -r word || kill -KILL "$pid" 2>/dev/null; rm -rf -- "$1"'


@dataclass(frozen=True, slots=True)
class ChainSpec:
    """What the chain is like. The same spec and the same calls give the same block hashes."""

    chain_id: int = 1337
    hardfork: str = "prague"
    timestamp: UnixTime = GENESIS_TIME
    """Time of block 0. Anvil takes the blob schedule for the *excess* from mainnet's calendar and the one
    for the fee from `hardfork`, and `eth_config` shows the latter. They agree for chain id 1 with "prague"
    between 1746612311 and 1764798550; elsewhere only while no block has more than 6 blobs."""
    block_interval_s: int = 12
    gas_limit: int = 30_000_000
    accounts: int = 10
    balance_eth: int = 10_000
    automine: bool = False
    base_fee_wei: int = 1_000_000_000
    alloc: Mapping[str, Any] | None = None
    """Accounts of block 0, see `Control.state`; the funded ones are added."""
    excess_blob_gas: int = 0
    """Of block 1, for a blob fee that is not 1 wei. Anvil never goes below it without chain id 1."""
    extra: tuple[str, ...] = ()
    """Further Anvil options."""

    def options(self, folder: Path) -> list[str]:
        """Anvil's command line for this chain; a genesis file goes into `folder`."""
        return [
            *self._genesis(folder),
            *("--chain-id", str(self.chain_id), "--hardfork", self.hardfork),
            *("--timestamp", str(self.timestamp), "--gas-limit", str(self.gas_limit)),
            *("--accounts", str(self.accounts), "--balance", str(self.balance_eth)),
            *("--block-base-fee-per-gas", str(self.base_fee_wei)),
            *([] if self.automine else ["--no-mining"]),
            *self.extra,
        ]

    def _genesis(self, folder: Path) -> list[str]:
        if self.alloc is None and not self.excess_blob_gas:
            return []
        genesis = {
            "config": {"chainId": self.chain_id},
            "timestamp": hex(self.timestamp),
            "gasLimit": hex(self.gas_limit),
            "baseFeePerGas": hex(self.base_fee_wei),
            "excessBlobGas": hex(self.excess_blob_gas),
            "difficulty": "0x0",
            "alloc": self.alloc or {},
        }
        path = folder / "genesis.json"
        path.write_bytes(msgspec.json.encode(genesis))
        return ["--init", str(path)]


def binary(node_modules: Path) -> Path:
    """Anvil's native binary for this machine (starting it through npx would cost 2 s)."""
    cpu = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine())
    found = node_modules / "@foundry-rs" / f"anvil-{sys.platform}-{cpu}" / "bin" / "anvil"
    if not found.is_file():
        raise LocalnetError(
            f"Anvil has no binary for {sys.platform}/{platform.machine()}: the local chain runs on Linux and macOS, x64 and arm64."
        )
    return found


class Anvil:
    """A running Anvil on a free port of 127.0.0.1, with `control` to drive it.

    Ends with the `with` block, with `stop()`, or when the owner's process is gone; its temporary
    files end with it.
    """

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, spec: ChainSpec) -> None:
        self.spec = spec
        self._folder = folder
        self._process = process
        self._watchdog = _start_watchdog(process.pid, folder)
        try:
            self.port = _wait_for_port(process, folder / "log")
        except BaseException:
            self._end()
            raise
        self.control = Control(self.port)
        try:
            self.control.call("anvil_setLoggingEnabled", False)  # noqa: FBT003 - a parameter of the node's
            self.control.set_block_interval(spec.block_interval_s)
            self.control.follow_base_fee_rule()
        except BaseException:
            self.stop()
            raise

    @classmethod
    def start(cls, spec: ChainSpec | None = None, *, say: Callable[[str], None] | None = None) -> Self:
        """Install the packages if need be and start a chain."""
        modules = install(say=say) if say else install()
        program = binary(modules)
        spec = spec or ChainSpec()
        folder = Path(tempfile.mkdtemp(prefix="ethmon-anvil-"))
        command = [str(program), "--host", HOST, "--port", "0", "--cache-path", str(folder / "cache")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own package, fixed options
                [*command, *spec.options(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # ctrl-C in the terminal is for the owner, who stops Anvil in order
            )
        return cls(process, folder, spec)

    @property
    def url(self) -> str:
        """The JSON-RPC address."""
        return f"http://{HOST}:{self.port}"

    @property
    def ws_url(self) -> str:
        """The WebSocket address."""
        return f"ws://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def call(self, method: str, *params: Any) -> Any:
        """One JSON-RPC call, see `Control.call`."""
        return self.control.call(method, *params)

    def freeze(self) -> None:
        """Hang: the node takes connections and never answers, until `thaw`."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # the signal takes a moment to arrive

    def thaw(self) -> None:
        """Go on after `freeze`."""
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the process and remove its files. Safe to call twice."""
        self.control.close()
        self._end()

    def _end(self) -> None:
        if self.running:
            self._process.kill()  # nothing to save: the state is temporary
            self._process.wait(STOP_DEADLINE_S)
        if self._watchdog.stdin is not None and not self._watchdog.stdin.closed:
            self._watchdog.communicate(b"stopped\n", timeout=STOP_DEADLINE_S)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _start_watchdog(pid: int, folder: Path) -> subprocess.Popen[bytes]:
    watchdog = subprocess.Popen(  # noqa: S603 - a constant script
        ["/bin/sh", "-c", _WATCHDOG, "ethmon-watchdog", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert watchdog.stdin is not None
    watchdog.stdin.write(f"{pid}\n".encode())
    watchdog.stdin.flush()
    return watchdog


def _wait_for_port(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port from the kernel, as Anvil logs it once it listens."""
    deadline = time.monotonic() + START_DEADLINE_S
    text = ""
    while time.monotonic() < deadline:
        text = log.read_text(errors="replace")
        _, listening, rest = text.partition(_LISTENING)
        address, complete, _ = rest.partition("\n")
        if listening and complete:
            return int(address.rpartition(":")[2])
        if process.poll() is not None:
            raise LocalnetError(f"Anvil ended at start: {text.strip()[-300:]}")
        time.sleep(_POLL_S)
    raise LocalnetError(f"Anvil did not start within {START_DEADLINE_S:.0f} s: {text.strip()[-300:]}")
