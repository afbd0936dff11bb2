"""A beacon node with its execution node, both real code, slots on demand (see beacon_node/)."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from monitor.localnet.packages import install

SOURCE = Path(__file__).parent / "beacon_node"
LODESTAR = Path(__file__).parent / "lodestar_node"
GENESIS_TIME = 1_750_000_000
SECONDS_PER_SLOT = 12
SLOTS_PER_EPOCH = 8
VALIDATORS = 64


class BeaconNet:
    """Drives the chain and asks for what only tests need: rewards."""

    def __init__(self, beacon: str, execution: str) -> None:
        self.beacon = beacon
        self.execution = execution
        self._id = 0

    def control(self, **order: Any) -> dict[str, Any]:
        """Produce slots, take validators off line, reorganise: see main.mjs."""
        return self._send(f"{self.beacon}/control", order)

    def rewards(self, first_slot: int, last_slot: int, epoch: int | None) -> int:
        """Gwei that the rewards endpoints say: blocks and sync committees of the slots, votes of the epoch."""
        total = 0
        for slot in range(first_slot, last_slot + 1):
            try:
                block = self._read(f"/eth/v1/beacon/rewards/blocks/{slot}")
            except urllib.error.HTTPError as error:
                error.close()
                assert error.code == 404  # noqa: PT017 - a missed slot
                continue
            sync = self._send(f"{self.beacon}/eth/v1/beacon/rewards/sync_committee/{slot}", [])["data"]
            total += int(block["total"]) + sum(int(row["reward"]) for row in sync)
        return total + (self._votes(epoch) if epoch is not None else 0)

    def rpc(self, method: str, *params: Any) -> Any:
        """Ask the execution node."""
        self._id += 1
        body = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}
        return self._send(self.execution, body)["result"]

    def _votes(self, epoch: int) -> int:
        rows = self._send(f"{self.beacon}/eth/v1/beacon/rewards/attestations/{epoch}", [])["data"]
        parts = ("head", "target", "source", "inactivity")
        return sum(int(row[part]) for row in rows["total_rewards"] for part in parts)

    def _read(self, path: str) -> Any:
        with urllib.request.urlopen(self.beacon + path, timeout=60) as answer:
            return json.load(answer)["data"]

    @staticmethod
    def _send(url: str, body: Any) -> Any:
        request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=240) as answer:
            return json.load(answer)


@contextmanager
def beacon_net(folder: Path) -> Iterator[BeaconNet]:
    """A chain of its own; its processes end with the block, or with ours however that ends."""
    modules = install(SOURCE)
    app = _app(folder, modules, SOURCE)
    arguments = [str(modules), str(folder), str(VALIDATORS), str(GENESIS_TIME)]
    with _running(app, "main.mjs", arguments) as urls:
        yield BeaconNet(**urls)


@contextmanager
def lodestar_net(folder: Path, validators: int) -> Iterator[BeaconNet]:
    """Unmodified Lodestar 1.5.1 on ethereumjs: a minute to install once, a slot every two seconds, no `control`."""
    client_modules, modules = install(SOURCE), _lodestar_modules()
    app = _app(folder, modules, SOURCE, LODESTAR)
    arguments = [str(client_modules), str(modules), str(folder), str(validators)]
    with _running(app, "pair.mjs", arguments) as urls:
        yield BeaconNet(**urls)


def _lodestar_modules() -> Path:
    """Its one native package is built from source, which `install` does not do."""
    modules = install(LODESTAR)
    if not (modules / "snappy/build/Release").is_dir() and not list(modules.glob("snappy/**/*.node")):
        npm = shutil.which("npm")
        assert npm is not None
        command = [npm, "rebuild", "snappy", "--dangerously-allow-all-scripts"]
        subprocess.run(command, cwd=modules.parent, check=True, capture_output=True, timeout=300)
    return modules


def _app(folder: Path, modules: Path, *sources: Path) -> Path:
    """The scripts beside the packages that they import."""
    app = folder / "app"
    for source in sources:
        shutil.copytree(source, app, dirs_exist_ok=True)
    (app / "node_modules").symlink_to(modules)
    return app


@contextmanager
def _running(app: Path, script: str, arguments: list[str]) -> Iterator[dict[str, str]]:
    """The URLs that a script prints once its nodes answer."""
    node = shutil.which("node")
    assert node is not None, "Node.js is needed for the local chains"
    environment = {"LODESTAR_PRESET": "minimal", "PATH": str(Path(node).parent), "HOME": str(app)}
    with (app / "log").open("wb") as log:
        process = subprocess.Popen(
            [node, "-r", "./polyfill.cjs", script, *arguments],
            cwd=app, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
        )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, (app / "log").read_text()[-2000:]
        yield json.loads(line)
    finally:
        process.stdin.close()
        process.wait(timeout=20)
        process.stdout.close()
