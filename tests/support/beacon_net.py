"""A beacon node with its execution node, both real code, slots on demand (see beacon_node/)."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from monitor.localnet.packages import install

SOURCE = Path(__file__).parent / "beacon_node"
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
    app = folder / "app"
    shutil.copytree(SOURCE, app)
    (app / "node_modules").symlink_to(modules)
    node = shutil.which("node")
    assert node is not None, "Node.js is needed for the local chains"
    command = [
        node,
        "-r",
        "./polyfill.cjs",
        "main.mjs",
        str(modules),
        str(folder),
        str(VALIDATORS),
        str(GENESIS_TIME),
    ]
    with (folder / "beacon.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=app, env={"LODESTAR_PRESET": "minimal", "PATH": str(Path(node).parent), "HOME": str(folder)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
        )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, (folder / "beacon.log").read_text()[-2000:]
        yield BeaconNet(**json.loads(line))
    finally:
        process.stdin.close()
        process.wait(timeout=20)
        process.stdout.close()
